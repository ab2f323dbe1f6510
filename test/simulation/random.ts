/** Chance, all of it from one seed: the same seed gives the same world on every machine. */

const WORD = 2 ** 32
const WARM_UP_DRAWS = 12
const PERMILLE = 1_000

/** sfc32: 128 bits of state, of which the first three words are given and the fourth counts. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(a: number, b = 0x9e3779b9, c = 0x243f6a88) {
    this.#a = a >>> 0
    // A seed beyond 32 bits must not repeat the worlds of a smaller one.
    this.#b = (b ^ Math.floor(a / WORD)) >>> 0
    this.#c = c >>> 0
    for (let draw = 0; draw < WARM_UP_DRAWS; draw++) this.word()
  }

  /** 32 bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** 0 to limit − 1. */
  below(limit: number): number {
    return Math.floor((this.word() / WORD) * limit)
  }

  /** True `permille` times in a thousand. */
  chance(permille: number): boolean {
    return permille > 0 && this.below(PERMILLE) < permille
  }

  /** One item of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; at += 4) {
      const word = this.word()
      for (let byte = 0; byte < 4 && at + byte < count; byte++) bytes[at + byte] = (word >>> (8 * byte)) & 0xff
    }
    return bytes
  }

  /** A stream of its own: what one actor draws moves no other one. */
  split(): Random {
    return new Random(this.word(), this.word(), this.word())
  }
}
