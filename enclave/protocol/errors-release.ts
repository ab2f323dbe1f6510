/** Refusals on the way of a key from KMS into the enclave, and of the host's side of it. See errors.ts. */
export const RELEASE_ERRORS = {
  RELEASE_TERMS: {
    meaning: 'Region, key or key version of the request differ from the configuration that is locked into the enclave.',
    action: 'Give those of the configuration, or leave them out; another key takes another boot.',
    retry: 'never',
  },
  KMS_CREDENTIALS: {
    meaning: 'The request lends no whole AWS credential, so KMS cannot be asked.',
    action: 'Give the access key id and the secret access key of the role that the key policy names, and its token.',
    retry: 'later',
  },
  KMS_REFUSED: {
    meaning: 'KMS was reached and said no; the message begins with its own name of the error.',
    action: 'Read the message: credentials, key policy, measurements and encryption context are what KMS judges.',
    retry: 'later',
  },
  KMS_UNREACHABLE: {
    meaning: 'No answer of KMS came through the byte pipe in time.',
    action: "Look at the parent's vsock proxy and its way to the endpoint of KMS, then ask again.",
    retry: 'later',
  },
  KMS_TLS: {
    meaning: 'What answered behind the byte pipe did not prove to be KMS.',
    action: 'Somebody else answers on the way to KMS, or a certificate is out of its time: look at the proxy first.',
    retry: 'later',
  },
  KMS_ROOTS: {
    meaning: "A root certificate that KMS is known by is missing from this Node's own list.",
    action: 'Run the Node version of the release; the image was not built from the published sources.',
    retry: 'never',
  },
  KMS_ANSWER: {
    meaning: 'The answer of KMS is not one that may be believed: a field is missing, too long, or of another key.',
    action: 'Compare the key ARN of the configuration with the key; report it when they agree.',
    retry: 'never',
  },
  KMS_ENVELOPE: {
    meaning: 'CiphertextForRecipient is not one envelope for the key of this boot.',
    action: 'Ask again; when it happens twice, somebody writes into the answers of KMS.',
    retry: 'later',
  },
} as const
