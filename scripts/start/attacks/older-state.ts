/** Attack 1: restart the enclave from an older sealed state, as if the last commits had never been. */
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { matches, STANDING_AT_GENESIS, type Standing, standingAfter } from '../../../host/prefix.ts'
import type { Arena, StoredRecord } from './arena.ts'
import { type Attack, attackOf, mustFail, type Try } from './attack.ts'
import { broadcast, feed, load, openSession, prepare, startClone, tellLanded } from './clone.ts'

const COMMITS_BACK = 3

export async function attackFromOlderState(arena: Arena, payee: string): Promise<Attack> {
  const before = (await arena.facts()).treasuryWei
  const old = olderPrefix(arena.records)
  const tries = [await honestClaim(arena, old.records), ...(await liedClaim(arena, old, payee))]
  const after = (await arena.facts()).treasuryWei
  return attackOf('restart from an older sealed state', tries, { before, after, paidWei: 0n })
}

/** The attacker leaves the newest records out, but says truly where the chain is: the enclave sees that they don't fit. */
async function honestClaim(arena: Arena, records: readonly StoredRecord[]): Promise<Try> {
  const clone = await startClone(arena, 'older-honest')
  const answer = await load(clone, records, arena.claim).then(
    () => 'accepted',
    (error: unknown) => (isCoded(error) ? error.code : String(error)),
  )
  await clone.enclave.stop()
  return mustFail('old records under the true head', ['CLAIM_MISMATCH'], answer)
}

/** He lies about the chain too. The enclave can't know; the contract does. */
async function liedClaim(arena: Arena, old: Prefix, payee: string): Promise<Try[]> {
  const clone = await startClone(arena, 'older-lied')
  try {
    await load(clone, old.records, { head: old.standing.head, epoch: arena.claim.epoch, bitmap: null })
    const opening = await openSession(clone)
    await tellLanded(clone, opening.epoch)
    await feed(clone, [payee])
    const commit = await broadcast(clone, await prepare(clone))
    return [
      mustFail('open a session on the old head', ['AnchorStaleHead'], wordOf(opening)),
      mustFail(
        'pay from the old state all the same',
        ['AnchorWrongEpoch', 'AnchorWrongSequence', 'AnchorStaleHead'],
        wordOf(commit),
      ),
    ]
  } finally {
    await clone.enclave.stop()
  }
}

type Prefix = { readonly records: readonly StoredRecord[]; readonly standing: Standing }

/** The records up to the settlement of a commit some sequences ago, or the earliest one there is. */
function olderPrefix(records: readonly StoredRecord[]): Prefix {
  const cuts: Prefix[] = []
  let standing: Standing = STANDING_AT_GENESIS
  records.forEach((record, at) => {
    const settledBefore = standing.settled
    standing = standingAfter(standing, record.entries)
    const isQuiet =
      matches(standing, { head: standing.head, epoch: 0, bitmap: null }) !== undefined && standing.unlanded === null
    if (standing.settled > settledBefore && isQuiet) cuts.push({ records: records.slice(0, at + 1), standing })
  })
  return cuts.at(-1 - COMMITS_BACK) ?? cuts[0] ?? { records: records.slice(0, 1), standing: STANDING_AT_GENESIS }
}

function wordOf({ landed, error }: { landed: boolean; error: string | undefined }): string {
  return landed ? 'landed' : (error ?? 'reverted')
}
