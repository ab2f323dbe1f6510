/** Refusals on the way of a key from KMS into the enclave, and of the host's side of it. See errors.ts. */
export const RELEASE_ERRORS = {
  RELEASE_TERMS: {
    meaning: 'Region, key or key version of the request differ from the configuration that is locked into the enclave.',
    action: 'Give those of the configuration, or leave them out; another key takes another boot.',
    retry: 'never',
  },
} as const
