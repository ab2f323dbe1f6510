/**
 * What may be signed. Pure: policy and request in, allowed or the first reason against it out. Default deny, and a deny wins:
 * whatever no rule allows is refused, and every cap holds at once.
 */
import type { Address } from '../protocol/ids.ts'
import type { SignerConfiguration, SignerPolicy } from '../protocol/signer-configuration.ts'
import type { Ticket } from '../protocol/ticket.ts'
import { type Call, selectorNames } from './calldata.ts'
import type { Fees, SignerTransaction } from './transaction.ts'

/** `reason` names both values. */
export type Verdict = { readonly kind: 'allowed' } | { readonly kind: 'refused'; readonly reason: string }

/** A rule gives its reason against, or nothing. */
type Against = string | undefined

const ALLOWED: Verdict = { kind: 'allowed' }

/** `call` is what `transaction.data` says; `signer` the address of the key. */
export function judgeTransaction(
  configuration: SignerConfiguration,
  signer: Address,
  transaction: SignerTransaction,
  call: Call,
): Verdict {
  const { policy } = configuration
  return verdictOf([
    () => againstPlace(configuration, signer, transaction),
    () => againstCost(policy, transaction),
    () => againstCall(policy, signer, transaction, call),
  ])
}

/** A ticket by itself: what is signed for it is a cheque, and costs as much as a transaction that redeems it. */
export function judgeTicket(policy: SignerPolicy, signer: Address, ticket: Ticket): Verdict {
  return verdictOf([() => againstTickets(policy, signer, [ticket])])
}

function verdictOf(rules: readonly (() => Against)[]): Verdict {
  const reason = firstOf(rules)
  return reason === undefined ? ALLOWED : { kind: 'refused', reason }
}

function firstOf(rules: readonly (() => Against)[]): Against {
  for (const rule of rules) {
    const reason = rule()
    if (reason !== undefined) return reason
  }
  return undefined
}

function againstPlace(
  { chainId, broker }: SignerConfiguration,
  signer: Address,
  { chainId: gotChainId, to, from }: SignerTransaction,
): Against {
  if (gotChainId !== chainId) return mismatch('chainId', gotChainId, chainId)
  if (to !== broker) return mismatch('tx.to', to, broker)
  return from === undefined || from === signer ? undefined : mismatch('tx.from', from, signer)
}

function againstCost(policy: SignerPolicy, { gas, fees }: SignerTransaction): Against {
  if (gas > BigInt(policy.gasMax)) return above('tx.gas', 'gas_max', gas, policy.gasMax)
  return againstFees(policy, fees)
}

/** A legacy price is fee and tip in one; what the base fee leaves of it is the tip, so the fee's ceiling is the only one. */
function againstFees({ maxFeePerGasWei, maxPriorityFeePerGasWei }: SignerPolicy, fees: Fees): Against {
  const ceiling = 'max_fee_per_gas_wei'
  if (fees.kind === 'legacy') return upTo('tx.gasPrice', ceiling, fees.gasPriceWei, maxFeePerGasWei)
  return (
    upTo('tx.maxFeePerGas', ceiling, fees.maxFeePerGasWei, maxFeePerGasWei) ??
    upTo(
      'tx.maxPriorityFeePerGas',
      'max_priority_fee_per_gas_wei',
      fees.maxPriorityFeePerGasWei,
      maxPriorityFeePerGasWei,
    )
  )
}

function againstCall(policy: SignerPolicy, signer: Address, { valueWei }: SignerTransaction, call: Call): Against {
  switch (call.kind) {
    case 'fundDeposit':
      return againstDeposit(policy, valueWei)
    case 'redeemWinningTicket':
    case 'batchRedeemWinningTickets':
      return valueWei === 0n ? againstTickets(policy, signer, call.tickets) : mismatch('tx.value', valueWei, 0)
    case 'other':
      return `selector not allowed (got ${call.selector}, expected one of ${selectorNames()})`
    default:
      return call satisfies never
  }
}

function againstDeposit({ allowFundDeposit, maxFundDepositWei }: SignerPolicy, valueWei: bigint): Against {
  if (!allowFundDeposit) return 'fundDeposit not allowed (got allow_fund_deposit false, expected true)'
  return (
    unset('max_fund_deposit_wei', maxFundDepositWei) ??
    upTo('tx.value', 'max_fund_deposit_wei', valueWei, maxFundDepositWei)
  )
}

function againstTickets(policy: SignerPolicy, signer: Address, tickets: readonly Ticket[]): Against {
  const totalWei = tickets.reduce((sum, { faceValueWei }) => sum + faceValueWei, 0n)
  const { batchMax, maxFaceValueWei, maxTotalFaceValueWei } = policy
  return firstOf([
    () => (tickets.length > batchMax ? above('tickets', 'batch_max', tickets.length, batchMax) : undefined),
    // A ticket of no value is within a cap of zero, and an empty policy signs nothing all the same.
    () => unset('max_face_value_wei', maxFaceValueWei),
    () => unset('max_total_face_value_wei', maxTotalFaceValueWei),
    ...tickets.map((ticket) => () => againstTicket(policy, signer, ticket)),
    () => upTo('total faceValue', 'max_total_face_value_wei', totalWei, maxTotalFaceValueWei),
  ])
}

function againstTicket(policy: SignerPolicy, signer: Address, ticket: Ticket): Against {
  if (ticket.sender !== signer) return mismatch('ticket.sender', ticket.sender, signer)
  return (
    againstRecipient(policy, ticket.recipient) ??
    upTo('ticket.faceValue', 'max_face_value_wei', ticket.faceValueWei, policy.maxFaceValueWei)
  )
}

function againstRecipient({ allowedRecipients, requireAllowlist }: SignerPolicy, recipient: Address): Against {
  const count = allowedRecipients.length
  if (count === 0)
    return requireAllowlist
      ? 'allowlist is empty (got 0 recipients, expected at least 1 with require_allowlist)'
      : undefined
  if (allowedRecipients.includes(recipient)) return undefined
  return `ticket.recipient not in allowlist (got ${recipient}, expected one of the ${count} allowed)`
}

function mismatch(name: string, got: unknown, expected: unknown): string {
  return `${name} mismatch (got ${got}, expected ${expected})`
}

function upTo(name: string, cap: string, got: bigint, max: bigint): Against {
  return got > max ? above(name, cap, got, max) : undefined
}

function above(name: string, cap: string, got: unknown, max: unknown): string {
  return `${name} above ${cap} (got ${got}, expected at most ${max})`
}

function unset(cap: string, value: bigint): Against {
  return value === 0n ? `${cap} not set (got 0, expected above 0)` : undefined
}
