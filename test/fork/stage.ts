/** A ledger on a fork: our anchor in front of the upstream's own broker, its keys drawn by a real enclave process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Address as Checksummed,
  concatHex,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  http,
  keccak256,
  parseEther,
} from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, type Hash, type Hex, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import type { KeyFile } from '../../host/boot.ts'
import { type AnchorFacts, type Chain, openChain, type RoundFacts } from '../../host/chain.ts'
import { readArtifact } from '../../scripts/chain/world.ts'
import type { Upstream } from '../../scripts/fork/upstream.ts'
import { UNGOVERNED_JSON } from '../builders/governance.ts'
import { keyOf } from '../contracts/wire.ts'
import { findLivepeer, findPayees, type Livepeer, leaveRound, openRound } from './livepeer.ts'
import { type Fork, type ForkClient, openFork } from './network.ts'

export type Outcome = { readonly hash: Hash; readonly landed: boolean; readonly error: string | undefined }

export type Stage = {
  readonly dir: string
  readonly fork: Fork
  readonly client: ForkClient
  readonly livepeer: Livepeer
  /** Who is paid for each id: as many ids as a test wants, whatever the size of the pool. */
  readonly roster: readonly { readonly id: string; readonly recipient: Address }[]
  readonly anchor: Address
  /** The block of the anchor's creation. */
  readonly anchorBlock: number
  readonly chain: Chain
  readonly genesis: ReturnType<typeof genesisOf>
  keys: KeyFile | undefined
  /** How many enclave processes were started. */
  boots: number
  authority(): Address
  facts(): Promise<AnchorFacts>
  /** The round, opened when need be. */
  round(): Promise<RoundFacts>
  /** Broadcasts and looks at the receipt; `error` is what a simulation just before said. */
  send(raw: Uint8Array, call: Hex): Promise<Outcome>
  treasuryWei(): Promise<bigint>
  close(): Promise<void>
}

/** Keys that nobody used on any chain: the well-known ones of development carry foreign code on Arbitrum. */
export const GUARDIAN = keyOf('fork guardian')
export const STRANGER = keyOf('fork stranger')
const TREASURY_WEI = parseEther('20')
const ACCOUNT_WEI = parseEther('1000')
const IDS = ['orch-a', 'orch-b', 'orch-c', 'orch-d']
const DEPLOY_GAS = 10_000_000n
const CALL_GAS = 1_000_000n

export async function openStage(upstream: Upstream): Promise<Stage> {
  const fork = await openFork(upstream)
  const { client } = fork
  for (const { address } of [GUARDIAN, STRANGER]) await client.setBalance({ address, value: ACCOUNT_WEI })
  const livepeer = await findLivepeer(client)
  await leaveRound(client, livepeer)
  await openRound(client, livepeer, STRANGER.address)
  const payees = await findPayees(client, livepeer)
  const roster = IDS.map((id, at) => ({ id, recipient: lower(payees[at % payees.length] as Checksummed) }))
  const { anchor, anchorBlock } = await deployAnchor(fork, livepeer)
  const dir = mkdtempSync(join(tmpdir(), 'fork-'))
  const genesis = genesisOf(fork, anchor, livepeer, roster)
  writeConfiguration(dir, fork, anchor, livepeer, genesis)
  const chain = openChain({ rpcUrls: [fork.url], chainId: fork.chainId, anchor, finality: 'finalized' })
  return stageOf({ dir, fork, client, livepeer, roster, anchor, anchorBlock, chain, genesis })
}

type Parts = Pick<
  Stage,
  'dir' | 'fork' | 'client' | 'livepeer' | 'roster' | 'anchor' | 'anchorBlock' | 'chain' | 'genesis'
>

function stageOf(parts: Parts): Stage {
  const { client, chain, livepeer, anchor, fork, dir } = parts
  const stage: Stage = {
    ...parts,
    keys: undefined,
    boots: 0,
    authority: () => {
      if (stage.keys === undefined) throw new Error('the authority is known once an enclave has drawn the keys')
      return stage.keys.address as Address
    },
    facts: () => chain.facts(stage.authority()),
    round: async () => {
      await openRound(client, livepeer, STRANGER.address)
      return chain.round()
    },
    send: (raw, call) => send(stage, raw, call),
    treasuryWei: () => client.getBalance({ address: anchor }),
    close: async () => {
      await fork.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return stage
}

/** The guardian appoints the authority, its account gets gas, and the anchor its treasury. */
export async function appoint({ client, fork, anchor }: Stage, authority: Address): Promise<void> {
  await asGuardian(fork, {
    to: anchor,
    gas: CALL_GAS,
    data: encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'appointAuthority', args: [authority] }),
  })
  await client.setBalance({ address: authority, value: ACCOUNT_WEI })
  await asGuardian(fork, { to: anchor, gas: CALL_GAS, value: TREASURY_WEI })
}

async function deployAnchor(fork: Fork, { broker }: Livepeer): Promise<{ anchor: Address; anchorBlock: number }> {
  const { bytecode } = await readArtifact('LedgerAnchor')
  const args = encodeAbiParameters([{ type: 'address' }, { type: 'address' }], [broker, GUARDIAN.address])
  const { contractAddress, blockNumber } = await asGuardian(fork, {
    gas: DEPLOY_GAS,
    data: concatHex([bytecode, args]),
  })
  if (contractAddress === null || contractAddress === undefined)
    throw new Error('expected the anchor to have an address')
  return { anchor: lower(contractAddress), anchorBlock: Number(blockNumber) }
}

async function asGuardian({ client, url }: Fork, transaction: { to?: Hex; data?: Hex; value?: bigint; gas: bigint }) {
  const wallet = createWalletClient({ account: GUARDIAN, chain: client.chain, transport: http(url) })
  const hash = await wallet.sendTransaction(transaction)
  const receipt = await client.getTransactionReceipt({ hash })
  if (receipt.status !== 'success') throw new Error('expected a transaction of the guardian to succeed, it reverted')
  return receipt
}

function genesisOf(fork: Fork, anchor: Address, { broker }: Livepeer, roster: Stage['roster']) {
  const policy = parsePolicy({
    chainId: fork.chainId,
    anchor,
    broker: lower(broker),
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: lower(keyOf('fork treasury owner').address),
    thresholdWei: '1000000000000000',
    payoutWeiMin: '1000000000000000',
    payoutWeiMax: '1000000000000000000',
    commitWeiMax: '10000000000000000000',
    payoutsPerCommitMax: 50,
    cadenceSeconds: 60,
    // Whatever the upstream's fees are: the float is play money.
    gasPriceWeiMax: '10000000000000',
    gasMax: 16_000_000,
    signaturesPerSequenceMax: 100,
    backoffSequencesMax: 64,
    accountsMax: 1_000,
    ...UNGOVERNED_JSON,
  })
  return { policy, roster, openings: [], journalSize: 0, journalHead: ZERO_HASH }
}

function writeConfiguration(dir: string, fork: Fork, anchor: Address, { broker }: Livepeer, genesis: Stage['genesis']) {
  const configuration = {
    chainId: fork.chainId,
    anchor,
    broker: lower(broker),
    guardian: lower(GUARDIAN.address),
    role: 'core',
    genesisHash: genesisHash(genesis),
  }
  writeFileSync(join(dir, 'enclave.json'), `${JSON.stringify(configuration)}\n`)
}

async function send(stage: Stage, raw: Uint8Array, call: Hex): Promise<Outcome> {
  const { chain, client } = stage
  const error = await refusalOf(stage, call)
  const serializedTransaction = `0x${Buffer.from(raw).toString('hex')}` as const
  // A node of this kind answers a mined revert by an error: the hash is computed here, and the receipt decides.
  await client.sendRawTransaction({ serializedTransaction }).catch(() => undefined)
  const hash = hashOf(raw)
  const receipt = await chain.receiptOf(hash)
  if (receipt === undefined) throw new Error(`expected transaction ${hash} in a block, it is in none`)
  return { hash, landed: receipt.succeeded, error }
}

/** The anchor's error for this call as it stands, by name, as the host's own simulation tells it; undefined when it would pass. */
export async function refusalOf({ chain, authority }: Stage, data: Hex): Promise<string | undefined> {
  const simulated = await chain.simulate(authority(), data)
  return simulated.kind === 'reverts' ? simulated.error : undefined
}

export function lower(address: string): Address {
  return address.toLowerCase() as Address
}

function hashOf(raw: Uint8Array): Hash {
  return keccak256(raw) as Hash
}
