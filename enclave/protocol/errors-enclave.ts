/** Refusals of the enclave and of the formats it shares with everyone. See errors.ts. */
export const ENCLAVE_ERRORS = {
  // Wire
  FRAME_TOO_LARGE: {
    meaning: 'A frame announces more bytes than FRAME_BYTES_MAX.',
    action: 'Send smaller batches; the limit is in `status`.',
    retry: 'never',
  },
  FRAME_TRUNCATED: {
    meaning: 'The connection ended inside a frame.',
    action: 'Send the whole request again on a new connection.',
    retry: 'same-bytes',
  },
  FRAME_TIMEOUT: {
    meaning: 'A frame did not arrive whole within its deadline.',
    action: 'Send frames without pauses; open a new connection.',
    retry: 'same-bytes',
  },
  FRAME_SYNTAX: {
    meaning: 'A frame is neither a JSON object nor a CBOR map with `method` and `params`.',
    action: 'Send {"method","params"} in one of the two encodings.',
    retry: 'never',
  },
  CONNECTION_LIMIT: {
    meaning: 'Too many connections, or too many requests in flight on one of them.',
    action: 'Close idle connections, or wait for replies.',
    retry: 'later',
  },
  CBOR_SYNTAX: {
    meaning: 'Bytes are not CBOR of the accepted subset (no tags, no floats, no doubled keys, bounded depth).',
    action: 'Encode by RFC 8949 section 4.2.1.',
    retry: 'never',
  },
  CBOR_NOT_CANONICAL: {
    meaning: 'Bytes are CBOR, but not its deterministic form.',
    action: 'Encode by RFC 8949 section 4.2.1.',
    retry: 'never',
  },
  JSON_SYNTAX: {
    meaning: 'Bytes are not strict UTF-8 JSON, or a key is doubled.',
    action: 'Send one JSON object with unique keys.',
    retry: 'never',
  },
  METHOD_UNKNOWN: {
    meaning: 'No method has this name.',
    action: 'See the method table in docs/PROTOCOL.md.',
    retry: 'never',
  },
  METHOD_RETIRED: {
    meaning: 'A method of the replaced system that would be unsafe; the message names its successor.',
    action: 'Call the successor named in the message.',
    retry: 'never',
  },
  PARAMS_INVALID: {
    meaning: 'A parameter is missing, unknown, or has the wrong form; the message names it.',
    action: 'Correct the named parameter.',
    retry: 'never',
  },
  PHASE_FORBIDS: {
    meaning: 'The method is not legal in the present phase.',
    action: 'Read `status`; see the phases in docs/PROTOCOL.md.',
    retry: 'after-reload',
  },
  INTERNAL: {
    meaning: 'A bug of ours: an assertion failed and the enclave halts.',
    action: 'Keep the logs, restart and load the state again, report the bug.',
    retry: 'after-reload',
  },
  // Formats
  WEI_SYNTAX: {
    meaning: 'An amount of wei is not canonical decimal text below 2^128.',
    action: 'Send digits only: no sign, no leading zero, no exponent.',
    retry: 'never',
  },
  AMOUNT_SYNTAX: {
    meaning: 'An amount of ether is not a decimal of at most 64 characters with an exponent within ±40.',
    action: 'Correct the line at its source; a corrected line is a new line.',
    retry: 'never',
  },
  ENTRY_SYNTAX: {
    meaning: 'Bytes are not a log entry of a known type, field by field.',
    action: 'Compare with docs/PROTOCOL.md; the message names the field.',
    retry: 'never',
  },
  POLICY_INVALID: {
    meaning: 'A policy has a missing, unknown or contradictory field.',
    action: 'Correct the named field.',
    retry: 'never',
  },
  PAYOUTS_SYNTAX: {
    meaning: 'Packed payouts do not have the exact length or a legal count.',
    action: 'See the packing in docs/PROTOCOL.md.',
    retry: 'never',
  },
  PROOF_INVALID: {
    meaning: 'A Merkle proof does not lead to the given root.',
    action: 'Fetch the proof again from another source; do not trust the claim.',
    retry: 'never',
  },
  PROOF_LENGTH: {
    meaning: 'A Merkle proof has the wrong number of hashes for its tree size.',
    action: 'Fetch the proof again.',
    retry: 'never',
  },
  NOTE_SYNTAX: {
    meaning: 'A signed note or checkpoint does not have the C2SP form.',
    action: 'Fetch it again; report the log if it stays so.',
    retry: 'never',
  },
  NOTE_SIGNATURE: {
    meaning: 'A known key signed the note, and the signature is wrong.',
    action: 'Treat the source as hostile.',
    retry: 'never',
  },
  NOTE_UNSIGNED: {
    meaning: 'No known key signed the note.',
    action: 'Check the origin and the verifier key, or fetch the note again.',
    retry: 'never',
  },
  TILE_SYNTAX: {
    meaning: 'A tile or an entry bundle does not hold what its name demands.',
    action: 'Fetch it again from another source.',
    retry: 'never',
  },
  SIGNATURE_INVALID: {
    meaning: 'A signature has a wrong length, a high s, an unknown v, or the wrong signer.',
    action: 'Sign again with the named key.',
    retry: 'never',
  },
  // Keys and provisioning
  NATIVE_MISSING: {
    meaning: 'The native secp256k1 library cannot be loaded on this platform.',
    action: 'Install a prebuilt platform or build it; the JavaScript fallback is never used.',
    retry: 'never',
  },
  KEY_CIPHERTEXT: {
    meaning: 'A key ciphertext does not open under this configuration, role and purpose.',
    action: 'Provision the ciphertext that `generate` made for this very configuration.',
    retry: 'never',
  },
  CONFIG_MISSING: {
    meaning: 'The enclave was not told yet what it was started for.',
    action: 'Send `configure` with the configuration of the ledger first.',
    retry: 'later',
  },
  CONFIG_LOCKED: {
    meaning: 'The enclave has another configuration, which is locked into PCR16 until it ends.',
    action: 'Use the configuration that it has, or start another enclave.',
    retry: 'never',
  },
  KEY_ADDRESS: {
    meaning: 'The opened authority key does not have the expected address.',
    action: 'Compare the ciphertext and `expected_address`.',
    retry: 'never',
  },
  // Genesis, load, session
  GENESIS_HASH: {
    meaning: 'Policy, roster, openings or journal start do not hash to the configured genesisHash.',
    action: 'Give exactly what the configuration was made from.',
    retry: 'never',
  },
  STATE_MISMATCH: {
    meaning: 'A root or total recomputed from loaded state differs from its header.',
    action: 'Load another snapshot; keep this one as evidence.',
    retry: 'never',
  },
  CLAIM_MISMATCH: {
    meaning: 'The claimed chain head does not follow from the loaded state.',
    action: 'Load another prefix of the deltas, one that ends at the claimed head.',
    retry: 'never',
  },
  VERSION_NEWER: {
    meaning: 'The state carries a rule generation that this image does not know.',
    action: 'Run the image that wrote it, or a newer one.',
    retry: 'never',
  },
  SEAL_BROKEN: {
    meaning: 'A sealed record does not authenticate; the message names its number.',
    action: 'Restore that record from a backup, or load a prefix that ends before it.',
    retry: 'never',
  },
  SEAL_ORDER: {
    meaning: 'A sealed record is missing, doubled or out of order; the message names its number.',
    action: 'Give the records in their order.',
    retry: 'never',
  },
  RECORD_UNKNOWN: {
    meaning: 'A record number lies outside what this boot has released.',
    action: 'Read `status` for the range.',
    retry: 'never',
  },
  SESSION_CLAIM: {
    meaning: 'open_session was asked for another epoch or head than the one this boot already signed.',
    action: 'Restart the enclave to open another session.',
    retry: 'after-reload',
  },
  BACKPRESSURE: {
    meaning: 'Too many released records are unacknowledged.',
    action: 'Store and `ack` them, then send the same request again.',
    retry: 'same-bytes',
  },
  // Journal
  JOURNAL_FORK: {
    meaning: 'The journal was truncated or rewritten: its hash chain differs from the one in the ledger.',
    action: 'Stop, restore the journal; never repair automatically.',
    retry: 'never',
  },
  JOURNAL_HAS_HISTORY: {
    meaning: 'A journal that starts at line 0 holds payouts of the replaced system.',
    action: 'Use `anchorhold import`, or say that the history is to be replayed.',
    retry: 'never',
  },
  ROUTE_CLOSED: {
    meaning: 'This ledger takes credits by another route.',
    action: 'Send credits by the route that the policy names.',
    retry: 'never',
  },
  LINE_NOT_UTF8: {
    meaning: 'A journal line is not UTF-8.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  LINE_NOT_JSON: {
    meaning: 'A journal line is not one JSON object.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  LINE_KEY_DOUBLED: {
    meaning: 'A journal line names a key twice.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  LINE_TOO_LONG: {
    meaning: 'A journal line is longer than 32 KiB.',
    action: 'Shorten its metadata; append a new line.',
    retry: 'never',
  },
  LINE_EVENT_UNKNOWN: {
    meaning: 'The event of a journal line is neither credit nor set_balance.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  LINE_FIELD: {
    meaning: 'A field of a journal line is missing or has the wrong type.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  LINE_SET_BALANCE: {
    meaning: "A set_balance line is the replaced system's own book-keeping and is skipped.",
    action: 'Nothing: it is recorded for completeness.',
    retry: 'never',
  },
  AMOUNT_CONFLICT: {
    meaning: '`delta` and `amount` of one line differ in value.',
    action: 'Correct the writer; append a new line.',
    retry: 'never',
  },
  AMOUNT_ZERO: {
    meaning: 'An amount is zero after the cut to whole wei.',
    action: 'Nothing to credit.',
    retry: 'never',
  },
  AMOUNT_TOO_LARGE: {
    meaning: 'One credit is not below 2^96 wei.',
    action: 'Split it, if it is right.',
    retry: 'never',
  },
  ORCHESTRATOR_ID: {
    meaning: 'An orchestrator id is empty, longer than 128 bytes, or not well-formed text.',
    action: 'Correct the id at its source.',
    retry: 'never',
  },
  OVERDRAW: {
    meaning: 'An adjustment would take a balance below zero; it is refused whole, never clamped.',
    action: 'Adjust by no more than the balance.',
    retry: 'later',
  },
  LEDGER_FULL: {
    meaning: 'A cap of accounts or of the total would be passed.',
    action: 'Raise the cap by policy, or open another ledger.',
    retry: 'later',
  },
  RECIPIENT_MISMATCH: {
    meaning: 'A recipient differs from the pinned one, or cannot be paid.',
    action: 'Register the change; a pinned recipient is never replaced silently.',
    retry: 'never',
  },
  // Payout
  NO_CHECKPOINT: {
    meaning: 'No commit was settled since this boot, so there is no checkpoint.',
    action: 'Read the published `checkpoint` file, or wait for the next settled commit.',
    retry: 'later',
  },
  COMMIT_UNLANDED: {
    meaning: 'A commit is still unlanded; at most one may be.',
    action: 'Confirm it, sign it again, or let a new session void it.',
    retry: 'later',
  },
  NO_UNLANDED_COMMIT: {
    meaning: 'There is no unlanded commit to sign again or confirm.',
    action: 'Read `status`.',
    retry: 'never',
  },
  NOTHING_DUE: {
    meaning: 'No account is due within budget, threshold and back-off.',
    action: 'Wait for credits, or raise the treasury.',
    retry: 'later',
  },
  CADENCE_EARLY: {
    meaning: 'A bare commit was asked for before the cadence has passed and with nothing new, or too early.',
    action: 'Wait until the cadence has passed.',
    retry: 'later',
  },
  GAS_CAP: {
    meaning: 'The gas limit or gas price is above the policy.',
    action: 'Lower it, or let anyone relay the call.',
    retry: 'later',
  },
  SIGNATURES_SPENT: {
    meaning: 'This sequence has been signed as often as policy allows.',
    action: 'Relay one of the signed calls, or open a new session.',
    retry: 'after-reload',
  },
  SKIP_INVALID: {
    meaning: 'A skip bit names no payout of this commit.',
    action: 'Name payouts by their position.',
    retry: 'never',
  },
  ROUND_INVALID: {
    meaning: 'Ticket payouts need a round number and a non-zero round hash.',
    action: 'Read both from the RoundsManager; wait for the round to be initialised.',
    retry: 'later',
  },
  SEQUENCE_MISMATCH: {
    meaning: 'The sequence is not the one of the unlanded commit.',
    action: 'Read `status`.',
    retry: 'never',
  },
  SEQUENCE_SPENT: {
    meaning: "A sequence, epoch, payout number or reporter's number has reached its maximum.",
    action: 'Open another ledger; where it is a reporter, let the policy name another key for it.',
    retry: 'never',
  },
  BITMAP_INVALID: {
    meaning: 'A bitmap is absent where payouts exist, present where none do, or has a bit past the last payout.',
    action: "Take the bitmap from the anchor's Settled event.",
    retry: 'never',
  },
  ACCOUNT_UNKNOWN: {
    meaning: 'No account has this id or index.',
    action: 'Check the id; accounts appear with their first credit.',
    retry: 'never',
  },
  ATTESTATION_NONE: {
    meaning: 'Nothing can vouch for this process: it has no NSM, not even that of a development machine.',
    action: 'Trust it no further than the machine it runs on.',
    retry: 'never',
  },
} as const
