/** The policy of a ledger, its canonical bytes and hash (protocol sections 3 and 6). Fixed at genesis in this generation. */
import { encodeCbor } from './cbor.ts'
import type { Decoded } from './codec.ts'
import { address, amountWei, decodeWith, oneOf, struct, uint } from './codec.ts'
import { CodedError } from './errors.ts'
import { keccak256 } from './hash.ts'
import type { Hash } from './ids.ts'
import { toHash, ZERO_ADDRESS } from './ids.ts'
import { AMOUNT_WEI_LIMIT } from './money.ts'
import { PAYOUTS_MAX } from './ticket.ts'

/** 2^32 leaves at most: an index is a u32. */
export const ACCOUNTS_MAX = 2 ** 32 - 1
export const CADENCE_SECONDS_MAX = 366 * 86_400
export const SIGNATURES_PER_SEQUENCE_MAX = 1_000
export const BACKOFF_SEQUENCES_MAX = 2 ** 20
const U32_MAX = 2 ** 32 - 1

export const policyCodec = struct({
  chainId: uint(),
  anchor: address,
  broker: address,
  /** How a payout is made: through Livepeer's TicketBroker, or as a plain transfer of ether. */
  strategy: oneOf('ticket', 'transfer'),
  /** Which route credits take; `signed` is accepted by a later generation. */
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
})

export type Policy = Decoded<typeof policyCodec>

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

function checkPolicy(policy: Policy): void {
  const demand = (holds: boolean, claim: string): void => {
    if (!holds) throw new CodedError('POLICY_INVALID', `policy: expected ${claim}`)
  }
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
}
