/** Refusals of attestation documents and of what they bind. See errors.ts. */
export const ATTESTATION_ERRORS = {
  ATTESTATION_MALFORMED: {
    meaning: 'The bytes are not an attestation document of the one accepted form.',
    action: 'Fetch the document again, and pass it on byte for byte; believe nothing in this one.',
    retry: 'never',
  },
} as const
