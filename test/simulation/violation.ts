/** What a checker throws: the name of a property and how it was broken. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly property: string

  constructor(property: string, told: string) {
    super(`${property}: ${told}`)
    this.property = property
  }
}

/** Breaks `property` unless the claim holds. `told` is only read when it does not. */
export function claim(property: string, holds: boolean, told: () => string): asserts holds {
  if (!holds) throw new Violation(property, told())
}
