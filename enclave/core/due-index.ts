/** A bit for each account that may be due, so that choosing among a million reads a few kilobytes and no account. */

/** Bit i stands for account i; words past the last one that was ever set are absent. */
export type DueIndex = { words: Uint32Array }

const WORD_BITS = 32
const WORDS_MIN = 64

export function newDueIndex(): DueIndex {
  return { words: new Uint32Array(WORDS_MIN) }
}

export function markDue(index: DueIndex, account: number, due: boolean): void {
  const at = Math.floor(account / WORD_BITS)
  if (at >= index.words.length) {
    if (!due) return
    grow(index, at + 1)
  }
  const bit = 1 << (account % WORD_BITS)
  const word = index.words[at] as number
  index.words[at] = due ? word | bit : word & ~bit
}

/** Marked accounts after `start` in order, then from the first one to `start`: each once. */
export function* dueAfter(index: DueIndex, start: number): Generator<number> {
  const end = index.words.length * WORD_BITS
  yield* dueBetween(index, start + 1, end)
  yield* dueBetween(index, 0, Math.min(start + 1, end))
}

function* dueBetween(index: DueIndex, from: number, to: number): Generator<number> {
  let at = Math.floor(from / WORD_BITS)
  let word = masked(index.words[at] ?? 0, from % WORD_BITS)
  while (at * WORD_BITS < to) {
    while (word !== 0) {
      const account = at * WORD_BITS + WORD_BITS - 1 - Math.clz32(word & -word)
      if (account >= to) return
      yield account
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
