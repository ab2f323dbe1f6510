/**
 * Attestation documents for anybody, without anybody being able to keep the enclave busy: it has one thread, and what it
 * does for strangers it does not do for payouts [S35]. It is called
 *   - on our own schedule: its status, and a document without a nonce once that has aged or binds what is over;
 *   - for a nonce alone, out of a small budget, one call at a time; the same nonce again costs nothing;
 *   - once an interval for all nonces that share a document.
 * How many strangers ask changes none of these numbers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'
import { toHex } from '../enclave/protocol/ids.ts'
import { type Attester, type AttesterStatus, bindingOf } from './attester.ts'
import { Budget } from './budget.ts'
import { NonceBatch, type Place } from './nonce-batch.ts'
import { refuseFor } from './refused.ts'

/** Between our own looks: each is one call of the enclave, whoever asks for what. */
export const LOOK_EVERY_MS = 5_000
/** Certificates of a document live three hours; it is drawn anew long before. */
export const DOCUMENT_AGE_MS_MAX = 1_800_000
/** While the enclave does not answer, the newest document is handed out so long. */
export const DOCUMENT_SERVED_MS_MAX = 3_600_000
export const NONCE_CALLS_MAX = 6
export const NONCE_SPAN_MS = 60_000
/** A nonce is used once; this is for whoever lost the answer. */
export const NONCE_KEPT_MS_MAX = 600_000
export const NONCES_KEPT_MAX = 64

/** Who asks with a nonce: strangers cannot spend what holders of a token may. */
export type Lane = 'public' | 'holder'

export type Kept = { readonly documentB64: string; readonly atMs: number }

export type DocumentsOptions = {
  readonly now?: () => number
  /** Waits for the next batch. */
  readonly wait?: (spanMs: number) => Promise<void>
  readonly onTrouble?: (error: unknown) => void
}

export class Documents {
  readonly batch: NonceBatch
  readonly #attester: Attester
  readonly now: () => number
  readonly #onTrouble: (error: unknown) => void
  readonly #closing = new AbortController()
  readonly #budgets: Readonly<Record<Lane, Budget>> = {
    public: new Budget(NONCE_CALLS_MAX, NONCE_SPAN_MS),
    holder: new Budget(NONCE_CALLS_MAX, NONCE_SPAN_MS),
  }
  readonly #byNonce = new Map<string, { readonly drawn: Promise<Kept>; readonly atMs: number }>()
  /** Calls for documents, one after the other: whoever asks waits for the one before. */
  #queue: Promise<unknown> = Promise.resolve()
  #status: AttesterStatus | undefined
  #newest: (Kept & { readonly binding: string }) | undefined
  #trouble: unknown = new CodedError('DOCUMENT_NONE', 'expected a document of the enclave, got none yet')

  constructor(attester: Attester, options: DocumentsOptions = {}) {
    this.#attester = attester
    this.now = options.now ?? Date.now
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    const wait = options.wait ?? ((spanMs: number) => this.#wait(spanMs))
    this.batch = new NonceBatch({
      attest: async (nonce) => (await this.#draw(nonce)).documentB64,
      now: this.now,
      wait,
    })
  }

  /** As our last look found it. Refuses DOCUMENT_NONE before the first look, and whatever that look was refused. */
  status(): AttesterStatus {
    if (this.#status === undefined) throw this.#trouble
    return this.#status
  }

  get isFound(): boolean {
    return this.#status !== undefined
  }

  /** Our own look at the enclave: one call, and a second one when the kept document is over. Never rejects. */
  async look(): Promise<void> {
    try {
      this.#status = await this.#attester.status()
    } catch (error) {
      this.#status = undefined
      return this.#note(error)
    }
    const binding = bindingOf(this.#status)
    try {
      this.#requireAttestation()
      if (this.#isOver(binding)) this.#newest = { ...(await this.#draw(undefined)), binding }
    } catch (error) {
      // An enclave that answers and gives no document is another one than the kept document vouches for.
      if (this.#newest?.binding !== binding) this.#newest = undefined
      this.#note(error)
    }
  }

  /** Looks again and again until closed; a look that takes long delays the next one. */
  async keepLooking(everyMs: number): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.look()
      await this.#wait(everyMs)
    }
  }

  close(): void {
    this.#closing.abort()
  }

  /** The kept document without a nonce. Calls nobody. Refuses DOCUMENT_NONE, or why there is none. */
  newest(): Kept {
    const kept = this.#newest
    if (kept !== undefined && this.now() - kept.atMs < DOCUMENT_SERVED_MS_MAX) return kept
    throw this.#trouble
  }

  /** A document over this nonce alone. Refuses NONCES_SPENT above the budget, and what the enclave refuses. */
  async forNonce(nonce: Uint8Array, lane: Lane): Promise<Kept> {
    const key = toHex(nonce)
    const known = this.#known(key)
    if (known !== undefined) return known
    this.#requireAttestation()
    this.#takeCall(lane)
    const drawn = this.#draw(nonce)
    this.#keep(key, drawn)
    return drawn
  }

  /** A document over many nonces, and the place of this one among them. Refuses NONCES_SPENT, and what the enclave refuses. */
  async inBatch(nonce: Uint8Array): Promise<Place> {
    this.#requireAttestation()
    return this.batch.join(nonce)
  }

  /** Whoever would be refused by the enclave is refused here: for that it need not be called. */
  #requireAttestation(): void {
    if (this.status().attestation_available) return
    throw new CodedError('ATTESTATION_NONE', 'expected an enclave with an NSM, got one that has none')
  }

  #takeCall(lane: Lane): void {
    const take = this.#budgets[lane].take(this.now())
    if (take.kind === 'taken') return
    refuseFor(take.waitMs, 'NONCES_SPENT', `expected at most ${NONCE_CALLS_MAX} fresh nonces in a minute, got one more`)
  }

  #isOver(binding: string): boolean {
    const kept = this.#newest
    return kept === undefined || kept.binding !== binding || this.now() - kept.atMs >= DOCUMENT_AGE_MS_MAX
  }

  #draw(nonce: Uint8Array | undefined): Promise<Kept> {
    const drawn = this.#queue.then(async () => {
      if (this.#closing.signal.aborted)
        throw new CodedError('DOCUMENT_NONE', 'expected an open api, got one that closes')
      return { documentB64: await this.#attester.document(nonce), atMs: this.now() }
    })
    this.#queue = drawn.catch(() => undefined)
    return drawn
  }

  /** The oldest goes first; a nonce whose call failed may be asked again. */
  #keep(key: string, drawn: Promise<Kept>): void {
    if (this.#byNonce.size >= NONCES_KEPT_MAX) this.#byNonce.delete(this.#byNonce.keys().next().value as string)
    this.#byNonce.set(key, { drawn, atMs: this.now() })
    drawn.catch(() => this.#byNonce.delete(key))
  }

  #known(key: string): Promise<Kept> | undefined {
    const known = this.#byNonce.get(key)
    if (known === undefined || this.now() - known.atMs < NONCE_KEPT_MS_MAX) return known?.drawn
    this.#byNonce.delete(key)
    return undefined
  }

  /** The same trouble is told once, not every few seconds. */
  #note(error: unknown): void {
    if (codeOf(error) !== codeOf(this.#trouble)) this.#onTrouble(error)
    this.#trouble = error
  }

  /** Ends early when the api closes. */
  async #wait(spanMs: number): Promise<void> {
    await sleep(spanMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }
}

function codeOf(error: unknown): string {
  return isCoded(error) ? error.code : String(error)
}
