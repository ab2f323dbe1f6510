/**
 * Where an attack is played: the embedded chain with Livepeer's world, the real anchor with a treasury, and as many real
 * enclave processes as the attacker cares to start, all on the same key ciphertexts and on whatever blobs he picks.
 * Everything that an honest host does is one call here; every lie is a parameter of it.
 */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData, type Hex, parseEventLogs } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, type Hash, toHex } from '../../enclave/protocol/ids.ts'
import type { CommitResult, SignedCall } from '../../enclave/protocol/method-results.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { type AnchorFacts, type Chain, openChain } from '../../host/chain.ts'
import { type Claim, matches, STANDING_AT_GENESIS, standingAfter } from '../../host/prefix.ts'
import { DEV_ACCOUNTS, type DevAccount, devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from '../../scripts/chain/evm.ts'
import { appointAuthority, type Deployment, fundGasFloat, setupChain } from '../../scripts/chain/setup.ts'
import { TICKET_BROKER_ABI, WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { aGenesis, anAddress, aPolicy, audited } from '../builders/boot.ts'
import { Boot, type KeyCiphertexts, type Round, type StoredRecord } from './boot.ts'
import { ChainNode, type MinedReceipt } from './chain-node.ts'

export const ETHER_WEI = 10n ** 18n
export const TREASURY_WEI = 20n * ETHER_WEI
export const ROUND_LENGTH_BLOCKS = 5_000n
const FLOAT_WEI = ETHER_WEI
const PAYEES = 5
const STRANGER_INDEX = 7
const STRANGER_GAS = 15_000_000n
const ARTIFACTS = join(import.meta.dirname, '..', '..', 'artifacts')

export type StageOptions = {
  readonly policy?: Partial<Policy>
  /** The broker's rules: v1 burns a ticket for any part of its face, v2 wants all of it. */
  readonly rules?: 'v1' | 'v2'
  /** Ids `orch-0` and on, whose recipients Livepeer knows. */
  readonly payees?: number
  /** Ids after them whose recipients Livepeer doesn't know: their tickets fail. */
  readonly strangers?: number
  /** Recipients in place of the made-up ones, by number of id. */
  readonly recipients?: (stage: { readonly node: ChainNode }) => Promise<readonly Address[]>
}

export type Outcome = {
  readonly landed: boolean
  /** The anchor's error by name when it did not land; undefined when the call alone would have passed. */
  readonly error: string | undefined
  /** Of a paying commit. */
  readonly bitmap: bigint | null
  readonly receipt: MinedReceipt
}

type Parts = Pick<Stage, 'node' | 'folder' | 'deployment' | 'chain' | 'configuration' | 'genesis' | 'roster'>

export class Stage {
  readonly node: ChainNode
  readonly folder: string
  readonly deployment: Deployment
  readonly chain: Chain
  /** What every enclave of the stage is started for. */
  readonly configuration: object
  /** As the enclave takes it over the wire. */
  readonly genesis: object
  readonly roster: readonly { readonly id: string; readonly recipient: Address }[]
  keys: (KeyCiphertexts & { readonly address: Address }) | undefined
  readonly #boots: Boot[] = []
  /** Started and never used. */
  readonly #spare: Boot[] = []
  #count = 0

  private constructor(parts: Parts) {
    this.node = parts.node
    this.folder = parts.folder
    this.deployment = parts.deployment
    this.chain = parts.chain
    this.configuration = parts.configuration
    this.genesis = parts.genesis
    this.roster = parts.roster
  }

  /** Everything up to the moment before genesis: the authority is appointed, treasury and float are filled. */
  static async open(options: StageOptions = {}): Promise<Stage> {
    const node = await ChainNode.start()
    try {
      const stage = new Stage(await partsOf(node, options))
      const boot = await stage.#start()
      stage.#spare.push(boot)
      stage.keys = await boot.call('generate', {})
      const { anchor } = stage.deployment
      const authority = stage.authority
      await node.mineUntil(appointAuthority(node.url, { anchor, authority }))
      await node.mineUntil(fundGasFloat(node.url, { authority, amountWei: wei(FLOAT_WEI) }))
      return stage
    } catch (error) {
      await node.stop()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.stopBoots()
    for (const boot of this.#spare.splice(0)) await boot.stop()
    await this.node.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Ends every enclave of a test. */
  async stopBoots(): Promise<void> {
    await Promise.all(this.#boots.splice(0).map((boot) => boot.stop()))
  }

  get authority(): Address {
    assert(this.keys !== undefined, 'the keys are drawn when the stage opens')
    return this.keys.address
  }

  get anchor(): Address {
    return lower(this.deployment.anchor)
  }

  // ── enclaves ──

  /** A cold enclave process, without its keys. */
  async cold(): Promise<Boot> {
    const boot = this.#spare.pop() ?? (await this.#start())
    this.#boots.push(boot)
    return boot
  }

  /** An enclave process that holds its keys and nothing else. */
  async boot(): Promise<Boot> {
    const boot = await this.cold()
    assert(this.keys !== undefined, 'the keys are drawn when the stage opens')
    await boot.provision(this.keys)
    return boot
  }

  /** The first boot of the ledger, with its session on chain. */
  async active(): Promise<Boot> {
    const boot = await this.boot()
    await boot.begin(this.genesis, 0)
    await this.activate(boot)
    return boot
  }

  /** Another boot, loaded from these records as an honest host does it, with its session on chain. */
  async reloaded(records: readonly StoredRecord[]): Promise<Boot> {
    const boot = await this.boot()
    await boot.load(records, await this.claimFor(records))
    await this.activate(boot)
    return boot
  }

  /** Opens the session on chain and says so. */
  async activate(boot: Boot): Promise<void> {
    const opened = await boot.openSession()
    const { landed, error } = await this.send(opened)
    assert(landed, `expected the session of an honest boot to land, got ${error}`)
    await boot.tellLanded(opened.epoch)
  }

  async #start(): Promise<Boot> {
    const round = () => this.round()
    const accountNonce = async () => (await this.facts()).accountNonce
    return Boot.start(this.folder, `enclave-${this.#count++}`, { round, accountNonce })
  }

  // ── the chain, as it is ──

  facts(): Promise<AnchorFacts> {
    return this.chain.facts(this.keys?.address ?? anAddress(1))
  }

  async round(): Promise<Round> {
    const { number, hash } = await this.chain.round()
    return { number, hash }
  }

  /** Opens the round that has begun, as a keeper does. */
  async openRound(): Promise<void> {
    const data = encodeFunctionData({ abi: WORLD_ABI, functionName: 'initializeRound' })
    const { status } = await this.asStranger({ to: WORLD.roundsManager, data })
    assert.equal(status, '0x1', 'a round that has begun can be opened')
  }

  /** The truth about the head. */
  async claim(): Promise<Claim> {
    const { head, epoch, sequence } = await this.facts()
    return { head, epoch, bitmap: sequence === 0 ? null : await this.chain.bitmapOf(sequence, head) }
  }

  /** The truth about the head, in the words that fit these records: the bitmap is told where they leave it open. */
  async claimFor(records: readonly StoredRecord[]): Promise<Claim> {
    const claim = await this.claim()
    const standing = records.reduce((before, { entries }) => standingAfter(before, entries), STANDING_AT_GENESIS)
    const fitting = matches(standing, claim)
    assert(fitting !== undefined, `expected records that lead to head ${claim.head}, got some that don't`)
    return { ...claim, ...fitting }
  }

  treasuryWei(): Promise<bigint> {
    return this.node.balanceOf(this.anchor)
  }

  /** What has left the treasury since the stage opened. */
  async outflowWei(): Promise<bigint> {
    return TREASURY_WEI - (await this.treasuryWei())
  }

  /** What an address got through the broker, by the amounts that moved and not by the faces of tickets. */
  async ticketsPaidWei(recipient: Address): Promise<bigint> {
    const filter = { address: WORLD.ticketBroker, fromBlock: '0x0', toBlock: 'latest' }
    const logs = (await this.node.request('eth_getLogs', filter)) as never[]
    const moved = parseEventLogs({ abi: TICKET_BROKER_ABI, logs, eventName: 'WinningTicketTransfer' })
    return moved
      .filter(({ args }) => lower(args.recipient) === recipient)
      .reduce((sum, { args }) => sum + args.amount, 0n)
  }

  /** What the anchor's event says of the document behind a session. */
  async sessionDigest(epoch: number): Promise<Hash | undefined> {
    const filter = { address: this.anchor, fromBlock: '0x0', toBlock: 'latest' }
    const logs = (await this.node.request('eth_getLogs', filter)) as never[]
    const opened = parseEventLogs({ abi: ANCHOR_ABI, logs, eventName: 'SessionOpened', args: { epoch } })
    return opened.at(-1)?.args.attestationDigest as Hash | undefined
  }

  recipientOf(id: string): Address {
    const item = this.roster.find((known) => known.id === id)
    assert(item !== undefined, `${id} is in the roster`)
    return item.recipient
  }

  // ── what the host sends ──

  /** The authority's own transaction, into the next block. */
  async send(signed: SignedCall): Promise<Outcome> {
    return this.#judged(await this.node.land(toHex(signed.rawTransaction)), signed)
  }

  /** Into the pool: `node.mine` decides when it lands, and beside what. Gives the hash. */
  submit(signed: SignedCall): Promise<Hex> {
    return this.node.submit(toHex(signed.rawTransaction))
  }

  /** The same call carried by a stranger. */
  async relay(signed: Pick<SignedCall, 'call'>, gas: bigint = STRANGER_GAS): Promise<Outcome> {
    return this.#judged(await this.asStranger({ to: this.anchor, data: toHex(signed.call), gas }), signed)
  }

  /** Any transaction of an account that nobody knows, into the next block. */
  async asStranger(transaction: { to: Hex; data?: Hex; value?: bigint; gas?: bigint }): Promise<MinedReceipt> {
    return this.as(devAccount(STRANGER_INDEX), transaction)
  }

  async as(
    account: DevAccount,
    transaction: { to?: Hex; data?: Hex; value?: bigint; gas?: bigint },
  ): Promise<MinedReceipt> {
    return this.node.land(await this.rawOf(account, transaction))
  }

  /** Signed and not sent. */
  async rawOf(account: DevAccount, transaction: { to?: Hex; data?: Hex; value?: bigint; gas?: bigint }): Promise<Hex> {
    const nonce = Number(await this.node.request('eth_getTransactionCount', account.address, 'latest'))
    return account.signTransaction({
      type: 'eip1559',
      chainId: CHAIN_ID,
      nonce,
      gas: STRANGER_GAS,
      maxFeePerGas: BASE_FEE_WEI,
      maxPriorityFeePerGas: 0n,
      ...transaction,
    })
  }

  guardian(): DevAccount {
    return devAccount(DEV_ACCOUNTS.guardian)
  }

  /** The name of the anchor's error for a call as things stand; undefined when it would pass. */
  async refusalOf({ call }: Pick<SignedCall, 'call'>, from: Address = this.authority): Promise<string | undefined> {
    const simulated = await this.chain.simulate(from, toHex(call))
    return simulated.kind === 'reverts' ? simulated.error : undefined
  }

  async #judged(receipt: MinedReceipt, signed: Pick<SignedCall, 'call'>): Promise<Outcome> {
    const landed = receipt.status === '0x1'
    const error = landed ? undefined : await this.refusalOf(signed)
    return { landed, error, bitmap: bitmapOf(receipt), receipt }
  }

  /** A paying commit from choice to settlement, in all honesty. */
  async pay(boot: Boot): Promise<{ readonly commit: CommitResult; readonly bitmap: bigint }> {
    const commit = await boot.prepare()
    const { landed, error, bitmap } = await this.send(commit)
    assert(landed && bitmap !== null, `expected an honest commit to land, got ${error}`)
    await boot.confirm(commit.sequence, bitmap)
    return { commit, bitmap }
  }

  /** A commit without payouts, landed and settled. */
  async anchorBare(boot: Boot): Promise<CommitResult> {
    const commit = await boot.prepare({ mode: 'bare' })
    const { landed, error } = await this.send(commit)
    assert(landed, `expected an honest bare commit to land, got ${error}`)
    await boot.confirm(commit.sequence, null)
    return commit
  }

  /** The oracle: the auditor accepts the log, and what it says was paid is what left the treasury. */
  async audits(boot: Boot): Promise<ReturnType<typeof audited>> {
    const ledger = judged(boot.entries)
    assert.equal(ledger.paidWei, await this.outflowWei(), 'what the log says was paid is what left the treasury')
    return ledger
  }
}

/** What a landed commit says that it paid; null when it paid nobody or did not land. */
export function bitmapOf(receipt: MinedReceipt): bigint | null {
  const [settled] = parseEventLogs({ abi: ANCHOR_ABI, logs: [...receipt.logs] as never[], eventName: 'Settled' })
  return settled?.args.bitmap ?? null
}

function judged(entries: readonly Uint8Array[]): ReturnType<typeof audited> {
  try {
    return audited(entries)
  } catch (error) {
    assert.fail((error as Error).message)
  }
}

async function partsOf(node: ChainNode, options: StageOptions): Promise<Parts> {
  const made = await options.recipients?.({ node })
  const known = made ?? Array.from({ length: options.payees ?? PAYEES }, (_, at) => anAddress(0x1000 + at))
  const unknown = Array.from({ length: options.strangers ?? 0 }, (_, at) => anAddress(0x9000 + at))
  const deployment = await node.mineUntil(
    setupChain(node.url, {
      guardian: devAccount(DEV_ACCOUNTS.guardian).address,
      transcoders: known,
      roundLengthBlocks: ROUND_LENGTH_BLOCKS,
      rules: options.rules ?? 'v2',
      treasuryWei: wei(TREASURY_WEI),
      artifactsPath: ARTIFACTS,
    }),
  )
  const roster = [...known, ...unknown].map((recipient, at) => ({ id: `orch-${at}`, recipient }))
  const { folder, configuration, genesis } = writeFiles(deployment, roster, options.policy ?? {})
  const anchor = lower(deployment.anchor)
  const chain = openChain({ rpcUrls: [node.url], chainId: CHAIN_ID, anchor, finality: 'finalized' })
  return { node, folder, deployment, chain, configuration, genesis, roster }
}

/** The configuration that every enclave of the stage is started for. */
function writeFiles(deployment: Deployment, roster: Stage['roster'], over: Partial<Policy>) {
  const anchor = lower(deployment.anchor)
  const broker = lower(deployment.broker)
  const treasuryOwner = lower(devAccount(DEV_ACCOUNTS.treasuryOwner).address)
  const policy = aPolicy({ chainId: CHAIN_ID, anchor, broker, treasuryOwner, cadenceSeconds: 0, ...over })
  const genesis = aGenesis({ policy, roster: [...roster] })
  const guardian = lower(deployment.guardian)
  const configuration = { chainId: CHAIN_ID, anchor, broker, guardian, role: 'core', genesisHash: genesisHash(genesis) }
  const folder = mkdtempSync(join(tmpdir(), 'attack-'))
  mkdirSync(join(folder, 'keys'))
  writeFileSync(join(folder, 'enclave.json'), `${JSON.stringify(configuration)}\n`)
  return { folder, configuration, genesis: JSON.parse(JSON.stringify(genesis, amountsAsText)) as object }
}

function amountsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

export function lower(address: string): Address {
  return address.toLowerCase() as Address
}
