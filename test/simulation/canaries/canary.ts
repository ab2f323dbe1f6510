/** A build with one planted bug. A cut is the text that is the protection, and what stands there without it. */
import type { Property } from '../violation.ts'

export type Cut = { readonly file: string; readonly from: string; readonly to: string }

export type Canary = {
  readonly name: string
  /** What goes wrong in the world when nobody notices. */
  readonly bug: string
  readonly cuts: readonly Cut[]
  /** The checker that has to catch it: another one that comes first would leave this one untried. */
  readonly caughtBy: Property
  /** It has to be caught within so many seeds. */
  readonly seedsMax: number
  /** Every world runs the compiled contract beside the model. */
  readonly real?: true
}
