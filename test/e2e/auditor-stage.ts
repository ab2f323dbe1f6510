/** A ledger that really lives on the embedded chain, and its log as it is published. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { decodeFunctionResult, encodeFunctionData, type Hex, hexToBytes, toHex as viemHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { appendHash, entryHash, logRootAt, newLogTree } from '../../auditor/naive/trees.ts'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import type { Header } from '../../enclave/protocol/header.ts'
import { headerHash } from '../../enclave/protocol/header.ts'
import { type Address, fromHex, type Hash, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import { checkpointText, logOrigin, signNote, verifierKeyOf } from '../../enclave/protocol/note.ts'
import { packPayouts, payoutsHash, payoutTicket, type TicketRound, ticketHash } from '../../enclave/protocol/ticket.ts'
import {
  encodeEntryBundle,
  fullTiles,
  partialWidth,
  TILE_WIDTH,
  type TileName,
  tilePath,
} from '../../enclave/protocol/tlog.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { awaitReceipt, callRpc, sendTransaction } from '../../scripts/chain/rpc.ts'
import { appointAuthority, type Deployment, fundGasFloat, setupChain } from '../../scripts/chain/setup.ts'
import { WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { ANCHOR_TYPES, compactOf, keyOf } from '../contracts/wire.ts'
import { aPolicy, hashOf, LogBuilder } from '../unit/auditor/log-builder.ts'

const ETHER_WEI = 10n ** 18n
const CALL_GAS = 5_000_000n
const ROUND_LENGTH_BLOCKS = 5_000n
/** A seed and the bytes before it: PKCS#8 of an Ed25519 key. */
const LOG_KEY = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
})
const LOG_PUBLIC_KEY = new Uint8Array(createPublicKey(LOG_KEY).export({ format: 'der', type: 'spki' }).subarray(-32))

export const TRANSCODERS = [0, 1, 2].map((index) => keyOf(`transcoder ${index}`).address.toLowerCase() as Address)

/** Brings a call to the anchor, on whatever way. */
type Send = (data: Hex) => Promise<void>

export class Stage {
  readonly url: string
  readonly deployment: Deployment
  readonly anchor: Address
  readonly log: LogBuilder
  readonly authority: PrivateKeyAccount
  session: PrivateKeyAccount = keyOf('no session')
  /** The header that was committed last. */
  header: Header | undefined

  private constructor(url: string, deployment: Deployment) {
    this.url = url
    this.deployment = deployment
    this.anchor = deployment.anchor.toLowerCase() as Address
    this.authority = keyOf('authority')
    this.log = new LogBuilder({
      policy: aPolicy({
        chainId: deployment.chainId,
        anchor: this.anchor,
        broker: deployment.broker.toLowerCase() as Address,
      }),
      roster: TRANSCODERS.map((recipient, index) => ({ id: `orch-${index}`, recipient })),
      logKey: toHash(LOG_PUBLIC_KEY),
      guardian: deployment.guardian.toLowerCase() as Address,
      authority: this.authority.address.toLowerCase() as Address,
    })
  }

  static async start(url: string): Promise<Stage> {
    const guardian = devAccount(DEV_ACCOUNTS.guardian).address
    const treasuryWei = (20n * ETHER_WEI) as Wei
    const deployment = await setupChain(url, {
      guardian,
      transcoders: TRANSCODERS,
      roundLengthBlocks: ROUND_LENGTH_BLOCKS,
      treasuryWei,
    })
    const stage = new Stage(url, deployment)
    await appointAuthority(url, { anchor: deployment.anchor, authority: stage.authority.address })
    await fundGasFloat(url, { authority: stage.authority.address, amountWei: ETHER_WEI as Wei })
    return stage
  }

  /** A session on chain and in the log. */
  async open(name: string): Promise<void> {
    this.session = keyOf(name)
    const open = {
      epoch: this.log.state.epoch + 1,
      head: this.log.state.head,
      session: this.session.address,
      attestationDigest: hashOf(9),
    }
    this.log.open(this.session.address.toLowerCase() as Address, hashOf(9))
    const sig = await this.authority.signTypedData({
      domain: this.#domain(),
      types: ANCHOR_TYPES,
      primaryType: 'Open',
      message: open,
    })
    await this.#send(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'openSession', args: [open, sig] }))
  }

  /** A commit without payouts, landed and settled. */
  async bare(send: Send = (data) => this.#send(data)): Promise<void> {
    this.log.bare()
    const { commit, sig } = await this.#commit(ZERO_HASH)
    await send(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commit', args: [commit, sig] }))
    this.log.settle(null)
  }

  /** Pays what is due but the positions of `skip`. */
  async pay(skip = 0n, send: Send = (data) => this.#send(data)): Promise<void> {
    this.log.pay()
    const packed = await this.#pack()
    const { commit, sig } = await this.#commit(payoutsHash(packed, skip))
    const args = [commit, viemHex(packed), skip, sig] as const
    await send(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commitAndPay', args }))
    const count = this.log.state.unlanded?.payouts.length ?? 0
    this.log.settle((2n ** BigInt(count) - 1n) & ~skip)
  }

  async #commit(hash: Hash) {
    const { unlanded } = this.log.state
    if (unlanded === null) throw new TypeError('expected an unlanded commit')
    const { header } = unlanded
    this.header = header
    const { epoch, sequence, prev, balanceRoot, logRoot } = header
    const commit = {
      epoch,
      sequence,
      prev,
      next: headerHash(header),
      payoutsHash: hash,
      balanceRoot,
      logRoot,
      logSize: BigInt(header.logSize),
    }
    const sig = await this.session.signTypedData({
      domain: this.#domain(),
      types: ANCHOR_TYPES,
      primaryType: 'Commit',
      message: commit,
    })
    return { commit, sig }
  }

  async #pack(): Promise<Uint8Array> {
    const payouts = this.log.state.unlanded?.payouts ?? []
    const round = await this.round()
    const lower = (address: Hex): Address => address.toLowerCase() as Address
    const tickets = []
    for (const { payoutId, recipient, wei: amountWei } of payouts) {
      const sender = lower(this.authority.address)
      const ticket = payoutTicket({
        sender,
        session: lower(this.session.address),
        recipient,
        amountWei,
        payoutId,
        round,
      })
      const full = await this.authority.signMessage({ message: { raw: ticketHash(ticket) } })
      tickets.push({ recipient, amountWei, signature64: hexToBytes(compactOf(full)) })
    }
    return packPayouts({ round, firstPayoutId: payouts[0]?.payoutId ?? 0, tickets, transfers: [] })
  }

  async round(): Promise<TicketRound> {
    const number = Number(await this.#world('currentRound', []))
    return { number, hash: (await this.#world('blockHashForRound', [BigInt(number)])) as Hash }
  }

  async #world(functionName: 'currentRound' | 'blockHashForRound', args: readonly bigint[]): Promise<unknown> {
    const data = encodeFunctionData({ abi: WORLD_ABI, functionName, args } as never)
    const answer = (await callRpc(this.url, 'eth_call', [{ to: WORLD.roundsManager, data }, 'latest'])) as Hex
    return decodeFunctionResult({ abi: WORLD_ABI, functionName, data: answer } as never)
  }

  #domain() {
    return {
      name: 'Anchorhold',
      version: '1',
      chainId: this.deployment.chainId,
      verifyingContract: this.deployment.anchor,
    }
  }

  async #send(data: Hex): Promise<void> {
    const hash = await sendTransaction(this.url, this.authority as never, {
      to: this.deployment.anchor,
      data,
      gas: CALL_GAS,
    })
    await awaitReceipt(this.url, hash)
  }

  /** Writes the log up to the last commit, as a mirror would have it. */
  async publish(folder: string): Promise<void> {
    const size = this.header?.logSize ?? 0
    const origin = logOrigin(this.deployment.chainId, this.anchor)
    const text = checkpointText({ origin, size, root: fromHex(this.header?.logRoot ?? ZERO_HASH) })
    const note = signNote(
      text,
      verifierKeyOf(origin, LOG_PUBLIC_KEY),
      (message) => new Uint8Array(sign(null, message, LOG_KEY)),
    )
    await writeTiles(folder, this.log.entries.slice(0, size))
    await writeFile(join(folder, 'checkpoint'), note)
  }
}

/** Credits before the first commit: two full tiles and a partial one. */
export const LINES = 540

/** Two sessions, a bare commit, payouts with one skipped, and a commit that never landed. */
export async function livedLedger(url: string): Promise<Stage> {
  const stage = await Stage.start(url)
  await stage.open('first session')
  for (let line = 0; line < LINES; line++) stage.log.lineOf(`orch-${line % 5}`, '0.001')
  await stage.bare()
  await stage.pay()
  stage.log.lineOf('orch-0', '0.2').lineOf('orch-1', '0.3').lineOf('orch-1', '-0.1').raw('{}\n')
  await stage.pay(1n)
  // A boot whose commit never landed.
  stage.log.bare().void()
  await stage.open('second session')
  stage.log.lineOf('orch-2', '1')
  await stage.bare()
  stage.log.lineOf('orch-2', '0.4')
  await stage.pay()
  return stage
}

/** Every bundle and hash tile of these entries. */
export async function writeTiles(folder: string, entries: readonly Uint8Array[]): Promise<void> {
  const tree = newLogTree()
  for (const entry of entries) appendHash(tree, entryHash(entry))
  logRootAt(tree, entries.length)
  const write = async (name: TileName, bytes: Uint8Array): Promise<void> => {
    const path = join(folder, tilePath(name))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
  }
  for (let level = 0; entries.length >= TILE_WIDTH ** level; level++) {
    const row = tree.levels[level * 8] ?? []
    const full = fullTiles(entries.length, level)
    const rest = partialWidth(entries.length, level)
    const widths = [...Array.from({ length: full }, () => TILE_WIDTH), ...(rest > 0 ? [rest] : [])]
    for (const [index, width] of widths.entries()) {
      const first = index * TILE_WIDTH
      await write({ kind: 'hashes', level, index, width }, concatBytes(...row.slice(first, first + width)))
      if (level === 0)
        await write({ kind: 'entries', index, width }, encodeEntryBundle(entries.slice(first, first + width)))
    }
  }
}
