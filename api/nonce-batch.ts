/**
 * Many nonces under one document. The nonces of an interval are the leaves of a tree of RFC 9162, its root is the nonce of
 * the document, and each caller gets the proof of his own leaf. A root can be computed only from nonces that are known:
 * a document over it is younger than each of them, exactly as a document over the nonce itself would be. However many
 * callers come, the enclave works once an interval [S35].
 */
import { type Hex, toHex } from '../enclave/protocol/ids.ts'
import { inclusionProof, leafHash, nodeHash, rootOf } from '../enclave/protocol/log-tree.ts'
import { refuseFor } from './refused.ts'

/** What one caller gets: a document, and where his nonce stands under its nonce. */
export type Place = {
  readonly documentB64: string
  readonly leafIndex: number
  readonly treeSize: number
  readonly proof: readonly Hex[]
}

/** A batch begins no sooner after the one before. */
export const BATCH_INTERVAL_MS = 10_000
/** So long the first caller waits for others, when nobody came for an interval: nobody's nonce takes it alone. */
export const GATHER_MS = 200
/** Callers that may wait for the next batch at once. */
export const NONCES_PER_BATCH_MAX = 1_024

export type BatchWorks = {
  /** One call of the enclave: the document over this nonce, as base64. */
  readonly attest: (nonce: Uint8Array) => Promise<string>
  readonly now: () => number
  /** Never rejects: when the api closes it returns early, and the call that follows is refused. */
  readonly wait: (spanMs: number) => Promise<void>
}

type Seat = { readonly nonce: Uint8Array; readonly place: PromiseWithResolvers<Place> }

export class NonceBatch {
  readonly #works: BatchWorks
  #seats = new Map<Hex, Seat>()
  #isRunning = false
  #notBeforeMs = 0

  constructor(works: BatchWorks) {
    this.#works = works
  }

  /** Joins the next batch. Equal nonces share a leaf. Refuses NONCES_SPENT when the batch is full, and what the enclave refuses. */
  async join(nonce: Uint8Array): Promise<Place> {
    const key = toHex(nonce)
    const seat = this.#seats.get(key) ?? this.#sit(key, nonce)
    if (!this.#isRunning) void this.#run()
    return seat.place.promise
  }

  #sit(key: Hex, nonce: Uint8Array): Seat {
    if (this.#seats.size >= NONCES_PER_BATCH_MAX)
      refuseFor(
        BATCH_INTERVAL_MS,
        'NONCES_SPENT',
        `expected at most ${NONCES_PER_BATCH_MAX} nonces in a batch, got one more`,
      )
    const seat = { nonce, place: Promise.withResolvers<Place>() }
    this.#seats.set(key, seat)
    return seat
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { now, wait } = this.#works
    await wait(Math.max(GATHER_MS, this.#notBeforeMs - now()))
    const seats = [...this.#seats.values()]
    this.#seats = new Map()
    this.#notBeforeMs = now() + BATCH_INTERVAL_MS
    await this.#answer(seats)
    this.#isRunning = false
    // Who came while the enclave worked waits for the next interval.
    if (this.#seats.size > 0) void this.#run()
  }

  async #answer(seats: readonly Seat[]): Promise<void> {
    try {
      const leaves = seats.map(({ nonce }) => leafHash(nonce))
      const documentB64 = await this.#works.attest(rootOf(leaves))
      const proofs = proofsOf(leaves)
      for (const [leafIndex, { place }] of seats.entries())
        place.resolve({ documentB64, leafIndex, treeSize: seats.length, proof: proofs(leafIndex) })
    } catch (error) {
      for (const { place } of seats) place.reject(error)
    }
  }
}

function proofsOf(leaves: readonly Uint8Array[]): (index: number) => Hex[] {
  const levels: (readonly Uint8Array[])[] = [leaves]
  // Whole pairs only: a subtree that is not complete is folded where a proof needs it.
  for (let level = leaves; level.length > 1; levels.push(level)) level = wholePairs(level)
  const read = (level: number, index: number): Uint8Array => levels[level]?.[index] as Uint8Array
  return (index) => inclusionProof(index, leaves.length, read).map(toHex)
}

function wholePairs(level: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: Math.floor(level.length / 2) }, (_, at) =>
    nodeHash(level[2 * at] as Uint8Array, level[2 * at + 1] as Uint8Array),
  )
}
