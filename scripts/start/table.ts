/** The one table at the end. Every figure comes from chain, log, enclave or auditor; none from the generator. */
import Table from 'cli-table3'
import { formatEther } from '../../enclave/protocol/money.ts'
import type { Attack } from './attacks/attack.ts'
import type { Check, Figures } from './reconcile.ts'

export type Row = readonly [about: string, figure: string]

export function rowsOf(figures: Figures, checks: readonly Check[]): Row[] {
  return [
    ...journalRows(figures),
    ...moneyRows(figures),
    ...chainRows(figures),
    ...attackRows(figures.attacks),
    ...checkRows(checks),
  ]
}

export function printTable(rows: readonly Row[]): string {
  const table = new Table({ style: { head: [], border: [] }, colWidths: [ABOUT_WIDTH, FIGURE_WIDTH], wordWrap: true })
  for (const row of rows) table.push([...row])
  return table.toString()
}

const ABOUT_WIDTH = 30
const FIGURE_WIDTH = 86

function journalRows({ log, enclave }: Figures): Row[] {
  const refused = log.refused.reduce((sum, [, lines]) => sum + lines, 0)
  const reasons = log.refused.map(([code, lines]) => `${code} ${lines}`).join(', ')
  return [
    ['lines read', count(enclave.journalSize)],
    [
      'lines applied',
      `${count(log.credits + log.adjustments)}, of them ${count(log.negativeAdjustments)} negative adjustments`,
    ],
    ['lines refused', refused === 0 ? '0' : `${count(refused)}: ${reasons}`],
    [
      'orchestrators',
      `${log.ids.length}; ${log.orchestratorsPaid} paid, ${enclave.accountsWithoutRecipient} without a recipient (accrue)`,
    ],
  ]
}

function moneyRows({ enclave, chain, audit }: Figures): Row[] {
  const { creditedWei, balancesWei, paidWei, reservedWei } = enclave
  return [
    ['wei in', `${creditedWei} (${ether(creditedWei)})`],
    ['= balances + paid + reserved', `${balancesWei} + ${paidWei} + ${reservedWei}`],
    [
      'treasury of the anchor',
      `${ether(audit.fundedWei)} came in − ${ether(audit.outflowWei)} paid = ${ether(chain.treasuryWei)}`,
    ],
    ['gas float of the authority', ether(chain.floatWei)],
  ]
}

function chainRows({ log, chain, roundsWhileDue, faults, audit }: Figures): Row[] {
  const returned =
    log.payoutsReturned === 0 ? '' : `; ${count(log.payoutsReturned)} came back (${log.returnedIds.join(', ')})`
  return [
    ['commits', `${count(chain.commits)}, of them ${count(chain.payingCommits)} paying; ${log.voided} void`],
    ['payouts', `${count(chain.payoutsPaid)} paid${returned}`],
    ['gas per payout', per(chain.gas, chain.payoutsPaid)],
    ['calldata per payout', `${per(BigInt(chain.calldataBytes), chain.payoutsPaid)} bytes`],
    ['rounds turned on waiting payouts', count(roundsWhileDue)],
    ['broadcasts lost / sent twice', `${faults.dropped} / ${faults.doubled}`],
    ['anchored', `sequence ${chain.sequence} in session ${chain.epoch}, head ${chain.head}`],
    ['auditor', `${audit.verdict} up to sequence ${audit.sequence}`],
  ]
}

function attackRows(attacks: readonly Attack[] | undefined): Row[] {
  return (attacks ?? []).map(({ name, tries, held, lostWei }) => {
    const said = tries.map(({ what, answer }) => `${what}: ${answer}`).join('\n')
    return [`attack: ${name}`, `${held ? 'refused' : 'NOT REFUSED'}, ${lostWei} wei lost\n${said}`]
  })
}

function checkRows(checks: readonly Check[]): Row[] {
  const broken = checks.filter(({ holds }) => !holds)
  if (broken.length === 0) return [['reconciled', `all of ${checks.length} comparisons hold`]]
  return broken.map(({ claim, expected, got }) => ['DOES NOT RECONCILE', `${claim}: expected ${expected}, got ${got}`])
}

function ether(wei: bigint): string {
  return `${formatEther(wei)} ETH`
}

function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',')
}

/** One decimal, by whole numbers only. */
function per(total: bigint, parts: number): string {
  if (parts === 0) return 'none'
  const tenths = (total * 10n) / BigInt(parts)
  return `${count(Number(tenths / 10n))}.${tenths % 10n}`
}
