/** Failures of the untrusted side: host, workers, scripts and auditor. See errors.ts. */
export const HOST_ERRORS = {
  CONFIG_INVALID: {
    meaning: 'An option, setting or file is missing or has the wrong form.',
    action: 'Correct what the message names.',
    retry: 'never',
  },
  PORT_BUSY: { meaning: 'The port is taken.', action: 'Type the line that the message shows.', retry: 'never' },
  DATA_LOCKED: {
    meaning: 'Another process works on this data folder.',
    action: 'Stop it, or name another folder with --data.',
    retry: 'later',
  },
  CHAIN_BEHIND: {
    meaning: 'The chain is older than the ledger.',
    action: 'Use the right chain, or start with --fresh, which moves the old data aside.',
    retry: 'never',
  },
  CHAIN_ID: {
    meaning: 'The endpoint serves another chain than the ledger belongs to.',
    action: 'Correct the RPC URL.',
    retry: 'never',
  },
  RPC_TIMEOUT: {
    meaning: 'An RPC call did not answer in time; it may have taken effect.',
    action: 'The same bytes are sent again.',
    retry: 'same-bytes',
  },
  RPC_FAILED: {
    meaning: 'An RPC endpoint answered with an error.',
    action: 'See the message; another endpoint may help.',
    retry: 'later',
  },
  REDIS_MISSING: {
    meaning: 'No Redis answers and none can be started.',
    action: 'Type the line that the message shows.',
    retry: 'never',
  },
  REDIS_POLICY: {
    meaning: 'Redis runs under a policy that evicts keys.',
    action: 'Set maxmemory-policy to noeviction.',
    retry: 'never',
  },
  ENCLAVE_GONE: {
    meaning: 'The connection to the enclave ended or never came up.',
    action: 'It is tried again; see the log of the enclave.',
    retry: 'same-bytes',
  },
  OUTBOX_BROKEN: {
    meaning: 'A record of the outbox does not read back.',
    action: 'Restore the file; the message names the record.',
    retry: 'never',
  },
  AUDIT_STORE: {
    meaning: 'The local audit log does not continue where the enclave goes on.',
    action: 'Fetch the missing records with `outputs`, or restore the log.',
    retry: 'never',
  },
  JOURNAL_UNREADABLE: {
    meaning: 'The journal cannot be read.',
    action: 'Correct the path or its rights.',
    retry: 'never',
  },
  // Host and workers
  JOB_INVALID: {
    meaning: 'A job in Redis does not have the form of ours.',
    action: 'Find out who else writes to this Redis; the ledger is not affected.',
    retry: 'never',
  },
  ENCLAVE_ANSWER: {
    meaning: 'The enclave answered with something that is no answer to the method.',
    action: 'Run host and enclave of one release.',
    retry: 'never',
  },
  KEYS_MISSING: {
    meaning: 'The data folder holds no key ciphertexts.',
    action: 'Run `anchorhold provision --generate`, or restore the folder keys/.',
    retry: 'never',
  },
  PREFIX_NONE: {
    meaning: 'No stored prefix of the sealed records leads to the head on chain.',
    action: 'Restore sealed/ from a backup.',
    retry: 'never',
  },
  SEALED_STORE: {
    meaning: 'Stored records do not read back in their order.',
    action: 'Restore the named file from a backup; never delete it.',
    retry: 'never',
  },
  SESSION_NOT_LANDED: {
    meaning: 'The transaction that opens a session did not land in time.',
    action: 'Fund the gas float of the authority, or relay the stored call from any account.',
    retry: 'later',
  },
  LOG_MISMATCH: {
    meaning: 'The stored audit log does not have the root that the anchor carries.',
    action: 'Stop publishing, keep the files as evidence, restore the log from a mirror.',
    retry: 'never',
  },
  ENCLAVE_EXITED: {
    meaning: 'The enclave process ended.',
    action: 'It is started again; see its last lines in the log.',
    retry: 'later',
  },
  // Reporters, admins and guardians
  EVENT_INVALID: {
    meaning: 'An event to be credited does not have its form, or its eventId was reported before with another content.',
    action: 'Correct the line that the message names; the lines before it were not reported either.',
    retry: 'never',
  },
  REPORTER_STORE: {
    meaning: "A reporter's file does not read back, or is that of another reporter or ledger.",
    action: 'Restore it from a backup; numbers that are lost are given up by `anchorhold report skip`.',
    retry: 'never',
  },
  REPORTER_COUNTER: {
    meaning: 'The ledger counts this reporter at a number that the file of the reporter does not explain.',
    action:
      'Find out what else signs with this key; numbers that the file lost are given up by `anchorhold report skip`.',
    retry: 'never',
  },
  RECEIPT_INVALID: {
    meaning: 'A receipt is not for what was sent, or was not signed by the session that the chain names.',
    action: 'Keep the event: it is not final until a receipt holds. Ask whoever runs the host.',
    retry: 'later',
  },
  KEY_FILE: {
    meaning: 'A private key is missing, has another form, or lies in a file that others may read.',
    action: 'Put 32 bytes of hex into a file of your own with mode 600, and name it by --key-file.',
    retry: 'never',
  },
  ACT_INVALID: {
    meaning: 'A file of something to be signed does not have its form, contradicts itself, or lacks a signature.',
    action: 'Have the signature made that is missing; else propose it anew, and compare what each signer is shown.',
    retry: 'never',
  },
  STATEMENT_INVALID: {
    meaning: 'A balance statement does not prove what it says.',
    action: 'Ask for a fresh one; keep this one as evidence.',
    retry: 'never',
  },
  // Over HTTP
  REQUEST_INVALID: {
    meaning: 'A request does not have the form of its route.',
    action: 'Compare it with /api/openapi.json; the message names the field.',
    retry: 'never',
  },
  ROUTE_UNKNOWN: {
    meaning: 'There is no such route, or not by this method.',
    action: 'See the routes in /api/openapi.json.',
    retry: 'never',
  },
  TOKEN_MISSING: {
    meaning: 'The route needs an access token, and none that is known came with the request.',
    action: 'Send it as `Authorization: Bearer TOKEN`; who runs the host gives out tokens.',
    retry: 'never',
  },
  TOKEN_FORBIDS: {
    meaning: "The token is one of a viewer's, and the route is for admins.",
    action: 'Use the token of an admin.',
    retry: 'never',
  },
  TOKEN_WEAK: {
    meaning: 'An access token of the configuration is empty, short, doubled, or lies in a file that others may read.',
    action: 'Draw each token from 32 random bytes, keep the files at mode 600, and start again.',
    retry: 'never',
  },
  RATE_LIMITED: {
    meaning: 'More requests came from this address than it may send.',
    action: 'Wait as long as `Retry-After` says.',
    retry: 'later',
  },
  NONCES_SPENT: {
    meaning:
      'No further document for a nonce of its own is made now: the enclave is not there for strangers to be busy with.',
    action: 'Use the kept document, or let the nonce share one document with others: both are in the header `Link`.',
    retry: 'later',
  },
  DOCUMENT_NONE: {
    meaning: 'No attestation document is kept yet, or the newest one is too old to be handed out.',
    action: 'Ask again in some seconds; if that stays, see the log of the api.',
    retry: 'later',
  },
  SIGNER_NONE: {
    meaning: 'No signer belongs to this host.',
    action: 'Ask the ledger’s enclave under /api/tee/core, or set `signerEndpoint` in host.json.',
    retry: 'never',
  },
  API_FAILED: {
    meaning: 'A bug of ours in the api.',
    action: 'See the log of the api and report it; the ledger is not affected.',
    retry: 'later',
  },
  AWS_CREDENTIALS: {
    meaning: 'Neither the environment nor the metadata service of the instance gives credentials of AWS.',
    action: 'Set both variables, or give the instance a role and IMDSv2; the message says which of them failed.',
    retry: 'later',
  },
  KEY_OPEN: {
    meaning: 'Somebody outside the enclave got past the policy of the KMS key.',
    action:
      'Put a policy on the key that `anchorhold kms lint` lets pass, find out who changed it, rotate the authority.',
    retry: 'later',
  },
  CANARY_BLIND: {
    meaning: 'A canary could not find out whether the KMS key is closed to it.',
    action: 'Correct what the message names: credentials, region, key, ciphertext or the way to KMS.',
    retry: 'later',
  },
} as const
