/** What the auditor has to say: a stable code, the entry it is about, what the rule asks and what stands there. */

/** Every code of a finding. Codes are stable; texts may change. */
export const FINDINGS = {
  // An entry by itself
  ENTRY_BYTES: 'Bytes in the log are no entry of a known type.',
  ENTRY_INDEX: 'An entry carries another index than its place in the log.',
  ENTRY_TIME: 'An entry is older than the one before it.',
  ENTRY_VERSION: 'An entry is of an older generation than the one before it.',
  ENTRY_ORDER: 'An entry stands where the order between headers does not allow its type.',
  // What outsiders sign
  SIGNATURE_WRONG: 'A signature is not the one of whoever has to sign.',
  SIGNATURE_EXPIRED: 'An entry is later than its signers allowed.',
  QUORUM_WRONG: 'The signatures are not those of exactly a quorum of the admins in force.',
  COUNTER_ORDER: 'A number that its signers count is not the next one.',
  REPORTER_UNKNOWN: 'A reporter signs whom the policy in force does not name.',
  CREDIT_ROUTE: 'A signed credit counts although the policy closes that route.',
  CREDIT_CAP: 'A source of credits brings more than its caps allow.',
  BATCH_ORDER: 'The parts of a signed batch do not follow each other, or are not of one batch.',
  BATCH_ROOT: 'The credits of a batch are not those that its signature covers.',
  REFUSAL_CODE: 'A credit is refused with a code that is not true of it.',
  REGISTRATION_DENIED: 'A recipient is registered in a way that the policy closes.',
  RECIPIENT_MISMATCH: 'An entry names another recipient than the account has.',
  POLICY_SUCCESSION: 'A policy does not follow the one in force.',
  POLICY_FIELD: 'A policy changes what never changes, contradicts itself, or has another hash.',
  RESET_CURSOR: "A journal reset is not for the journal's place.",
  // Genesis
  GENESIS_FIELD: 'A field of the genesis entry does not follow from the others.',
  GENESIS_HASH: 'Policy, roster, openings and journal start do not hash to genesisHash.',
  // Accounts and inputs
  ACCOUNT_INDEX: 'An entry names another account index than its orchestrator has.',
  ACCOUNT_UNKNOWN: 'An entry changes an account that does not exist.',
  ACCOUNT_LIMIT: 'There are more accounts than the policy allows.',
  RECIPIENT_PINNED: 'A recipient is pinned again.',
  RECIPIENT_INVALID: 'A recipient may not be pinned to this orchestrator.',
  JOURNAL_LINE: 'Journal lines are not consumed one after the other.',
  JOURNAL_ROUTE: 'A journal line is consumed although the policy closes that route.',
  AMOUNT_TEXT: 'The wei of an entry are not what its decimal text says.',
  AMOUNT_RANGE: 'An amount is zero, has the wrong sign, or passes a cap.',
  ADJUST_OVERDRAW: 'An adjustment takes a balance below zero.',
  // Payouts
  RESERVE_SEQUENCE: 'A reserve entry is not for the next sequence.',
  RESERVE_COUNT: 'A reserve entry holds no payout, or more than the policy allows.',
  RESERVE_SUM: 'The payouts of one commit sum to more than the policy allows.',
  PAYOUT_ID: 'A payoutId is not the next one.',
  PAYOUT_KIND: 'A payout is not made the way the policy says, or a ticket follows a transfer.',
  PAYOUT_RECIPIENT: 'A payout goes to another recipient than the pinned one, or to one that is never paid.',
  PAYOUT_AMOUNT: 'A payout is outside the limits of the policy.',
  PAYOUT_OVERDRAW: 'A payout is larger than the balance of its account.',
  PAYOUT_ORDER: 'Payouts do not go on in order of account after the last one served.',
  PAYOUT_BACKOFF: 'An account is tried again sooner after a failed payout than the policy allows.',
  PAYOUT_WINDOW: 'Payouts to one recipient, or to all, pass the cap of a rolling window.',
  PAYOUT_DOUBLED: 'One account is paid twice in one commit.',
  // Headers
  HEADER_FIELD: 'A field of a header is not what replay gives.',
  HEADER_HASH: 'The hash beside a header is not the hash of that header.',
  CONSERVATION: 'Credited is not the sum of balances, paid and reserved.',
  SETTLE_SEQUENCE: 'A settle or void entry is not for the unlanded commit.',
  SETTLE_BITMAP: 'A bitmap stands where none belongs, is missing, or has a bit past the last payout.',
  SETTLE_HEAD: 'The head after a settle or void entry is not the one that follows.',
  OPEN_EPOCH: 'A session does not raise the epoch.',
  OPEN_HEAD: 'A session was opened on another head.',
  OPEN_SESSION: 'A session key is zero or used again.',
  ROTATE_FIELD: 'A rotation changes nothing, or names no authority.',
  // What a reporter says of itself
  REPORTER_AHEAD: 'The log holds more numbers of a reporter than it says it has signed.',
  // The published log
  LOG_FILE_MISSING: 'A file of the published log is missing.',
  LOG_BUNDLE: 'An entry bundle is not whole, or not the one that was anchored.',
  LOG_TILE: 'A hash tile is not what its entries hash to.',
  LOG_BEHIND: 'The published log ends before a final commit.',
  CHECKPOINT_SYNTAX: 'The checkpoint is no C2SP checkpoint of this log.',
  CHECKPOINT_SIGNATURE: 'The checkpoint is not signed by the log key.',
  CHECKPOINT_UNANCHORED: 'No commit on chain has the size and root of the checkpoint.',
  // The chain
  CHAIN_IDENTITY: 'The ledger belongs to another chain, anchor, broker or guardian.',
  CHAIN_ORDER: "The anchor's events do not follow from each other.",
  CHAIN_STATE: "The anchor's state is not the one its events lead to.",
  COMMIT_HEADER: 'A commit on chain has another header than replay gives at its size.',
  COMMIT_ENTRY: 'A commit entry and the commit on chain differ.',
  COMMIT_MISSING: 'A settled commit of the log is not on chain.',
  VOID_LANDED: 'A commit that the log calls void has landed.',
  SETTLED_ENTRY: 'A settle entry and the settlement on chain differ.',
  SESSION_MISSING: 'A session of the log was never opened on chain.',
  SESSION_FIELD: 'A session of the log and the one on chain differ.',
  AUTHORITY_FIELD: 'The authority of the log is not the one on chain.',
  // Attestations; the first three are notices when no measurements are given
  UNATTESTED: 'A session was opened without an attestation document: a development enclave.',
  ATTESTATION_MISSING: 'The document that the chain names for a session is not beside the log.',
  ATTESTATION_LIMIT: 'More sessions were opened than one audit looks at: the oldest were left out.',
  ATTESTATION_DIGEST: 'The document kept for a session is not the one that the chain names.',
  ATTESTATION_REFUSED: 'The document of a session is not genuine, of another image, or binds something else.',
  ATTESTATION_IMAGE: 'The log names another image for a session than its document.',
  ATTESTATION_CONFIG: 'The configuration locked into PCR16 is none of those given.',
  CALL_PAYOUTS: 'The call paid other payouts than the ledger reserved.',
  CALL_SKIP: 'The bits paid are not those that were not skipped.',
  PAYMENT_MISSING: 'A bit says paid, and the broker moved nothing for it.',
  PAYMENT_FIELD: 'The broker moved another amount, or to another recipient, than the ledger paid.',
  PAYMENT_EXTRA: 'The broker redeemed a ticket that the ledger did not pay, or moved money for no ticket.',
  PAYMENT_DOUBLED: 'The broker redeemed one payoutId twice.',
  TREASURY_OUTFLOW: 'The treasury fell by more than the payouts of a block.',
  // The journal
  JOURNAL_SHORT: 'The journal has fewer lines than the ledger consumed.',
  JOURNAL_HASH: 'A journal line is not the one that the ledger consumed.',
  JOURNAL_MEANING: 'A journal line says something else than its entry.',
} as const

export type FindingCode = keyof typeof FINDINGS

export type Finding = {
  readonly code: FindingCode
  /** Log index of the entry, null when it is about no entry. */
  readonly entry: number | null
  /** What it is about: a field, a file, a sequence, a transaction. */
  readonly subject: string
  readonly expected: string
  readonly got: string
}

/** A hostile log can be wrong everywhere: the rest is counted. */
export const FINDINGS_MAX = 1_000
const SHOWN_CHARACTERS_MAX = 200

export type Findings = { readonly list: Finding[]; dropped: number }

export function newFindings(): Findings {
  return { list: [], dropped: 0 }
}

export function flag(
  findings: Findings,
  code: FindingCode,
  where: { readonly entry: number | null; readonly subject: string },
  expected: unknown,
  got: unknown,
): void {
  if (findings.list.length >= FINDINGS_MAX) {
    findings.dropped++
    return
  }
  findings.list.push({ code, entry: where.entry, subject: where.subject, expected: show(expected), got: show(got) })
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
  return (text ?? 'nothing').slice(0, SHOWN_CHARACTERS_MAX)
}
