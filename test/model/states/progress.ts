/** Whatever the adversary did: a host that is honest from now on can go on, from what was stored, and pay all that is owed. */
import { bitmapHash } from '../../builders/boot.ts'
import { type Contract, landCommit, landOpen } from './contract.ts'
import type { Memory } from './memories.ts'
import type { Moment } from './moments.ts'
import { EVERY } from './properties.ts'
import type { World, Worlds } from './worlds.ts'

/** A boot that no adversary has. */
const HONEST_BOOT = 99
const BUDGET_WEI = 1_000n

/** Says what is stuck; undefined where an honest way on was found. */
export function honestWay(worlds: Worlds): (world: World) => string | undefined {
  const verdicts = new Map<string, string | undefined>()
  return ({ contract, memory }) => {
    const key = `${memory.id} ${contract.key}`
    if (!verdicts.has(key)) verdicts.set(key, judge(worlds, contract, memory))
    return verdicts.get(key)
  }
}

function judge(worlds: Worlds, contract: Contract, memory: Memory): string | undefined {
  // The newest first: what is told of the truth there keeps the most credits.
  for (const at of memory.moments.toReversed()) {
    if (paysAll(worlds, contract, at)) return undefined
  }
  return `nothing stored leads on from head ${contract.head}, epoch ${contract.epoch}`
}

/** Loads with what is true, opens, and lands one commit after which everybody has what the landed history credits. */
function paysAll(worlds: Worlds, contract: Contract, at: Moment): boolean {
  const { moments, rules } = worlds
  const { head, epoch, landed } = contract
  const told = at.unlanded !== null && at.unlanded === landed?.call ? landed.bitmap : null
  const made = moments.load(at, { head, epoch, bitmap: told === null ? null : bitmapHash(told) }, HONEST_BOOT)
  if (made === null || made.opened.open === null) return false
  const opened = landOpen(rules, contract, made.opened.open)
  const { opened: start } = made
  const prepared = moments.prepare(start, 'pay', BUDGET_WEI) ?? moments.prepare(start, 'bare', 0n)
  if (opened === null || prepared === null || prepared.unlanded === null) return false
  const call = prepared.unlanded
  const bits = call.payouts.length === 0 ? null : (1n << BigInt(call.payouts.length)) - 1n
  const after = landCommit(rules, opened, call, bits)
  if (after === null || EVERY.some((property) => property(after) !== undefined)) return false
  return after.paidWei.every((paidWei, account) => paidWei === call.creditedWei[account])
}
