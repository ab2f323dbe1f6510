/**
 * What a key ciphertext is bound to: it opens for one ledger, configuration, role, purpose and key version and for no
 * other (protocol section 2; threats F1, F2, G2).
 */
import type { Hash } from '../protocol/ids.ts'

export type KeyRole = 'core' | 'signer' | 'vault'
export type KeyPurpose = 'authority' | 'state'

/** Built by the enclave from its own configuration, never from a request. */
export type KeyContext = {
  readonly ledgerId: Hash
  readonly config: Hash
  readonly role: KeyRole
  readonly keyVersion: number
}

/** The context as key release takes it: text values only, hashes as 0x-hex. */
export type EncryptionContext = {
  readonly ledger: string
  readonly config: string
  readonly role: string
  readonly purpose: string
  readonly keyVersion: string
}

export function encryptionContext(context: KeyContext, purpose: KeyPurpose): EncryptionContext {
  return {
    ledger: context.ledgerId,
    config: context.config,
    role: context.role,
    purpose,
    keyVersion: context.keyVersion.toString(),
  }
}
