/** Do chain, log, enclave and auditor say the same? One line for each question, and one wrong line fails the run. Pure. */
import type { Attack } from './attacks/attack.ts'
import type { ChainFigures } from './chain-figures.ts'
import type { LogFigures } from './log-figures.ts'

export type EnclaveFigures = {
  readonly head: string
  readonly sequence: number
  readonly journalSize: number
  readonly creditedWei: bigint
  readonly paidWei: bigint
  readonly reservedWei: bigint
  /** Σ of what `balance` answers for every id of the log. */
  readonly balancesWei: bigint
  readonly balancesReservedWei: bigint
  readonly accountsWithoutRecipient: number
}

export type AuditFigures = {
  readonly verdict: string
  readonly sequence: number
  readonly commits: number
  readonly creditedWei: bigint
  readonly paidWei: bigint
  readonly fundedWei: bigint
  readonly outflowWei: bigint
  readonly balanceWei: bigint
}

export type Figures = {
  readonly log: LogFigures
  readonly chain: ChainFigures
  readonly enclave: EnclaveFigures
  readonly audit: AuditFigures
  /** Complete lines in the journal file. */
  readonly journalLines: number
  /** Undefined when no attack was asked for. */
  readonly attacks: readonly Attack[] | undefined
  /** The anchor's head before and after the attacks, on the live chain. */
  readonly liveHeads: { readonly before: string; readonly after: string } | undefined
  /** Rounds that ended while somebody waited, in the life of this ledger. */
  readonly roundsWhileDue: number
  readonly faults: { readonly dropped: number; readonly doubled: number }
}

export type Check = { readonly claim: string; readonly expected: string; readonly got: string; readonly holds: boolean }

export const PAYING_COMMITS_MIN = 20

export function reconcile({ log, chain, enclave, audit, journalLines, attacks, liveHeads }: Figures): Check[] {
  const refused = log.refused.reduce((sum, [, lines]) => sum + lines, 0)
  const parts = enclave.balancesWei + enclave.paidWei + enclave.reservedWei
  return [
    same('every line of the journal is read', journalLines, enclave.journalSize),
    same('every line read is in the log', enclave.journalSize, log.lines),
    same('lines are applied or refused', log.lines, log.credits + log.adjustments + refused),
    same('wei in: log and enclave', log.creditedWei, enclave.creditedWei),
    same('wei in = balances + paid + reserved', enclave.creditedWei, parts),
    same('reserved: accounts and total', enclave.reservedWei, enclave.balancesReservedWei),
    same('wei paid: log and enclave', log.paidWei, enclave.paidWei),
    same('wei paid: chain and enclave', chain.paidWei, enclave.paidWei),
    same('wei paid: auditor and enclave', audit.paidWei, enclave.paidWei),
    same('treasury: came in less paid', audit.fundedWei - audit.outflowWei, audit.balanceWei),
    same('treasury: auditor and chain', audit.balanceWei, chain.treasuryWei),
    same('commits that paid: chain and log', chain.payingCommits, log.payingCommits),
    same('commits: chain and log', chain.commits, log.payingCommits + log.bareCommits),
    same('payouts: chain and log', chain.payoutsPaid, log.payoutsPaid),
    same('head: chain and enclave', chain.head, enclave.head),
    same('sequence: chain and enclave', chain.sequence, enclave.sequence),
    same('the auditor', 'clean', audit.verdict),
    same('the auditor looked at every commit', chain.sequence, audit.sequence),
    ...attackChecks(attacks, liveHeads),
  ]
}

/** What the shipped journal has to show beyond adding up. */
export function shipped({ log, chain, enclave, roundsWhileDue, faults }: Figures): Check[] {
  return [
    atLeast('commits that pay', PAYING_COMMITS_MIN, chain.payingCommits),
    atLeast('payouts that came back (bit 0)', 1, log.payoutsReturned),
    atLeast('orchestrators without a recipient, which accrue', 1, enclave.accountsWithoutRecipient),
    atLeast('negative adjustments', 1, log.negativeAdjustments),
    atLeast('kinds of refusal', 10, log.refused.length),
    atLeast('rounds that turned while payouts waited', 1, roundsWhileDue),
    atLeast('broadcasts lost', 1, faults.dropped),
    atLeast('broadcasts sent twice', 1, faults.doubled),
  ]
}

export function allHold(checks: readonly Check[]): boolean {
  return checks.length > 0 && checks.every(({ holds }) => holds)
}

function attackChecks(attacks: Figures['attacks'], heads: Figures['liveHeads']): Check[] {
  if (attacks === undefined) return []
  return [
    ...attacks.map(({ name, held }) => same(`attack: ${name}`, 'refused', held ? 'refused' : 'NOT REFUSED')),
    same('the live head is what it was before the attacks', heads?.before ?? 'none', heads?.after ?? 'none'),
  ]
}

function same(claim: string, expected: bigint | number | string, got: bigint | number | string): Check {
  return { claim, expected: String(expected), got: String(got), holds: expected === got }
}

function atLeast(claim: string, least: number, got: number): Check {
  return { claim, expected: `at least ${least}`, got: String(got), holds: got >= least }
}
