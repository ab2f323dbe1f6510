/** Randomness of the enclave: session keys, salts, initialisation vectors. */
import { randomFillSync } from 'node:crypto'
import { assert } from '../protocol/errors.ts'

/** The NSM gives at most this much at once. */
export const NSM_CHUNK_BYTES = 256

/** `bytes` bytes from the generator that the kernel seeds (in a Nitro Enclave, from the NSM). */
export function randomBytes(bytes: number): Uint8Array {
  // Filled in place: of a key that is forgotten no first copy may stay behind.
  return randomFillSync(new Uint8Array(bytes))
}

/**
 * Randomness for keys: the kernel's and the NSM's, one over the other, so that whoever knows either still knows nothing.
 * The host sees neither, but it chose when the kernel began to gather. What the NSM refuses is thrown: NSM_FAILED.
 */
export function mixedEntropy(
  nsm: { readonly random: (bytes: number) => Uint8Array },
  kernel: (bytes: number) => Uint8Array = randomBytes,
): (bytes: number) => Uint8Array {
  return (bytes) => {
    const mixed = kernel(bytes)
    for (let at = 0; at < bytes; at += NSM_CHUNK_BYTES)
      mix(mixed.subarray(at, at + NSM_CHUNK_BYTES), (size) => nsm.random(size))
    return mixed
  }
}

function mix(target: Uint8Array, draw: (bytes: number) => Uint8Array): void {
  const other = draw(target.length)
  assert(other.length === target.length, 'the NSM client gives as many bytes as it is asked for')
  for (let at = 0; at < target.length; at++) target[at] = (target[at] as number) ^ (other[at] as number)
  other.fill(0)
}
