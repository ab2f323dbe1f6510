/** Refusals of attestation documents and of what they bind. See errors.ts. */
const ANOTHER = 'Fetch a fresh document, and pass it on byte for byte; believe nothing in this one.'

export const ATTESTATION_ERRORS = {
  ATTESTATION_SIZE: {
    meaning: 'The document is empty, or larger than any document may be.',
    action: ANOTHER,
    retry: 'never',
  },
  ATTESTATION_ENVELOPE: {
    meaning: 'The COSE_Sign1 around the document has not the one accepted form.',
    action: ANOTHER,
    retry: 'never',
  },
  ATTESTATION_PAYLOAD: {
    meaning: 'The payload is not well-formed, or a field of it is absent, doubled or out of bounds.',
    action: ANOTHER,
    retry: 'never',
  },
  ATTESTATION_ROOT: {
    meaning: 'The chain does not begin with the pinned root certificate.',
    action: 'Ask whoever gave it for a document of a Nitro enclave; those of development machines never pass here.',
    retry: 'never',
  },
  ATTESTATION_CHAIN: {
    meaning: 'A certificate of the chain is malformed, not signed by the one before, or exceeds what it may do.',
    action: ANOTHER,
    retry: 'never',
  },
  ATTESTATION_REVOKED: {
    meaning: 'A certificate of the chain is on the list of revoked ones.',
    action: 'Believe nothing that this chain signed; run the enclave on another instance.',
    retry: 'never',
  },
  ATTESTATION_SIGNATURE: {
    meaning: 'The signature of the document does not verify with the key of its last certificate.',
    action: ANOTHER,
    retry: 'never',
  },
  ATTESTATION_EXPIRED: {
    meaning: 'A certificate of the chain is not valid at the time of judgement.',
    action:
      'Fetch a fresh document; a kept one can be judged at its own time, as archived, and is no proof of the present.',
    retry: 'never',
  },
  ATTESTATION_STALE: {
    meaning: 'The document is older than the verifier allows.',
    action: 'Fetch a fresh document.',
    retry: 'never',
  },
  ATTESTATION_FUTURE: {
    meaning: 'The document is dated later than the verifier’s clock allows.',
    action: 'Check the verifier’s clock; where it is right, believe nothing in this document.',
    retry: 'never',
  },
  ATTESTATION_DEBUG: {
    meaning: 'PCR0, PCR1 or PCR2 is zero: the enclave runs in debug mode, where its host can read it.',
    action:
      'Start the enclave without debug mode; nothing that a debug enclave says is worth more than its host’s word.',
    retry: 'never',
  },
  ATTESTATION_MEASUREMENT: {
    meaning: 'The measurements are none of those that the verifier allows.',
    action: 'Compare them with the published release; another image, account or configuration is running.',
    retry: 'never',
  },
  ATTESTATION_NONCE: {
    meaning: 'The document does not carry the nonce that the verifier gave out.',
    action: 'Ask again with a new nonce; this document was made for another question.',
    retry: 'never',
  },
  ATTESTATION_REPLAY: {
    meaning: 'The nonce of the document was used before.',
    action: 'Ask again with a new nonce.',
    retry: 'never',
  },
  ATTESTATION_BINDING: {
    meaning: 'What the document binds in user_data or public_key differs from what the verifier knows.',
    action: 'Compare the named field with the chain and the header; the enclave serves another ledger, state or key.',
    retry: 'never',
  },
  ATTESTATION_EXPECTATION: {
    meaning:
      'The verifier’s own expectation decides nothing: no measurement, one of the wrong length, a nonce too short.',
    action: 'Give the measurements of the published release, and a nonce of at least 16 random bytes.',
    retry: 'never',
  },
  ATTESTATION_FETCH: {
    meaning: 'No attestation document came from where one was asked for.',
    action: 'Check the address and that the api runs, then ask again with a new nonce.',
    retry: 'later',
  },
  ATTESTATION_MODE: {
    meaning: 'A live verdict was demanded, and this is not one.',
    action: 'Verify a fresh document in live mode; an archived verdict says nothing about the present.',
    retry: 'never',
  },
  NSM_FAILED: {
    meaning: 'The Nitro Security Module refused a request or answered in another form; the message has its own word.',
    action:
      'Look at the kernel log of the enclave; where the module stays silent, start the enclave on another instance.',
    retry: 'later',
  },
  DEBUG_IMAGE: {
    meaning: 'The enclave’s own PCR0, PCR1 or PCR2 is zero: it runs in debug mode, and a production image ends there.',
    action: 'Start the enclave without debug mode and console.',
    retry: 'never',
  },
} as const
