/** What an attack reports: each thing that was tried, and who said no. Pure. */
import type { Wei } from '../../../enclave/protocol/money.ts'

export type Try = {
  readonly what: string
  /** The enclave's or the contract's word. */
  readonly answer: string
  /** True when it went as an honest ledger needs it. */
  readonly held: boolean
}

export type Attack = {
  readonly name: string
  readonly tries: readonly Try[]
  /** What left the treasury of the copy without an entry that accounts for it. */
  readonly lostWei: bigint
  readonly held: boolean
}

/** A try that must be refused with one of these words. */
export function mustFail(what: string, expected: readonly string[], answer: string): Try {
  return { what, answer, held: expected.includes(answer) }
}

/** `paidWei` is what landed commits of the attack account for. */
export function attackOf(
  name: string,
  tries: readonly Try[],
  treasury: { before: Wei; after: Wei; paidWei: bigint },
): Attack {
  const lostWei = treasury.before - treasury.after - treasury.paidWei
  return { name, tries, lostWei, held: lostWei === 0n && tries.length > 0 && tries.every(({ held }) => held) }
}
