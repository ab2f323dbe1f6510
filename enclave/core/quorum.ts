/** What every signed act has to keep: its signers, its number, its time (protocol section 6). */
import { refuse } from '../protocol/errors.ts'
import type { Address } from '../protocol/ids.ts'
import type { State } from './state.ts'

/** `signers` as recovered, in the order given. Refuses QUORUM_INVALID unless they are exactly a quorum, distinct and ascending. */
export function checkQuorum({ policy }: State, signers: readonly Address[]): void {
  const { admins, quorum } = policy
  const ascending = signers.every((signer, at) => at === 0 || signer > (signers[at - 1] as Address))
  const known = signers.every((signer) => admins.includes(signer))
  // A policy without admins has quorum 0: nobody may act, and no signatures are not enough signatures.
  if (quorum === 0 || signers.length !== quorum || !ascending || !known)
    refuse('QUORUM_INVALID', `${quorum} distinct admins of ${admins.join(' ')}, ascending`, signers.join(' '))
}

/** Refuses COUNTER_MISMATCH: an act counts once, in its order [F3, F20]. */
export function checkNext(name: string, last: number, got: number): void {
  if (got !== last + 1) refuse('COUNTER_MISMATCH', `${name} ${last + 1}`, got)
}

/** Refuses SIGNATURE_EXPIRED. `at` is the time that the entry would have. */
export function checkNotAfter(notAfter: number, at: number): void {
  if (at > notAfter) refuse('SIGNATURE_EXPIRED', `a notAfter of ${at} or later`, notAfter)
}
