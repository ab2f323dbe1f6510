/** What must hold in every world. Each gives a sentence when it does not. */
import type { Contract } from './contract.ts'
import { continues } from './moments.ts'

export type Property = (contract: Contract) => string | undefined

/** A donor's money is not ours: it may reach a payee by a stray ticket. */
export const nobodyOverpaid: Property = ({ paidWei, strayWei, donatedWei, landed }) => {
  for (const [account, wei] of paidWei.entries()) {
    const gotWei = wei + (strayWei[account] ?? 0n)
    const credited = landed?.call.creditedWei[account] ?? 0n
    if (gotWei > credited + donatedWei) return `account ${account} got ${gotWei} wei of ${credited} credited`
  }
  return undefined
}

export const moneyIsConserved: Property = ({ paidWei, strayWei, donatedWei, depositWei, spentWei }) => {
  const receivedWei = [...paidWei, ...strayWei].reduce((sum, wei) => sum + wei, 0n)
  if (spentWei + donatedWei === receivedWei + depositWei) return undefined
  return `${spentWei} spent and ${donatedWei} donated, but ${receivedWei} received and ${depositWei} in the deposit`
}

/** Row A26: whatever of ours lay in the deposit, a stray ticket could take. */
export const depositIsDonated: Property = ({ strayWei, donatedWei, depositWei }) => {
  const taken = strayWei.reduce((sum, wei) => sum + wei, 0n)
  return depositWei + taken === donatedWei ? undefined : `${depositWei} wei in the deposit, ${donatedWei} donated`
}

/** Each landed log continues the one before, and its header says exactly what the chain had paid by then. */
const historyIsOne: Property = ({ landed }) => {
  if (landed === null) return undefined
  const { call, before, paidBeforeWei } = landed
  if (before !== null && !continues(call.log, before.call.log)) return `sequence ${call.sequence} has another past`
  if (call.sequence !== (before?.call.sequence ?? 0) + 1)
    return `sequence ${call.sequence} follows ${before?.call.sequence}`
  if (call.paidWei.join() === paidBeforeWei.join()) return undefined
  return `the header says that ${call.paidWei.join()} was paid, the chain had paid ${paidBeforeWei.join()}`
}

/** A header that says more was paid than the chain paid takes it from a payee. */
export const nobodyRobbed: Property = ({ landed }) => {
  for (const [account, wei] of landed?.call.paidWei.entries() ?? []) {
    const gotWei = landed?.paidBeforeWei[account] ?? 0n
    if (wei > gotWei) return `account ${account} got ${gotWei} wei, the header says ${wei}`
  }
  return undefined
}

/** Nothing lands from a boot once a later boot's session has. */
export const sessionFences: Property = ({ landed }) => {
  if (landed === null || landed.call.boot === landed.newestBoot) return undefined
  return `a commit of boot ${landed.call.boot} landed under the session of boot ${landed.newestBoot}`
}

export const EVERY: readonly Property[] = [
  nobodyOverpaid,
  moneyIsConserved,
  depositIsDonated,
  historyIsOne,
  nobodyRobbed,
  sessionFences,
]
