/** Randomness of the enclave: session keys, salts, initialisation vectors. */
import { randomBytes as nodeRandomBytes } from 'node:crypto'

/** `bytes` bytes from the generator that the kernel seeds (in a Nitro Enclave, from the NSM). */
export function randomBytes(bytes: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(bytes))
}
