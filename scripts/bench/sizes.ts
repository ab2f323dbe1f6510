/** How much each figure measures: `full` for figures, `tiny` to see that the bench runs at all. */

export type Sizes = {
  readonly runs: number
  /** Calls one after another. */
  readonly calls: number
  /** Journal lines of one run, as real journals are. */
  readonly lines: number
  readonly accountsFew: number
  readonly accountsMany: number
  /** Short lines of one run that credit accounts all over the ledger. */
  readonly events: number
  /** Accounts that changed since the commit before. */
  readonly touched: number
  readonly rebuildLeaves: number
  readonly auditEntries: number
}

export const SIZES = {
  full: {
    runs: 4,
    calls: 5_000,
    lines: 20_000,
    accountsFew: 1_000,
    accountsMany: 1_000_000,
    events: 20_000,
    touched: 10_000,
    rebuildLeaves: 100_000,
    auditEntries: 100_000,
  },
  tiny: {
    runs: 1,
    calls: 50,
    lines: 500,
    accountsFew: 200,
    accountsMany: 3_000,
    events: 500,
    touched: 100,
    rebuildLeaves: 200,
    auditEntries: 2_000,
  },
} as const satisfies { readonly [name: string]: Sizes }
