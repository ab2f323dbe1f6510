/** Several byte strings as one input, each behind its length in two bytes; damage to a length shifts what follows. */
import type { Dice } from '../../../scripts/journal/dice.ts'
import { changeBytes, changeInside, randomBytes } from '../mutations.ts'

const LENGTH_BYTES = 2
const LENGTH_MAX = 65_535
const ITEMS_MAX = 512

export function packed(items: readonly Uint8Array[]): Uint8Array {
  const parts = items.flatMap((item) => {
    const cut = item.subarray(0, LENGTH_MAX)
    return [Uint8Array.of(cut.length >> 8, cut.length & 255), cut]
  })
  return new Uint8Array(Buffer.concat(parts))
}

/** Whatever the bytes are: a last item that is cut is taken as it is. */
export function unpacked(input: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = []
  for (let at = 0; at + LENGTH_BYTES <= input.length && items.length < ITEMS_MAX; ) {
    const length = ((input[at] as number) << 8) | (input[at + 1] as number)
    items.push(input.slice(at + LENGTH_BYTES, at + LENGTH_BYTES + length))
    at += LENGTH_BYTES + length
  }
  return items
}

/** One request of a sequence changed, or another one put in: the byte in front, which places the sequence, stays. */
export function changeSequence(dice: Dice, input: Uint8Array, requestsMax: number): Uint8Array {
  const list = unpacked(input.subarray(1)).slice(0, requestsMax)
  const at = dice.below(list.length)
  const kind = dice.below(4)
  if (kind === 0) list.splice(at, 0, randomBytes(dice))
  else list[at] = (kind === 1 ? changeBytes : changeInside)(dice, list[at] ?? new Uint8Array(1))
  return Uint8Array.of(input[0] ?? 0, ...packed(list))
}
