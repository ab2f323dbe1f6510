/** Who signed a struct for this ledger. Signatures come from anyone; a wrong one only ever names somebody else. */
import { CodedError, refuse } from '../protocol/errors.ts'
import type { Address } from '../protocol/ids.ts'
import { type Ledger, typedDigest } from '../protocol/typed-data.ts'
import { decodeSignature, recoverAddress } from './secp256k1.ts'

/** Refuses SIGNATURE_INVALID for bytes that no key can have made. */
export function signerOf(ledger: Ledger, struct: Uint8Array, signature: Uint8Array): Address {
  const signer = recoverAddress(typedDigest(ledger, struct), decodeSignature(signature))
  if (signer === undefined)
    throw new CodedError('SIGNATURE_INVALID', 'expected a signature that some key can have made, got none such')
  return signer
}

/** Refuses SIGNER_MISMATCH when another key signed, or when one field differs from what was signed. */
export function checkSigner(ledger: Ledger, struct: Uint8Array, signature: Uint8Array, expected: Address): void {
  const signer = signerOf(ledger, struct, signature)
  if (signer !== expected) refuse('SIGNER_MISMATCH', expected, signer)
}
