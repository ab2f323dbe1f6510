/** Actions and condition keys that decide who gets at what lies under a KMS key. */

/** What every request of an enclave names, and nothing that the host chose (protocol section 2). */
export const CONTEXT_KEYS = ['ledger', 'config', 'role', 'purpose', 'keyVersion'] as const
export type ContextKey = (typeof CONTEXT_KEYS)[number]

/** Actions that give out what lies under the key. KMS judges the document of the caller in some, none in the others. */
export const USES = [
  'kms:Decrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:GenerateDataKeyPair',
  'kms:GenerateDataKeyPairWithoutPlaintext',
  'kms:DeriveSharedSecret',
] as const

/**
 * Actions that no document can be demanded for: Encrypt mints ciphertexts of the caller's choice, ReEncrypt moves them to
 * another key, a grant bypasses the policy, and a replica in another region has a policy of its own.
 */
export const WAYS_AROUND: readonly string[] = ['kms:Encrypt', 'kms:ReEncrypt*', 'kms:CreateGrant', 'kms:ReplicateKey']
export const AROUND_ACTIONS = [
  'kms:Encrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:CreateGrant',
  'kms:ReplicateKey',
] as const

/** Key material that somebody brought is known to him. */
export const IMPORT_ACTIONS = ['kms:GetParametersForImport', 'kms:ImportKeyMaterial'] as const
/** Whoever holds one of them can take the keys of the ledger away, though not read them. */
export const ENDING_ACTIONS = ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'] as const
export const POLICY_ACTION = 'kms:PutKeyPolicy'

/** IAM's rule: letters of either case, * for any run of characters, ? for one. */
export function covers(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => matcher(pattern).test(action))
}

function matcher(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${body}$`, 'i')
}
