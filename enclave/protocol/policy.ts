/**
 * The policy of a ledger, its canonical bytes and hash (protocol sections 3 and 6). Default deny: who is not named may do
 * nothing, and a denied recipient is never paid. Only a quorum of admins changes it.
 */
import { encodeCbor } from './cbor.ts'
import type { Decoded } from './codec.ts'
import { address, amountWei, decodeWith, flag, list, oneOf, struct, uint } from './codec.ts'
import { CodedError } from './errors.ts'
import { keccak256 } from './hash.ts'
import type { Address, Hash } from './ids.ts'
import { toHash, ZERO_ADDRESS } from './ids.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT } from './money.ts'
import { PAYOUTS_MAX } from './ticket.ts'

/** 2^32 leaves at most: an index is a u32. */
export const ACCOUNTS_MAX = 2 ** 32 - 1
export const CADENCE_SECONDS_MAX = 366 * 86_400
export const SIGNATURES_PER_SEQUENCE_MAX = 1_000
export const BACKOFF_SEQUENCES_MAX = 2 ** 20
/** Admins of a policy, and signatures of one admin act. */
export const QUORUM_MAX = 16
export const REGISTRARS_MAX = 16
/** A policy entry with this many reporters and denied recipients still fits an entry of the log. */
export const REPORTERS_MAX = 200
export const DENIED_RECIPIENTS_MAX = 512
export const WINDOW_SECONDS_MAX = 366 * 86_400
const U32_MAX = 2 ** 32 - 1

/** What one source of credits may bring: in any windowSeconds, and in all. */
const caps = { windowWeiMax: amountWei, lifetimeWeiMax: amountWei }

export const policyCodec = struct({
  chainId: uint(),
  anchor: address,
  broker: address,
  /** How a payout is made: through Livepeer's TicketBroker, or as a plain transfer of ether. */
  strategy: oneOf('ticket', 'transfer'),
  /** The one route that credits take [F22]. The only change is from host-trusted to signed, once [G17]. */
  credits: oneOf('host-trusted', 'signed'),
  /** Account 0's recipient: where a drain goes. */
  treasuryOwner: address,
  /** A balance below this waits. */
  thresholdWei: amountWei,
  payoutWeiMin: amountWei,
  payoutWeiMax: amountWei,
  /** The sum of one commit. */
  commitWeiMax: amountWei,
  payoutsPerCommitMax: uint(PAYOUTS_MAX),
  /** A bare commit waits until this long after the last one. */
  cadenceSeconds: uint(CADENCE_SECONDS_MAX),
  /** Ceiling of maxFeePerGas. */
  gasPriceWeiMax: amountWei,
  gasMax: uint(),
  signaturesPerSequenceMax: uint(SIGNATURES_PER_SEQUENCE_MAX),
  /** A payout that fails k times in a row waits 2^k sequences, but never longer than this. */
  backoffSequencesMax: uint(BACKOFF_SEQUENCES_MAX),
  accountsMax: uint(ACCOUNTS_MAX),
  /** Width of every rolling window below. */
  windowSeconds: uint(WINDOW_SECONDS_MAX),
  /** Payouts to one recipient, and to all, in any windowSeconds. A drain counts in neither. */
  recipientWindowWeiMax: amountWei,
  rollingWeiMax: amountWei,
  /** Never paid, whatever else holds. Ascending. */
  deniedRecipients: list(address, DENIED_RECIPIENTS_MAX),
  /** Who may change this policy, adjust, drain, reset the journal and approve a rotation: `quorum` of them. Ascending. */
  admins: list(address, QUORUM_MAX),
  quorum: uint(QUORUM_MAX),
  /** Who co-signs registrations. Ascending. */
  registrars: list(address, REGISTRARS_MAX),
  /** How a recipient may be pinned besides the roster: with a registrar, alone for an id that is its address, by a signed credit. */
  registration: struct({ registrar: flag, self: flag, credit: flag }),
  /** Who may sign credits. Ascending by address. */
  reporters: list(struct({ address, ...caps }), REPORTERS_MAX),
  /** The caps of the journal, whose writer is the reporter of a host-trusted ledger. */
  journal: struct(caps),
})

export type Policy = Decoded<typeof policyCodec>
export type Reporter = Policy['reporters'][number]

/** The version of the policy that genesis sets. */
export const POLICY_VERSION_GENESIS = 1
export const POLICY_VERSION_MAX = U32_MAX

/** keccak256 of the policy's canonical CBOR. */
export function policyHash(policy: Policy): Hash {
  return toHash(keccak256(encodeCbor(policyCodec.encode(policy))))
}

/** A foreign value as a policy that does not contradict itself. Refuses POLICY_INVALID with the field. */
export function parsePolicy(value: unknown): Policy {
  const policy = decodeWith(policyCodec, value, 'POLICY_INVALID', 'policy')
  checkPolicy(policy)
  return policy
}

function demand(holds: boolean, claim: string): void {
  if (!holds) throw new CodedError('POLICY_INVALID', `policy: expected ${claim}`)
}

function checkPolicy(policy: Policy): void {
  checkPayouts(policy)
  checkSigners(policy)
  const { reporters, journal } = policy
  demand(ascending(reporters.map(({ address }) => address)), 'reporters in ascending order')
  const lifetimes = reporters.reduce(
    (sum, { lifetimeWeiMax }) => sum + lifetimeWeiMax,
    journal.lifetimeWeiMax as bigint,
  )
  demand(lifetimes < LEDGER_WEI_LIMIT, 'lifetime caps whose sum is below 2^127')
}

function checkPayouts(policy: Policy): void {
  demand(policy.anchor !== ZERO_ADDRESS && policy.broker !== ZERO_ADDRESS, 'an anchor and a broker')
  demand(policy.anchor !== policy.broker, 'anchor and broker to differ')
  demand(policy.treasuryOwner !== ZERO_ADDRESS, 'a treasuryOwner')
  demand(policy.chainId > 0, 'a chainId above 0')
  demand(policy.payoutWeiMin > 0n && policy.payoutWeiMin <= policy.payoutWeiMax, '0 < payoutWeiMin ≤ payoutWeiMax')
  demand(policy.payoutWeiMax < AMOUNT_WEI_LIMIT, 'payoutWeiMax below 2^96')
  demand(policy.payoutWeiMin <= policy.commitWeiMax, 'payoutWeiMin ≤ commitWeiMax')
  demand(policy.payoutsPerCommitMax > 0 && policy.signaturesPerSequenceMax > 0, 'payouts and signatures above 0')
  demand(policy.gasMax > 0 && policy.gasPriceWeiMax > 0n && policy.accountsMax > 0, 'gas and account caps above 0')
  demand(policy.backoffSequencesMax > 0, 'backoffSequencesMax above 0')
  demand(policy.windowSeconds > 0, 'windowSeconds above 0')
  demand(policy.payoutWeiMin <= policy.recipientWindowWeiMax, 'payoutWeiMin ≤ recipientWindowWeiMax')
  demand(policy.payoutWeiMin <= policy.rollingWeiMax, 'payoutWeiMin ≤ rollingWeiMax')
  demand(ascending(policy.deniedRecipients), 'deniedRecipients in ascending order')
  // A drain to a denied owner would wait for ever.
  demand(!policy.deniedRecipients.includes(policy.treasuryOwner), 'a treasuryOwner that is not denied')
}

function checkSigners({ admins, quorum, registrars, registration }: Policy): void {
  demand(ascending(admins), 'admins in ascending order')
  demand(quorum <= admins.length && quorum > 0 === admins.length > 0, 'a quorum from 1 to the number of admins')
  demand(ascending(registrars), 'registrars in ascending order')
  demand(!registration.registrar || registrars.length > 0, 'registrars where registration names them')
}

/** Distinct, none of them zero. Lower-case hex of one length compares as the numbers do. */
function ascending(addresses: readonly Address[]): boolean {
  return addresses.every((address, at) => address > (at === 0 ? ZERO_ADDRESS : (addresses[at - 1] as Address)))
}
