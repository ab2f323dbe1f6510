/** What a checker throws: the name of a property and how it was broken. */

/** Everything that is checked. Each has a canary: a planted bug that this very checker has to see. */
export const PROPERTIES = [
  'money is conserved',
  'nobody is paid more than credited',
  'nobody else is paid',
  'landed headers form one chain',
  'no stale state has an effect',
  'inputs are contiguous',
  'inputs mean what was said',
  'only who is named may act',
  'sealed nonces are unique',
  'the outbox loses nothing',
  'refusals change nothing',
  'nonsense is refused',
  'answers are true',
  'a repeated input counts once',
  'broken records are refused',
  'everybody honest is paid',
  'the auditor raises no false alarm',
  'the auditor follows the chain',
  'the auditor misses nothing',
  'the model is the contract',
  'no bug',
] as const

export type Property = (typeof PROPERTIES)[number]

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly property: Property

  constructor(property: Property, told: string) {
    super(`${property}: ${told}`)
    this.property = property
  }
}

/** Breaks `property` unless the claim holds. `told` is only read when it does not. */
export function claim(property: Property, holds: boolean, told: () => string): asserts holds {
  if (!holds) throw new Violation(property, told())
}
