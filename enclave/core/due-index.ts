/** A bit for each account that may be due, so that choosing among a million reads a few kilobytes and no account. */

/**
 * Bit i stands for account i; words past the last one that was ever set are absent. An account that was looked at for
 * nothing may rest: there is no need to look again before that second. It is no part of the ledger, and may be lost.
 */
export type DueIndex = { words: Uint32Array; restsUntilSeconds: Uint32Array }

const WORD_BITS = 32
const WORDS_MIN = 64
const U32_MAX = 2 ** 32 - 1

export function newDueIndex(): DueIndex {
  return { words: new Uint32Array(WORDS_MIN), restsUntilSeconds: new Uint32Array(0) }
}

/** Ends its rest too: whatever has changed may have been what it waited for. */
export function markDue(index: DueIndex, account: number, due: boolean): void {
  if (account < index.restsUntilSeconds.length) index.restsUntilSeconds[account] = 0
  const at = Math.floor(account / WORD_BITS)
  if (at >= index.words.length) {
    if (!due) return
    grow(index, at + 1)
  }
  const bit = 1 << (account % WORD_BITS)
  const word = index.words[at] as number
  index.words[at] = due ? word | bit : word & ~bit
}

/** A marked account that cannot be due before then, if nothing of it changes. */
export function rest(index: DueIndex, account: number, untilSeconds: number): void {
  if (account >= index.restsUntilSeconds.length) {
    const grown = new Uint32Array(index.words.length * WORD_BITS)
    grown.set(index.restsUntilSeconds)
    index.restsUntilSeconds = grown
  }
  index.restsUntilSeconds[account] = Math.min(untilSeconds, U32_MAX)
}

/** Marked accounts that do not rest, after `start` in order, then from the first one to `start`: each once. */
export function* dueAfter(index: DueIndex, start: number, atSeconds: number): Generator<number> {
  const end = index.words.length * WORD_BITS
  yield* dueBetween(index, start + 1, end, atSeconds)
  yield* dueBetween(index, 0, Math.min(start + 1, end), atSeconds)
}

function* dueBetween(index: DueIndex, from: number, to: number, atSeconds: number): Generator<number> {
  let at = Math.floor(from / WORD_BITS)
  let word = masked(index.words[at] ?? 0, from % WORD_BITS)
  while (at * WORD_BITS < to) {
    while (word !== 0) {
      const account = at * WORD_BITS + WORD_BITS - 1 - Math.clz32(word & -word)
      if (account >= to) return
      if ((index.restsUntilSeconds[account] ?? 0) <= atSeconds) yield account
      word &= word - 1
    }
    at++
    word = index.words[at] ?? 0
  }
}

/** The word without its lowest `bits` bits. */
function masked(word: number, bits: number): number {
  return word & (-1 << bits)
}

function grow(index: DueIndex, words: number): void {
  const grown = new Uint32Array(Math.max(words, 2 * index.words.length))
  grown.set(index.words)
  index.words = grown
}
