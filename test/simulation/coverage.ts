/** What must be seen in so many seeds, whichever they are: a fault that never strikes, or an attack that is never tried, proves nothing. */
import { FORGERIES } from './checkers/forgeries.ts'
import { FAULT_NAMES } from './swarm.ts'

/** Figures that a run of so many seeds has to show. */
export const SEEN_WITHIN_SEEDS = 120
/** The rarer ones: what a night of seeds has to show. */
export const RARE_WITHIN_SEEDS = 5_000

/** Too rare for a short run. */
const RARE_FAULTS: ReadonlySet<string> = new Set(['genesisAgain', 'overspent'])

/** Calls of enclaves that lived, that were copies, and that were dead by then. */
const LANDED = ['openSession', 'commit', 'commitAndPay'].flatMap((kind) =>
  ['the operator', 'a clone', 'a dead enclave'].map((whose) => `landed ${kind} of ${whose}`),
)

/** How the contract refuses what is stale, changed, too much, or at the wrong moment. */
const REVERTED = [
  'reverted openSession AnchorStaleHead',
  'reverted openSession AnchorWrongEpoch',
  'reverted openSession AnchorBadSignature',
  'reverted commit AnchorWrongEpoch',
  'reverted commit AnchorWrongSequence',
  'reverted commit AnchorFrozen',
  'reverted commitAndPay AnchorWrongEpoch',
  'reverted commitAndPay AnchorWrongSequence',
  'reverted commitAndPay AnchorFrozen',
  'reverted commitAndPay AnchorTicketFailed',
  'reverted commitAndPay AnchorBadSignature',
  'reverted commitAndPay AnchorGas',
  'reverted commitAndPay AnchorDepositChanged',
  'reverted rotateAuthority AnchorNotApproved',
]
const REVERTED_RARELY = [
  'reverted openSession AnchorSessionUsed',
  'reverted commit AnchorStaleHead',
  'reverted commit AnchorNoSession',
  'reverted commit AnchorBadSignature',
  'reverted commit AnchorWrongPayouts',
  'reverted commitAndPay AnchorStaleHead',
  'reverted commitAndPay AnchorNoSession',
  'reverted commitAndPay AnchorUnderfunded',
  'reverted commitAndPay AnchorWrongPayouts',
  'reverted rotateAuthority AnchorStaleHead',
  'reverted rotateAuthority AnchorWrongEpoch',
  'reverted rotateAuthority AnchorBadSignature',
]

/** How the enclave refuses what it is lied to about. */
const REFUSED = [
  'refused load_state CLAIM_MISMATCH',
  'refused load_state SEAL_BROKEN',
  'refused load_state SEAL_ORDER',
  'refused rebuild CLAIM_MISMATCH',
  'refused open_session SIGNATURES_SPENT',
  'refused resign_commit SIGNATURES_SPENT',
  'refused prepare_commit CADENCE_EARLY',
  'refused prepare_commit NOTHING_DUE',
  'refused confirm_payout NO_UNLANDED_COMMIT',
  'refused credit_batch SIGNATURE_EXPIRED',
  'refused credit_batch SIGNER_MISMATCH',
  'refused credit_signed SIGNER_MISMATCH',
  'refused adjust COUNTER_MISMATCH',
  'refused adjust OVERDRAW',
  'refused drain COUNTER_MISMATCH',
  'refused register RECIPIENT_PINNED',
  'refused change_recipient RECIPIENT_MISMATCH',
  'refused rotate COMMIT_UNLANDED',
]
const REFUSED_RARELY = [
  'refused load_state STATE_MISMATCH',
  'refused rebuild STATE_MISMATCH',
  'refused rebuild ENTRY_SYNTAX',
  'refused confirm_payout BITMAP_INVALID',
  'refused credit_batch BATCH_INVALID',
  'refused adjust QUORUM_INVALID',
  'refused drain QUORUM_INVALID',
  'refused set_policy QUORUM_INVALID',
  'refused set_policy COUNTER_MISMATCH',
  'refused set_policy POLICY_SUPERSEDED',
  'refused journal_reset QUORUM_INVALID',
  'refused journal_reset RESET_MISMATCH',
  'refused change_recipient QUORUM_INVALID',
  'refused change_recipient COUNTER_MISMATCH',
  'refused change_recipient RECIPIENT_FORBIDDEN',
  'refused rotate QUORUM_INVALID',
  'refused register LEDGER_FULL',
  'refused register RECIPIENT_FORBIDDEN',
  'refused register REGISTRATION_DENIED',
  'rebuilt from an old log',
]

/** What is refused whoever asks: each code that a host can provoke without breaking anything first. */
const NONSENSE = [
  'refused ack RECORD_UNKNOWN',
  'refused adjust AMOUNT_TOO_LARGE',
  'refused adjust AMOUNT_ZERO',
  'refused adjust SIGNATURE_INVALID',
  'refused attestation ATTESTATION_NONE',
  'refused audit_checkpoint NO_CHECKPOINT',
  'refused audit_checkpoint PARAMS_INVALID',
  'refused configure CONFIG_LOCKED',
  'refused confirm_payout METHOD_RETIRED',
  'refused confirm_payout SEQUENCE_MISMATCH',
  'refused credit_signed REPORTER_UNKNOWN',
  'refused drain AMOUNT_ZERO',
  'refused export_snapshot RECORD_UNKNOWN',
  'refused genesis GENESIS_HASH',
  'refused open_session GAS_CAP',
  'refused outputs RECORD_UNKNOWN',
  'refused prepare_commit COMMIT_UNLANDED',
  'refused prepare_commit GAS_CAP',
  'refused prove_balance NO_HEADER',
  'refused provision KEY_ADDRESS',
  'refused resign_commit GAS_CAP',
  'refused resign_commit NO_UNLANDED_COMMIT',
  'refused resign_commit ROUND_INVALID',
  'refused resign_commit SKIP_INVALID',
  'refused rotate ROTATION_INVALID',
  'refused session_landed SESSION_CLAIM',
  'refused set_policy POLICY_FIXED',
  'refused set_policy POLICY_INVALID',
  'refused sign METHOD_UNKNOWN',
  'refused sign_transaction METHOD_RETIRED',
  'refused apply_events BACKPRESSURE',
  'refused skip_sequence BACKPRESSURE',
  'refused load_state PHASE_FORBIDS',
  'refused provision PHASE_FORBIDS',
  'refused genesis PHASE_FORBIDS',
]

/** Answers that are held against what the world knows. */
const ANSWERED = [
  'configure',
  'generate',
  'status',
  'address',
  'balance',
  'prove_balance',
  'reporter',
  'audit_status',
  'audit_checkpoint',
  'export_state',
  'export_snapshot',
  'outputs',
  'ack',
  'halt',
].map((method) => `answered ${method}`)

/** What happens in the world around it. */
const HAPPENED = [
  'answered load_state',
  'answered rebuild',
  'answered rotate',
  'answered set_policy',
  'answered drain',
  'answered journal_reset',
  'answered change_recipient',
  'answered skip_sequence',
  'credit CREDIT_CAP',
  'credit RECIPIENT_MISMATCH',
  'credit gap',
  'landed headers undone',
  'confirmed blindly',
  'records lost with a disk',
  'rotation landed',
  'a payee called back: AnchorReentered',
  'balance statement final',
  'balance statement provisional',
  'balance statement of a header that is not on chain',
  'receipts judged',
  'change of recipient carried out',
  'paid while another one waits',
  'paid a new recipient',
  ...[1, 2, 3, 4, 5].map((blocks) => `reorganisation of ${blocks} blocks`),
]
const HAPPENED_RARELY = [
  'landed redeem',
  'credit expired',
  'change taken back',
  'reorganisation of 6 blocks',
  ...Object.keys(FORGERIES).map((name) => `seen by the auditor: ${name}`),
]

/** Each figure, and within how many seeds it has to be above zero. */
export const EXPECTED: ReadonlyMap<string, number> = new Map([
  ...FAULT_NAMES.map(
    (name) => [`fault ${name}`, RARE_FAULTS.has(name) ? RARE_WITHIN_SEEDS : SEEN_WITHIN_SEEDS] as const,
  ),
  ...[...LANDED, ...REVERTED, ...REFUSED, ...NONSENSE, ...ANSWERED, ...HAPPENED].map(
    (figure) => [figure, SEEN_WITHIN_SEEDS] as const,
  ),
  ...[...REVERTED_RARELY, ...REFUSED_RARELY, ...HAPPENED_RARELY].map((figure) => [figure, RARE_WITHIN_SEEDS] as const),
])

/** What a run of so many seeds should have shown and did not. */
export function unseen(figures: ReadonlyMap<string, number>, seeds: number): string[] {
  return [...EXPECTED].flatMap(([figure, within]) =>
    seeds >= within && (figures.get(figure) ?? 0) === 0 ? [figure] : [],
  )
}
