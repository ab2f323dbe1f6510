/** Boots of one ledger's enclave inside the test process, speaking to the real dispatcher in real frames. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newReplay, step, summary } from '../../auditor/replay.ts'
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { openDevelopmentKms } from '../../enclave/development/kms.ts'
import { answer } from '../../enclave/dispatch.ts'
import { type Instance, newInstance } from '../../enclave/instance.ts'
import type { Configuration, Genesis } from '../../enclave/protocol/configuration.ts'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { decodeMessage, type Encoding, encodeMessage, type Message } from '../../enclave/protocol/frame.ts'
import { type Address, fromHex, type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import { UNGOVERNED } from './governance.ts'

const ETHER_WEI = 10n ** 18n

export function anAddress(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}

export function aPolicy(over: Partial<Policy> = {}): Policy {
  return {
    chainId: 42_161,
    anchor: anAddress(0xa1),
    broker: anAddress(0xb1),
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: anAddress(0xc1),
    thresholdWei: wei(ETHER_WEI / 1000n),
    payoutWeiMin: wei(ETHER_WEI / 1000n),
    payoutWeiMax: wei(ETHER_WEI),
    commitWeiMax: wei(10n * ETHER_WEI),
    payoutsPerCommitMax: 50,
    cadenceSeconds: 60,
    gasPriceWeiMax: wei(10n ** 11n),
    gasMax: 16_000_000,
    signaturesPerSequenceMax: 8,
    backoffSequencesMax: 16,
    accountsMax: 10_000,
    ...UNGOVERNED,
    ...over,
  }
}

export function aGenesis(over: Partial<Genesis> = {}): Genesis {
  const roster = Array.from({ length: 5 }, (_, at) => ({ id: `orch-${at}`, recipient: anAddress(0x1000 + at) }))
  return { policy: aPolicy(), roster, openings: [], journalSize: 0, journalHead: ZERO_HASH, ...over }
}

export const FEES = { gas: 1_000_000, maxFeePerGasWei: '1000000000', maxPriorityFeePerGasWei: '1' }
export const ROUND = { number: 7, hash: `0x${'11'.repeat(32)}` }

/** A line of the original form. */
export function aLine(id: string, amount: string, over: object = {}): Uint8Array {
  const line = {
    timestamp: '2026-11-20T08:53:30+00:00',
    event: 'credit',
    orchestrator_id: id,
    amount,
    balance: '1',
    reason: 'workload',
    ...over,
  }
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`)
}

export function bitmapHash(bits: bigint): Hash {
  return `0x${bits.toString(16).padStart(64, '0')}` as Hash
}

type Released = { readonly record: number; readonly sealed: Uint8Array; readonly entries: readonly Uint8Array[] }
// biome-ignore lint/suspicious/noExplicitAny: replies are judged field by field in tests.
type Reply = any

/** A refusal as it arrives on the wire. */
export class Refused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

/** The code that a call is refused with; fails when it is not. */
export function refusalOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
  throw new Error('nothing was refused')
}

/** What the host of a ledger keeps: configuration, key ciphertexts, and the clock it shows to the enclave. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  readonly genesis: Genesis
  readonly configuration: Configuration
  nowSeconds = 1_800_000_000
  ciphertexts: { ciphertext_b64: string; state_ciphertext_b64: string } | undefined

  constructor(over: Partial<Genesis> = {}) {
    this.genesis = aGenesis(over)
    const { chainId, anchor, broker } = this.genesis.policy
    this.configuration = {
      chainId,
      anchor,
      broker,
      guardian: anAddress(0xd1),
      role: 'core',
      genesisHash: genesisHash(this.genesis),
    }
  }

  close(): void {
    rmSync(this.folder, { recursive: true })
  }

  cold(): Boot {
    return new Boot(this)
  }

  provisioned(): Boot {
    const boot = this.cold()
    this.ciphertexts ??= boot.call('generate', {})
    const { ciphertext_b64, state_ciphertext_b64 } = this.ciphertexts as {
      ciphertext_b64: string
      state_ciphertext_b64: string
    }
    boot.call('provision', { ciphertext_b64, state_ciphertext_b64 })
    return boot
  }

  /** The first boot, after genesis. */
  begun(): Boot {
    const boot = this.provisioned()
    const { policy, ...rest } = this.genesis
    boot.call(
      'genesis',
      { ...(JSON.parse(JSON.stringify({ policy, ...rest }, amountsAsText)) as object), epoch: 0 },
      'json',
    )
    boot.collect()
    return boot
  }

  active(): Boot {
    const boot = this.begun()
    boot.openSession(1)
    return boot
  }
}

function amountsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

export class Boot {
  readonly instance: Instance
  /** What an honest host stores: sealed records and log entries, in order. */
  readonly sealed: Uint8Array[] = []
  readonly entries: Uint8Array[] = []
  journalHead: Uint8Array

  constructor(world: World) {
    const kms = openDevelopmentKms(join(world.folder, 'wrapping.key'), randomBytes)
    const clock = { unixSeconds: () => world.nowSeconds, attested: false }
    this.instance = newInstance({
      configuration: world.configuration,
      kms,
      entropy: randomBytes,
      clock,
      report: () => undefined,
    })
    this.journalHead = fromHex(world.genesis.journalHead)
  }

  /** One request and its reply through the dispatcher, as bytes. */
  call(method: string, params: object, encoding: Encoding = 'cbor'): Reply {
    const request = encodeMessage({ method, params: params as Message }, encoding)
    const { message } = decodeMessage(answer(this.instance, request))
    const { error, result } = message as { error?: { code: string; message: string }; result?: Reply }
    if (error !== undefined) throw new Refused(error.code, error.message)
    return result
  }

  /** Calls, stores what was released, and acknowledges it. */
  store(method: string, params: object): Reply {
    const reply = this.call(method, params)
    for (const record of (reply.records ?? reply.released ?? []) as Released[]) this.keep(record)
    return reply
  }

  keep(record: Released): void {
    this.sealed.push(record.sealed)
    this.entries.push(...record.entries)
    this.call('ack', { record: record.record })
  }

  collect(): void {
    const { firstUnacknowledged } = this.call('status', {})
    for (const record of this.call('outputs', { fromRecord: firstUnacknowledged }).records as Released[])
      this.keep(record)
  }

  openSession(epoch: number): void {
    this.store('open_session', { accountNonce: 0, fees: FEES })
    this.call('session_landed', { epoch })
  }

  get ledger(): Reply {
    return this.call('status', {}).ledger
  }

  /** Offers lines at the cursor, as an honest host does. */
  offer(...lines: Uint8Array[]): Reply {
    const reply = this.store('apply_events', { firstIndex: this.ledger.journalSize, head: this.journalHead, lines })
    for (const line of lines) this.journalHead = nextJournalHead(this.journalHead, lineHash(line))
    return reply
  }

  prepare(over: object = {}): Reply {
    return this.store('prepare_commit', {
      mode: 'pay',
      budgetWei: (100n * ETHER_WEI).toString(),
      round: ROUND,
      fees: FEES,
      accountNonce: 0,
      ...over,
    })
  }

  confirm(sequence: number, bits: bigint | null): Reply {
    return this.store('confirm_payout', { sequence, bitmap: bits === null ? null : bitmapHash(bits) })
  }

  /** Loads another boot's records into this one, which must be provisioned. */
  load(
    from: { readonly sealed: readonly Uint8Array[]; readonly entries: readonly Uint8Array[] },
    claimed: object,
  ): Reply {
    const reply = this.call('load_state', { records: [...from.sealed], claimed })
    this.sealed.push(...from.sealed)
    this.entries.push(...from.entries)
    for (const record of reply.released as Released[]) this.keep(record)
    return reply
  }
}

/** The auditor's own reading of a log: the oracle. Throws with the findings when it has any. */
export function audited(entries: readonly Uint8Array[]): NonNullable<ReturnType<typeof summary>['ledger']> {
  const replay = newReplay()
  for (const [index, bytes] of entries.entries()) step(replay, bytes, index)
  const { findings, ledger } = summary(replay)
  if (findings.length > 0 || ledger === null)
    throw new Error(`the auditor objects: ${JSON.stringify(findings.slice(0, 3), amountsAsText)}`)
  return ledger
}
