/** Refusals of the signer role. Each names both values. See errors.ts. */
export const SIGNER_ERRORS = {
  SIGNER_POLICY: {
    meaning: 'What was to be signed does not fit the policy that the signer was provisioned with.',
    action: 'Compare both values. Another policy takes another provisioning, with the key owner’s hand in it.',
    retry: 'never',
  },
} as const
