/**
 * A model of the anchor and of what it needs of the broker: head, sequence, session, money. Each of its rules can be
 * exchanged, so that a search without one shows what that rule is there for.
 */
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Core } from './core.ts'
import type { Call, Opened, Paid } from './moments.ts'

/** Where a landed commit stood: links of the landed chain, newest first. */
export type Landed = {
  readonly call: Call
  readonly bitmap: bigint | null
  /** The boot whose Open had landed last by then, and what the chain had paid by then: kept whatever the rules ask. */
  readonly newestBoot: number
  readonly paidBeforeWei: readonly bigint[]
  readonly before: Landed | null
  readonly key: string
}

export type Contract = {
  readonly key: string
  readonly head: Hash
  readonly sequence: number
  readonly epoch: number
  /** The boot that holds the session. */
  readonly session: number
  readonly newestBoot: number
  /** What each account's recipient got: by commits, and by stray tickets out of the deposit. */
  readonly paidWei: readonly bigint[]
  readonly strayWei: readonly bigint[]
  /** What left the treasury. */
  readonly spentWei: bigint
  readonly donatedWei: bigint
  /** The authority's deposit at the broker. */
  readonly depositWei: bigint
  /** Tickets that the broker has redeemed. */
  readonly redeemed: readonly string[]
  readonly landed: Landed | null
}

export type Rules = {
  readonly fold: (next: Hash, bitmap: bigint) => Hash
  readonly compareAndSwap: (contract: Contract, call: Call) => boolean
  readonly session: (contract: Contract, call: Call) => boolean
  readonly open: (contract: Contract, open: Opened) => boolean
  /** What a commit that pays by `bitmap` puts into the deposit beyond what its tickets take out again. */
  readonly leftWei: (call: Call, bitmap: bigint) => bigint
}

/** The anchor as it is. */
export function anchorRules({ foldHead }: Core): Rules {
  return {
    fold: foldHead,
    compareAndSwap: ({ sequence, head }, call) => call.sequence === sequence + 1 && call.prev === head,
    session: ({ epoch, session }, call) => call.epoch === epoch && call.boot === session,
    open: ({ epoch, head }, open) => open.epoch === epoch + 1 && open.head === head,
    leftWei: () => 0n,
  }
}

/** Epoch 1 is open, held by boot 0, and nothing has landed. */
export function newContract(accounts: number): Contract {
  const nothing = Array.from({ length: accounts + 1 }, () => 0n)
  return keyed({
    head: ZERO_HASH,
    sequence: 0,
    epoch: 1,
    session: 0,
    newestBoot: 0,
    paidWei: nothing,
    strayWei: nothing,
    spentWei: 0n,
    donatedWei: 0n,
    depositWei: 0n,
    redeemed: [],
    landed: null,
  })
}

export function landOpen(rules: Rules, contract: Contract, open: Opened): Contract | null {
  if (!rules.open(contract, open)) return null
  return keyed({ ...contract, epoch: open.epoch, session: open.boot, newestBoot: open.boot })
}

/** `bitmap` says which payouts go through: the others are skipped, or fail. Null when the call reverts. */
export function landCommit(rules: Rules, contract: Contract, call: Call, bitmap: bigint | null): Contract | null {
  if (!rules.compareAndSwap(contract, call) || !rules.session(contract, call)) return null
  const paid = call.payouts.filter((_, position) => (((bitmap ?? 0n) >> BigInt(position)) & 1n) === 1n)
  // The broker takes no ticket twice, and one that it does not take reverts the whole call.
  if (paid.some(({ ticket }) => contract.redeemed.includes(ticket))) return null
  const leftWei = bitmap === null ? 0n : rules.leftWei(call, bitmap)
  return keyed({
    ...contract,
    head: bitmap === null ? call.next : rules.fold(call.next, bitmap),
    sequence: call.sequence,
    paidWei: addPaid(contract.paidWei, paid),
    spentWei: contract.spentWei + sumOf(paid) + leftWei,
    depositWei: contract.depositWei + leftWei,
    redeemed: [...contract.redeemed, ...paid.map(({ ticket }) => ticket)].sort(),
    landed: landedBy(contract, call, bitmap),
  })
}

/** Anyone may fund anyone's deposit. */
export function donate(contract: Contract, amountWei: bigint): Contract {
  return keyed({
    ...contract,
    donatedWei: contract.donatedWei + amountWei,
    depositWei: contract.depositWei + amountWei,
  })
}

/** A ticket redeemed by hand: it takes what the deposit has, up to its face value. */
export function redeemStray(contract: Contract, stray: Paid): Contract | null {
  if (contract.depositWei === 0n || contract.redeemed.includes(stray.ticket)) return null
  const leftWei = contract.depositWei - stray.wei
  const takenWei = leftWei < 0n ? contract.depositWei : stray.wei
  return keyed({
    ...contract,
    depositWei: contract.depositWei - takenWei,
    strayWei: addPaid(contract.strayWei, [{ ...stray, wei: takenWei }]),
    redeemed: [...contract.redeemed, stray.ticket].sort(),
  })
}

function landedBy(contract: Contract, call: Call, bitmap: bigint | null): Landed {
  const { newestBoot, paidWei, landed } = contract
  const key = `${landed?.key ?? ''},${call.next.slice(2, 18)}/${bitmap}/${newestBoot}`
  return { call, bitmap, newestBoot, paidBeforeWei: paidWei, before: landed, key }
}

function addPaid(columnWei: readonly bigint[], paid: readonly Paid[]): readonly bigint[] {
  const sums = [...columnWei]
  for (const { account, wei } of paid) sums[account] = (sums[account] ?? 0n) + wei
  return sums
}

export function sumOf(paid: readonly { readonly wei: bigint }[]): bigint {
  return paid.reduce((sum, { wei }) => sum + wei, 0n)
}

function keyed(contract: Omit<Contract, 'key'>): Contract {
  const { head, epoch, session, newestBoot, strayWei, donatedWei, depositWei, redeemed, landed } = contract
  const money = `${strayWei.join()};${donatedWei};${depositWei};${redeemed.join()}`
  return { ...contract, key: `${landed?.key ?? ''};${head.slice(2, 18)};${epoch};${session};${newestBoot};${money}` }
}
