/** Registers of a Nitro Enclave whose values can be told before it runs. */
import { createHash } from 'node:crypto'

const PCR_BYTES = 48

/** A register of zeros after one extension by these bytes, as 96 hex digits. */
export function extendedOnce(data: Uint8Array): string {
  return createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(data).digest('hex')
}
