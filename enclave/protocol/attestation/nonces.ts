/**
 * A nonce is what a verifier drew and a document repeats: proof that it was made for this question. It counts once. What
 * was used is known by the nonce and never by the document's bytes, which have a twin [N10, N12].
 */
import { refuse } from '../errors.ts'
import { toHex } from '../ids.ts'
import { bytesEqual } from '../words.ts'
import { OPTIONAL_BYTES_MAX } from './payload.ts'

export const NONCE_BYTES_MIN = 16

/** Refuses ATTESTATION_EXPECTATION for a nonce that could be guessed, or that no document can carry. */
export function checkNonceSize(nonce: Uint8Array): void {
  if (!(nonce instanceof Uint8Array) || nonce.length < NONCE_BYTES_MIN || nonce.length > OPTIONAL_BYTES_MAX)
    refuse('ATTESTATION_EXPECTATION', `a nonce of ${NONCE_BYTES_MIN} to ${OPTIONAL_BYTES_MAX} bytes`, nonce)
}

/** Refuses ATTESTATION_NONCE. */
export function checkNonce(found: Uint8Array | null, expected: Uint8Array): void {
  if (found === null || !bytesEqual(found, expected))
    refuse('ATTESTATION_NONCE', toHex(expected), found === null ? 'none' : toHex(found))
}

export type NonceBookLimits = {
  /** How many are kept, used ones included. */
  readonly noncesMax: number
  /** How long one may be used, and how long it is remembered. */
  readonly lifetimeMs: number
}

type Kept = { readonly expiresAtMs: number; isUsed: boolean }

/**
 * The nonces that one verifier gave out. Each is answered once; an answer after its lifetime is no answer.
 *
 *   const book = new NonceBook({ noncesMax: 1_000, lifetimeMs: 60_000 })
 *   book.issue(nonce, nowMs)          // and send it with the question
 *   verifyAttestation(bytes, { …, nonce: book })
 */
export class NonceBook {
  readonly #kept = new Map<string, Kept>()
  readonly #limits: NonceBookLimits

  constructor(limits: NonceBookLimits) {
    this.#limits = limits
  }

  /** Refuses ATTESTATION_EXPECTATION for a nonce that is too short or was given out before, and when the book is full. */
  issue(nonce: Uint8Array, nowMs: number): void {
    checkNonceSize(nonce)
    for (const [key, { expiresAtMs }] of this.#kept) if (expiresAtMs < nowMs) this.#kept.delete(key)
    const key = toHex(nonce)
    if (this.#kept.has(key)) refuse('ATTESTATION_EXPECTATION', 'a nonce that is new', key)
    if (this.#kept.size >= this.#limits.noncesMax)
      refuse('ATTESTATION_EXPECTATION', `at most ${this.#limits.noncesMax} nonces on their way`, 'another one')
    this.#kept.set(key, { expiresAtMs: nowMs + this.#limits.lifetimeMs, isUsed: false })
  }

  /** Refuses ATTESTATION_NONCE for one that is not of this book, or too old, and ATTESTATION_REPLAY for a used one. */
  check(nonce: Uint8Array | null, nowMs: number): void {
    this.#find(nonce, nowMs)
  }

  /** Takes it out of use; refuses as `check` does. */
  spend(nonce: Uint8Array | null, nowMs: number): void {
    this.#find(nonce, nowMs).isUsed = true
  }

  #find(nonce: Uint8Array | null, nowMs: number): Kept {
    const key = nonce === null ? 'no nonce' : toHex(nonce)
    const kept = this.#kept.get(key)
    if (kept === undefined || kept.expiresAtMs < nowMs)
      return refuse('ATTESTATION_NONCE', 'a nonce of this verifier', key)
    if (kept.isUsed) return refuse('ATTESTATION_REPLAY', 'a nonce that was not used', key)
    return kept
  }
}
