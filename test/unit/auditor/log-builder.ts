/** Honest logs, written by the enclave's core, and one place changed in them at a time. */
import { makeCommit } from '../../../enclave/core/commit.ts'
import { makeGenesis } from '../../../enclave/core/genesis.ts'
import { takeLines } from '../../../enclave/core/intake.ts'
import { write } from '../../../enclave/core/ledger.ts'
import { decideSettle } from '../../../enclave/core/settle.ts'
import type { State } from '../../../enclave/core/state.ts'
import type { Configuration, Genesis } from '../../../enclave/protocol/configuration.ts'
import { genesisHash } from '../../../enclave/protocol/configuration.ts'
import type { Body, Entry, EntryType } from '../../../enclave/protocol/entry.ts'
import { decodeEntry, encodeEntry } from '../../../enclave/protocol/entry.ts'
import { PROTOCOL_VERSION } from '../../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../../enclave/protocol/ids.ts'
import { toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { uintWord, utf8 } from '../../../enclave/protocol/words.ts'
import { UNGOVERNED } from '../../builders/governance.ts'

const AT_SECONDS = 1_763_600_000
const BUDGET_WEI = (10n ** 24n) as Wei

export const ANCHOR = addressOf(0xa1)
export const BROKER = addressOf(0xb1)
export const GUARDIAN = addressOf(0xc1)
export const AUTHORITY = addressOf(0xd1)
export const OWNER = addressOf(0xe1)

export function addressOf(number: number | bigint): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}

export function hashOf(number: number | bigint): Hash {
  return toHash(uintWord(number))
}

export function aPolicy(changes: Partial<Policy> = {}): Policy {
  return {
    chainId: 31_337,
    anchor: ANCHOR,
    broker: BROKER,
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: OWNER,
    thresholdWei: 100n as Wei,
    payoutWeiMin: 100n as Wei,
    payoutWeiMax: (10n ** 18n) as Wei,
    commitWeiMax: (3n * 10n ** 18n) as Wei,
    payoutsPerCommitMax: 3,
    cadenceSeconds: 0,
    gasPriceWeiMax: (10n ** 10n) as Wei,
    gasMax: 10_000_000,
    signaturesPerSequenceMax: 10,
    backoffSequencesMax: 8,
    accountsMax: 1_000,
    ...UNGOVERNED,
    ...changes,
  }
}

export type GenesisChanges = Partial<Genesis> & {
  readonly logKey?: Hash
  readonly guardian?: Address
  readonly authority?: Address
}

/** A log under construction: every method appends what the core writes. */
export class LogBuilder {
  readonly entries: Uint8Array[] = []
  readonly state: State
  readonly lines: Uint8Array[] = []
  #atSeconds = AT_SECONDS

  constructor(changes: GenesisChanges = {}) {
    const { logKey, guardian, authority, ...inputs } = changes
    const genesis: Genesis = {
      policy: aPolicy(),
      roster: [],
      openings: [],
      journalSize: 0,
      journalHead: ZERO_HASH,
      ...inputs,
    }
    const { chainId, anchor, broker } = genesis.policy
    const configuration: Configuration = {
      chainId,
      anchor,
      broker,
      guardian: guardian ?? GUARDIAN,
      role: 'core',
      genesisHash: genesisHash(genesis),
    }
    const keys = { authority: authority ?? AUTHORITY, logKey: logKey ?? hashOf(7), imageDigest: ZERO_HASH }
    const made = makeGenesis(configuration, genesis, keys, 0, this.#atSeconds)
    this.state = made.state
    for (const bytes of made.entries) this.entries.push(bytes)
  }

  /** One journal line for each [id, ether]. */
  lineOf(id: string, amount: string): this {
    return this.raw(`{"event":"credit","orchestrator_id":${JSON.stringify(id)},"amount":"${amount}"}\n`)
  }

  raw(text: string): this {
    const line = utf8(text)
    this.lines.push(line)
    const { entries } = takeLines(this.state, [line], this.tick())
    this.entries.push(...entries)
    return this
  }

  open(session: Address = addressOf(0x5000 + this.state.epoch), attestationDigest: Hash = ZERO_HASH): this {
    const { head, imageDigest, epoch } = this.state
    return this.put('open', { epoch: epoch + 1, head, session, attestationDigest, imageDigest })
  }

  pay(): this {
    this.entries.push(...makeCommit(this.state, 'pay', BUDGET_WEI, this.tick()))
    return this
  }

  bare(): this {
    this.entries.push(...makeCommit(this.state, 'bare', BUDGET_WEI, this.tick()))
    return this
  }

  settle(bits: bigint | null): this {
    const { sequence } = this.state
    return this.put('settle', decideSettle(this.state, sequence + 1, bits === null ? null : toHash(uintWord(bits))))
  }

  void(): this {
    const { head, sequence } = this.state
    return this.put('void', { sequence: sequence + 1, head })
  }

  put<T extends EntryType>(type: T, body: Body<T>): this {
    this.entries.push(write(this.state, type, body, this.tick()))
    return this
  }

  /** Lets the clock of the log go on. */
  wait(seconds: number): this {
    this.#atSeconds += seconds
    return this
  }

  /** What the core wrote with a time of `tick`. */
  take(entries: readonly Uint8Array[]): this {
    this.entries.push(...entries)
    return this
  }

  /** The log with one more entry that the core never saw. */
  with<T extends EntryType>(type: T, body: Body<T>): Uint8Array[] {
    const entry = { v: PROTOCOL_VERSION, i: this.entries.length, at: this.#atSeconds + 1, type, body } as Entry
    return [...this.entries, encodeEntry(entry)]
  }

  get nowSeconds(): number {
    return this.#atSeconds
  }

  tick(): number {
    this.#atSeconds += 1
    return this.#atSeconds
  }
}

/** The entry at `index` as `change` leaves it; everything else stays. */
export function changed(
  entries: readonly Uint8Array[],
  index: number,
  change: (entry: Entry) => unknown,
): Uint8Array[] {
  const entry = decodeEntry(entries[index] as Uint8Array)
  const result = entries.slice()
  result[index] = encodeEntry(change(structuredClone(entry)) as Entry)
  return result
}

/** The same with a changed body. */
export function rebodied<T extends EntryType>(
  entries: readonly Uint8Array[],
  index: number,
  type: T,
  change: (body: Body<T>) => Body<T>,
): Uint8Array[] {
  return changed(entries, index, (entry) => {
    if (entry.type !== type) throw new TypeError(`expected ${type} at ${index}, got ${entry.type}`)
    return { ...entry, body: change(entry.body as Body<T>) }
  })
}

/** Indices of the entries of a type. */
export function indicesOf(entries: readonly Uint8Array[], type: EntryType): number[] {
  return entries.flatMap((bytes, index) => (decodeEntry(bytes).type === type ? [index] : []))
}

/** A ledger that has seen everything this generation writes. */
export function aFullLog(): LogBuilder {
  return new LogBuilder({
    policy: aPolicy({ strategy: 'transfer' }),
    roster: [{ id: 'orch-a', recipient: addressOf(0x11) }],
    openings: [
      { id: 'orch-b', wei: 5_000n as Wei, recipient: addressOf(0x22) },
      { id: 'orch-c', wei: 50n as Wei, recipient: null },
    ],
  })
    .lineOf('orch-a', '0.5')
    .open()
    .bare()
    .lineOf('orch-b', '5.353596E-8')
    .settle(null)
    .lineOf('orch-a', '-0.1')
    .raw('not json\n')
    .pay()
    .lineOf('orch-d', '1')
    .lineOf('orch-a', '0.3')
    .settle(1n)
    .pay()
    .void()
    .open()
    .pay()
    .settle(0n)
    .bare()
}

export function decodedBody(bytes: Uint8Array): Entry['body'] {
  return decodeEntry(bytes).body
}

/** Each entry with the index of its new place, and a clock that never runs back. */
export function renumbered(entries: readonly (Uint8Array | undefined)[]): Uint8Array[] {
  let at = 0
  return entries.map((bytes, i) => {
    const entry = decodeEntry(bytes as Uint8Array)
    at = Math.max(at, entry.at)
    return encodeEntry({ ...entry, i, at } as Entry)
  })
}
