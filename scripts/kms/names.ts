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
  return patterns.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()))
}

/**
 * Goes back to the last star alone, which is enough, so that the work is bounded by both lengths: a policy may be anybody's,
 * and a regular expression with many stars would take for ever.
 */
function matches(pattern: string, text: string): boolean {
  let [at, star, resume] = [0, -1, 0]
  for (let read = 0; read < text.length; ) {
    if (pattern[at] === '*') {
      star = at
      at += 1
      resume = read
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[read])) {
      at += 1
      read += 1
    } else if (star >= 0) {
      at = star + 1
      resume += 1
      read = resume
    } else return false
  }
  return /^\**$/.test(pattern.slice(at))
}
