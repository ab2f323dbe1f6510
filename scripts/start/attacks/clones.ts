/**
 * Attacks 2 to 5, on one copy in a row: two enclaves of one state, a ticket taken out of a commit, a session that was
 * replaced, a result that was made up. Between them an honest commit pays, to show that the copy is alive.
 */
import { type Hash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../../enclave/protocol/method-results.ts'
import type { Arena, Outcome } from './arena.ts'
import { type Attack, attackOf, mustFail } from './attack.ts'
import {
  activate,
  broadcast,
  type Clone,
  feed,
  load,
  openSession,
  prepare,
  startClone,
  tellLanded,
  tellResult,
} from './clone.ts'
import { redeemExtracted } from './ticket.ts'

/** `payees` and `others` are ids with a recipient that can be paid; none is in both. */
export type Scene = { readonly arena: Arena; readonly payees: readonly string[]; readonly others: readonly string[] }

export async function attackByClones(scene: Scene): Promise<Attack[]> {
  const { arena, payees } = scene
  const first = await startClone(arena, 'first')
  const twin = await startClone(arena, 'twin')
  const later = await startClone(arena, 'later')
  try {
    await load(first, arena.records, arena.claim)
    await load(twin, arena.records, arena.claim)
    await activate(first)
    const cloned = await twinPays(scene, twin)
    await feed(first, payees)
    const { attack: extracted, commit, bitmap } = await ticketAlone(scene, first)
    const old = await oldSessionPays(scene, first, later, { sequence: commit.sequence, bitmap })
    const lied = await liedResult(scene, later)
    return [cloned, old, lied, extracted]
  } finally {
    for (const clone of [first, twin, later]) await clone.enclave.stop()
  }
}

/** The twin holds the same keys and state; its session is another, and only one can be on chain. */
async function twinPays({ arena, payees }: Scene, twin: Clone): Promise<Attack> {
  const before = (await arena.facts()).treasuryWei
  const opening = await openSession(twin)
  await tellLanded(twin, opening.epoch)
  await feed(twin, payees)
  const payment = await broadcast(twin, await prepare(twin))
  const after = (await arena.facts()).treasuryWei
  const tries = [
    mustFail('open a second session for the same epoch', ['AnchorWrongEpoch'], wordOf(opening)),
    mustFail('pay under the session of the other', ['AnchorBadSignature'], wordOf(payment)),
  ]
  return attackOf('a cloned enclave', tries, { before, after, paidWei: 0n })
}

/** Whoever sees a commit on its way sees signed tickets. They pay inside the anchor's call and nowhere else. */
async function ticketAlone({ arena }: Scene, first: Clone) {
  const before = (await arena.facts()).treasuryWei
  const commit = await prepare(first)
  const early = await redeemExtracted(arena, first.session, commit)
  const paid = await broadcast(first, commit)
  const again = await redeemExtracted(arena, first.session, commit)
  const { bitmap, paidWei } = await settledOf(arena, commit)
  const after = (await arena.facts()).treasuryWei
  const tries = [
    mustFail('redeem a ticket before its commit', EMPTY_DEPOSIT, early),
    { what: 'the commit itself, from the honest enclave', answer: wordOf(paid), held: paid.landed && paidWei > 0n },
    mustFail('redeem the same ticket once more', ['ticket is used'], again),
  ]
  return { attack: attackOf('an extracted ticket', tries, { before, after, paidWei }), commit, bitmap }
}

/** A restart opens a new session. What the old enclave signs from then on is void. */
async function oldSessionPays(
  { arena, others }: Scene,
  first: Clone,
  later: Clone,
  settled: { sequence: number; bitmap: Hash },
): Promise<Attack> {
  const before = (await arena.facts()).treasuryWei
  const { head, epoch } = await arena.facts()
  await load(later, first.records, { head, epoch, bitmap: settled.bitmap })
  await activate(later)
  await tellResult(first, settled.sequence, settled.bitmap)
  await feed(first, others)
  const payment = await broadcast(first, await prepare(first))
  const after = (await arena.facts()).treasuryWei
  const tries = [mustFail('pay under the session before', ['AnchorWrongEpoch'], wordOf(payment))]
  return attackOf('an old session', tries, { before, after, paidWei: 0n })
}

/** The host says that nothing was paid, to have it paid again. The lie is in every head that follows from it. */
async function liedResult({ arena, payees, others }: Scene, later: Clone): Promise<Attack> {
  const before = (await arena.facts()).treasuryWei
  await feed(later, payees)
  const commit = await prepare(later)
  const paid = await broadcast(later, commit)
  const { paidWei } = await settledOf(arena, commit)
  await tellResult(later, commit.sequence, ZERO_HASH)
  // By policy what "failed" waits some sequences; the commit that is to bring them nearer pays somebody else.
  await feed(later, others)
  const payment = await broadcast(later, await prepare(later))
  const after = (await arena.facts()).treasuryWei
  const tries = [
    { what: 'a commit that pays', answer: wordOf(paid), held: paid.landed && paidWei > 0n },
    mustFail('the next commit, after "nothing was paid"', ['AnchorStaleHead'], wordOf(payment)),
  ]
  return attackOf('a lied result', tries, { before, after, paidWei })
}

const EMPTY_DEPOSIT = [
  'sender deposit and reserve are zero',
  'sender deposit and reserve insufficient to cover ticket face value',
]

async function settledOf(arena: Arena, commit: CommitResult): Promise<{ bitmap: Hash; paidWei: bigint }> {
  const landing = await arena.chain.landingOf(commit.sequence)
  const bitmap = landing?.bitmap ?? ZERO_HASH
  const bits = BigInt(bitmap)
  const paid = commit.payouts.filter((_, at) => ((bits >> BigInt(at)) & 1n) === 1n)
  return { bitmap, paidWei: paid.reduce((sum, { amountWei }) => sum + amountWei, 0n) }
}

function wordOf({ landed, error }: Outcome): string {
  return landed ? 'landed' : (error ?? 'reverted')
}
