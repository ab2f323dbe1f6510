/** Chance from a seed: the same numbers on every machine and in every year. For made-up data only, never for keys. */

export type Dice = {
  /** A whole number from 0 to sides − 1. */
  below(sides: number): number
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number
  pick<T>(list: readonly T[]): T
  /** Lower-case hex of so many bytes. */
  hex(bytes: number): string
}

const STEP = 0x6d2b79f5
const U32 = 2 ** 32

/** `seed` is a u32. */
export function newDice(seed: number): Dice {
  let state = seed >>> 0
  const next = () => {
    state = (state + STEP) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (sides: number) => Math.floor((next() / U32) * sides)
  const between = (least: number, most: number) => least + below(most - least + 1)
  return {
    below,
    between,
    pick: <T>(list: readonly T[]) => list[below(list.length)] as T,
    hex: (bytes) => Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, '0')).join(''),
  }
}
