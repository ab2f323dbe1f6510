/** Thrown inside a call of the model: everything that the call changed is undone. */
export class Reverted extends Error {
  override readonly name = 'Reverted'
  readonly error: string
  readonly position: number | undefined

  constructor(error: string, position?: number) {
    super(error)
    this.error = error
    this.position = position
  }
}

/** What a revert outside the anchor's own errors is called. */
export const FOREIGN_ERROR = 'foreign'
