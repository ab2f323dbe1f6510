/** Figures of the audit log: what its entries add up to, each by a sum of its own. Pure. */
import type { Entry, Payout } from '../../enclave/protocol/entry.ts'

export type LogFigures = {
  readonly lines: number
  readonly credits: number
  readonly adjustments: number
  readonly negativeAdjustments: number
  /** By code, most frequent first. */
  readonly refused: readonly (readonly [code: string, lines: number])[]
  /** Credits less what adjustments took back. */
  readonly creditedWei: bigint
  readonly paidWei: bigint
  readonly payingCommits: number
  readonly bareCommits: number
  readonly voided: number
  readonly payoutsPaid: number
  readonly payoutsReturned: number
  readonly orchestratorsPaid: number
  /** Ids of accounts whose payout came back at least once, and how often in all. */
  readonly returnedIds: readonly string[]
  readonly ids: readonly string[]
  readonly withoutRecipient: readonly string[]
}

type Sums = {
  lines: number
  credits: number
  adjustments: number
  negative: number
  refused: Map<string, number>
  creditedWei: bigint
  paidWei: bigint
  paying: number
  bare: number
  voided: number
  paid: number
  returned: number
  paidAccounts: Set<number>
  returnedAccounts: Set<number>
  ids: Map<number, string>
  registered: Set<number>
  reserved: readonly Payout[]
}

export function figuresOfLog(entries: readonly Entry[]): LogFigures {
  const sums = emptySums()
  for (const entry of entries) add(sums, entry)
  const nameOf = (account: number) => sums.ids.get(account) ?? `account ${account}`
  return {
    lines: sums.lines,
    credits: sums.credits,
    adjustments: sums.adjustments,
    negativeAdjustments: sums.negative,
    refused: [...sums.refused].sort(([, left], [, right]) => right - left),
    creditedWei: sums.creditedWei,
    paidWei: sums.paidWei,
    payingCommits: sums.paying,
    bareCommits: sums.bare,
    voided: sums.voided,
    payoutsPaid: sums.paid,
    payoutsReturned: sums.returned,
    orchestratorsPaid: sums.paidAccounts.size,
    returnedIds: [...sums.returnedAccounts].map(nameOf),
    ids: [...sums.ids.values()],
    withoutRecipient: [...sums.ids].filter(([account]) => !sums.registered.has(account)).map(([, id]) => id),
  }
}

function emptySums(): Sums {
  return {
    ...{ lines: 0, credits: 0, adjustments: 0, negative: 0, creditedWei: 0n, paidWei: 0n },
    ...{ paying: 0, bare: 0, voided: 0, paid: 0, returned: 0, reserved: [] },
    refused: new Map(),
    paidAccounts: new Set(),
    returnedAccounts: new Set(),
    ids: new Map(),
    registered: new Set(),
  }
}

function add(sums: Sums, entry: Entry): void {
  switch (entry.type) {
    case 'register':
      sums.ids.set(entry.body.account, entry.body.id)
      sums.registered.add(entry.body.account)
      return
    case 'credit':
      return addCredit(sums, entry)
    case 'adjust':
      return addAdjustment(sums, entry)
    case 'refuse':
      return addRefusal(sums, entry)
    case 'reserve':
      sums.reserved = entry.body.payouts
      return
    case 'settle':
      return addSettlement(sums, entry.body.bitmap)
    case 'void':
      sums.voided++
      sums.reserved = []
      return
    default:
      return
  }
}

function addCredit(sums: Sums, { body }: Extract<Entry, { type: 'credit' }>): void {
  sums.ids.set(body.account, body.id)
  sums.creditedWei += body.wei
  if (body.source !== 'journal') return
  sums.credits++
  sums.lines++
}

function addAdjustment(sums: Sums, { body }: Extract<Entry, { type: 'adjust' }>): void {
  if (body.source !== 'journal') return
  sums.adjustments++
  sums.lines++
  sums.creditedWei += body.delta
  if (body.delta < 0n) sums.negative++
}

function addRefusal(sums: Sums, { body }: Extract<Entry, { type: 'refuse' }>): void {
  if (body.source !== 'journal') return
  sums.lines++
  sums.refused.set(body.code, (sums.refused.get(body.code) ?? 0) + 1)
}

function addSettlement(sums: Sums, bitmap: string | null): void {
  if (bitmap === null) sums.bare++
  else sums.paying++
  const bits = BigInt(bitmap ?? '0x0')
  sums.reserved.forEach(({ account, wei }, position) => {
    if (((bits >> BigInt(position)) & 1n) === 1n) {
      sums.paid++
      sums.paidWei += wei
      sums.paidAccounts.add(account)
    } else {
      sums.returned++
      sums.returnedAccounts.add(account)
    }
  })
  sums.reserved = []
}
