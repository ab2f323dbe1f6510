/**
 * One enclave process in the hands of a host that is the attacker: he says what he likes, keeps everything that ever left
 * it, and can kill it between any two calls. The process, the socket and the frames are the real ones.
 */
import { strict as assert } from 'node:assert'
import { rmSync } from 'node:fs'
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { type Address, fromHex, type Hash, toHash, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import type {
  CommitResult,
  LedgerStatus,
  MethodResults,
  OpenSessionResult,
  ReleasedRecord,
} from '../../enclave/protocol/method-results.ts'
import type { MethodName, Params } from '../../enclave/protocol/methods.ts'
import { hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { type EnclaveProcess, startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import type { Claim } from '../../host/prefix.ts'
import { aLine, bitmapHash } from '../builders/boot.ts'

/** A stored record: what only the enclave reads, and the public entries in it. */
export type StoredRecord = { readonly sealed: Uint8Array; readonly entries: readonly Uint8Array[] }
export type KeyCiphertexts = { readonly ciphertext_b64: string; readonly state_ciphertext_b64: string }
export type Round = { readonly number: number; readonly hash: Hash }
/** Everything that a request to sign may say; what is left out is what an honest host would say. */
export type Asking = {
  readonly mode?: 'pay' | 'bare'
  readonly budgetWei?: string
  readonly round?: Round | null
  readonly fees?: { readonly gas: number; readonly maxFeePerGasWei: string; readonly maxPriorityFeePerGasWei: string }
  readonly accountNonce?: number
  readonly skip?: number[]
}
/** What an honest host would ask the chain. */
export type Surroundings = {
  round(): Promise<Round>
  accountNonce(): Promise<number>
}

export const FEES = { gas: 15_000_000, maxFeePerGasWei: '20000000', maxPriorityFeePerGasWei: '0' }
const BUDGET_WEI = (1_000n * 10n ** 18n).toString()
const LOAD_RECORDS_MAX = 500

export class Boot {
  readonly name: string
  readonly endpoint: string
  readonly client: EnclaveClient
  readonly process: EnclaveProcess
  /** What it was loaded from and what it has released since, in order: one line of history. */
  readonly kept: StoredRecord[] = []
  session: Address = ZERO_ADDRESS
  readonly #surroundings: Surroundings
  #journalHead: Uint8Array = new Uint8Array(32)

  private constructor(name: string, endpoint: string, process: EnclaveProcess, surroundings: Surroundings) {
    this.name = name
    this.endpoint = endpoint
    this.process = process
    this.client = openEnclaveClient(endpoint)
    this.#surroundings = surroundings
  }

  /** A cold enclave on the files of `folder`. */
  static async start(folder: string, name: string, surroundings: Surroundings): Promise<Boot> {
    const endpoint = `unix://${folder}/${name}.sock`
    const anchor = `0x${'00'.repeat(20)}`
    const settings = { chainId: 1, anchor, enclaveEndpoint: endpoint, rpcUrls: ['http://127.0.0.1'] }
    const process = await startEnclave(hostConfigOf(folder, settings), openLog({ level: 'silent', name }))
    return new Boot(name, endpoint, process, surroundings)
  }

  async stop(): Promise<void> {
    this.client.close()
    await this.process.stop()
    rmSync(this.endpoint.slice('unix://'.length), { force: true })
  }

  /** Ends it without a word, as a power cut does: what it did not hand out is lost. */
  async kill(): Promise<void> {
    this.client.close()
    process.kill(this.process.pid, 'SIGKILL')
    await this.process.ended
  }

  call<M extends MethodName>(method: M, params: Params<M>): Promise<MethodResults[M]> {
    return this.client.call(method, params)
  }

  async provision({ ciphertext_b64, state_ciphertext_b64 }: KeyCiphertexts): Promise<void> {
    await this.call('provision', { ciphertext_b64, state_ciphertext_b64 })
    const { session } = await this.call('status', {})
    assert(session !== undefined, 'a provisioned enclave has a session key')
    this.session = session
  }

  /** `genesis` in the words of a genesis file. */
  async begin(genesis: object, epoch: number): Promise<void> {
    await this.call('genesis', { ...genesis, epoch })
    await this.collect()
  }

  /** Any records under any claim. Refuses what the enclave refuses. */
  async load(records: readonly StoredRecord[], claimed: Claim): Promise<void> {
    for (let at = 0; at < records.length; at += LOAD_RECORDS_MAX) {
      const part = records.slice(at, at + LOAD_RECORDS_MAX).map(({ sealed }) => Uint8Array.from(sealed))
      await this.call('load_state', { records: part, more: true })
    }
    const loaded = await this.call('load_state', { records: [], claimed })
    assert(!loaded.more, 'the last call of a load carries the claim')
    this.kept.push(...records)
    await this.keep(loaded.released)
    this.#journalHead = fromHex(loaded.ledger.journalHead)
  }

  /** Signs a session opening. Whether it is broadcast, and what the enclave hears of it, is up to the test. */
  async openSession(over: Pick<Asking, 'fees' | 'accountNonce'> = {}): Promise<OpenSessionResult> {
    const accountNonce = await this.#surroundings.accountNonce()
    const opened = await this.call('open_session', { accountNonce, fees: FEES, ...over })
    await this.keep(opened.records)
    return opened
  }

  async tellLanded(epoch: number): Promise<void> {
    await this.call('session_landed', { epoch })
  }

  /** Offers lines at the cursor and stores what comes of them. */
  async offer(...lines: readonly Uint8Array[]): Promise<MethodResults['apply_events']> {
    const { journalSize } = await this.ledger()
    const offered = lines.map((line) => Uint8Array.from(line))
    const answer = await this.call('apply_events', {
      firstIndex: journalSize,
      head: toHash(this.#journalHead),
      lines: offered,
    })
    assert(answer.kind === 'ack', `expected the lines to fit the cursor, got ${answer.kind}`)
    for (const line of lines) this.#journalHead = nextJournalHead(this.#journalHead, lineHash(line))
    await this.keep(answer.records)
    return answer
  }

  /** One journal line for each id. */
  async credit(ether: string, ...ids: readonly string[]): Promise<void> {
    await this.offer(...ids.map((id) => aLine(id, ether)))
  }

  /** A signed commit over whatever is due, stored and not broadcast. */
  async prepare(over: Asking = {}): Promise<CommitResult> {
    const commit = await this.call('prepare_commit', {
      mode: 'pay',
      budgetWei: BUDGET_WEI,
      round: over.round === undefined && over.mode !== 'bare' ? await this.#surroundings.round() : null,
      fees: FEES,
      accountNonce: over.accountNonce ?? (await this.#surroundings.accountNonce()),
      ...over,
    })
    await this.keep(commit.records)
    return commit
  }

  /** The same commit once more, in other words. */
  async resign(over: Omit<Asking, 'mode' | 'budgetWei'> = {}): Promise<CommitResult> {
    return this.call('resign_commit', {
      skip: [],
      round: over.round === undefined ? await this.#surroundings.round() : null,
      fees: FEES,
      accountNonce: over.accountNonce ?? (await this.#surroundings.accountNonce()),
      ...over,
    })
  }

  /** What became of the commit, true or not. */
  async confirm(sequence: number, bits: bigint | null): Promise<MethodResults['confirm_payout']> {
    const bitmap = bits === null ? null : bitmapHash(bits)
    const confirmed = await this.call('confirm_payout', { sequence, bitmap })
    await this.keep(confirmed.records)
    return confirmed
  }

  async ledger(): Promise<LedgerStatus> {
    const { ledger } = await this.call('status', {})
    assert(ledger !== undefined, 'this phase has a ledger')
    return ledger
  }

  /** Takes and stores what was released and is not acknowledged yet. */
  async collect(): Promise<void> {
    const { firstUnacknowledged } = await this.call('status', {})
    const { records } = await this.call('outputs', { fromRecord: firstUnacknowledged })
    await this.keep(records)
  }

  async keep(released: readonly ReleasedRecord[]): Promise<void> {
    this.kept.push(...released.map(({ sealed, entries }) => ({ sealed, entries })))
    const last = released.at(-1)?.record
    if (last !== undefined) await this.call('ack', { record: last })
  }

  /** A history of which only the public half is there, for an enclave that was rebuilt from it. */
  startFrom(entries: readonly Uint8Array[], journalHead: Uint8Array): void {
    this.kept.push({ sealed: new Uint8Array(0), entries })
    this.#journalHead = journalHead
  }

  /** The audit log of this line of history, as a mirror would have it. */
  get entries(): readonly Uint8Array[] {
    return this.kept.flatMap(({ entries }) => entries)
  }
}
