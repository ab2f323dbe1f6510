/** What vouches for this boot: the NSM of an enclave, or the stand-in of a development machine. */
import type { Hash } from './protocol/ids.ts'

export type Attester = {
  /** A fresh document over these and the boot's recipient key. Refuses NSM_FAILED. */
  readonly document: (bound: { readonly nonce: Uint8Array | null; readonly userData: Uint8Array }) => Uint8Array
  /** keccak256(PCR0 ‖ PCR1 ‖ PCR2); zero in debug mode and on a development machine. */
  readonly imageDigest: Hash
}
