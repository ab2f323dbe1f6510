/**
 * Signed commits on their way out. Order: 1 sealed, 2 entries, 3 outbox, each durable; then simulation; then the attempt
 * is marked ready, and only a ready one is ever broadcast. A crash before 3 leaves an unlanded commit without an attempt,
 * one after it an attempt that is not ready: both are healed by signing the same header again.
 */
import { type Address, type Hash, type Hex, toHex } from '../enclave/protocol/ids.ts'
import type { CommitResult } from '../enclave/protocol/method-results.ts'
import { type Wei, wei } from '../enclave/protocol/money.ts'
import type { AnchorFacts, RoundFacts, Simulation } from './chain.ts'
import type { Context } from './context.ts'
import { feesOf, gasBound, gasLimit, maxFeeWei } from './fees.ts'
import type { Story } from './outbox.ts'

export type SigningFacts = {
  readonly anchor: AnchorFacts
  readonly round: RoundFacts | undefined
  readonly session: string
}
export type Ready =
  | { readonly kind: 'ready'; readonly hash: Hash; readonly skipped: number }
  /** The call would revert for a reason that no skip cures: somebody else judges it. */
  | { readonly kind: 'refused'; readonly error: string; readonly reason: string }

/** A ticket that fails is named one at a time by the anchor; each costs one signature. */
export const SKIP_ROUNDS_MAX = 16

/** Has a new commit signed, stored, simulated and made ready. Refuses what the enclave refuses. */
export async function prepareCommit(
  context: Context,
  facts: SigningFacts,
  request: { readonly mode: 'pay' | 'bare'; readonly budgetWei: Wei; readonly payouts: number },
): Promise<Ready> {
  const { policy, enclave } = context
  const gas = gasBound(request.mode === 'bare' ? 0 : request.payouts, policy.strategy, policy.gasMax)
  const result = await enclave.call('prepare_commit', {
    mode: request.mode,
    budgetWei: request.budgetWei.toString(),
    round: roundOf(facts, request.mode === 'pay'),
    fees: feesOf(gas, feeOf(context, facts)),
    accountNonce: facts.anchor.accountNonce,
  })
  await keep(context, facts, result, gas)
  return makeReady(context, facts, result, gas)
}

/** Signs the unlanded commit again with the skips of its last attempt, a fresh nonce and at least `feeFloorWei`. */
export async function resignCommit(
  context: Context,
  facts: SigningFacts,
  story: Story,
  payouts: number,
  feeFloorWei: Wei = wei(0n),
): Promise<Ready> {
  const skip = (story.attempts.at(-1)?.payouts ?? []).flatMap(({ skipped }, position) => (skipped ? [position] : []))
  const gas = gasBound(payouts, context.policy.strategy, context.policy.gasMax)
  const result = await resign(context, facts, { skip, gas, payouts }, feeFloorWei)
  return makeReady(context, facts, result, gas, feeFloorWei)
}

/**
 * Makes the unlanded commit ready when no attempt of it is. Signatures are bounded by policy: the newest attempt is
 * simulated first, and one that no signature of ours would cure costs none.
 */
export async function healCommit(context: Context, facts: SigningFacts, story: Story, payouts: number): Promise<Ready> {
  const newest = story.attempts.at(-1)
  const simulation = newest && (await context.chain.simulate(facts.anchor.authority, newest.call as Hex))
  if (simulation?.kind === 'reverts' && simulation.error !== 'OTHER' && !isCurable(simulation)) {
    return { kind: 'refused', error: simulation.error, reason: simulation.reason }
  }
  return resignCommit(context, facts, story, payouts)
}

/** Answers of the broker that concern every ticket of the call: skipping one would not help, and would skip them all. */
const BROKER_WIDE: ReadonlySet<string> = new Set([
  'system is paused',
  'current round is not initialized',
  'sender is unlocked',
])
/** Tickets of a round that has passed: signed again, they are of the present one. */
const CURED_BY_ROUND: ReadonlySet<string> = new Set([
  'ticket is expired',
  'ticket creationRound does not have a block hash',
  'ticket creationRoundBlockHash invalid for creationRound',
])

type Reverts = Extract<Simulation, { kind: 'reverts' }>

function isCurable({ payout, reason }: Reverts): boolean {
  return payout !== undefined && !BROKER_WIDE.has(reason)
}

async function makeReady(
  context: Context,
  facts: SigningFacts,
  first: CommitResult,
  firstGas: number,
  feeFloorWei: Wei = wei(0n),
): Promise<Ready> {
  const { chain, policy } = context
  let [result, gas] = [first, firstGas]
  for (let round = 0; round < SKIP_ROUNDS_MAX; round++) {
    const simulation = await chain.simulate(facts.anchor.authority, toHex(result.call))
    const payouts = result.payouts.length
    if (simulation.kind === 'passes') {
      const exact = gasLimit(simulation.gas, policy.gasMax)
      if (exact > gas || !floatCovers(facts, gas, result.maxFeePerGasWei)) {
        result = await resign(context, facts, { skip: skippedIn(result), gas: exact, payouts }, feeFloorWei)
      }
      return markReady(context, result)
    }
    const skip = await skipsAfter(context, result, simulation)
    if (skip === undefined) return { kind: 'refused', error: simulation.error, reason: simulation.reason }
    context.log.warn({ sequence: result.sequence, reason: simulation.reason, skipped: skip.length }, 'payouts skipped')
    result = await resign(context, facts, { skip, gas, payouts }, feeFloorWei)
  }
  return { kind: 'refused', error: 'SKIPS', reason: `expected the call to pass after ${SKIP_ROUNDS_MAX} skips` }
}

/**
 * The ticket that failed, and at once every other one whose recipient Livepeer does not know: an endpoint may keep the
 * reason to itself. Undefined when no further skip would help.
 */
async function skipsAfter(context: Context, result: CommitResult, simulation: Reverts): Promise<number[] | undefined> {
  const { payout, reason, error } = simulation
  const isHidden = error === 'OTHER'
  if (!isHidden && (!isCurable(simulation) || CURED_BY_ROUND.has(reason))) return undefined
  const before = skippedIn(result)
  const skip = new Set(payout === undefined ? before : [...before, payout])
  if (result.payouts.some(({ kind }) => kind === 'ticket')) {
    const known = await context.chain.registered(result.payouts.map(({ recipient }) => recipient as Address))
    for (const [position, isKnown] of known.entries()) if (!isKnown) skip.add(position)
  }
  return skip.size === before.length ? undefined : [...skip].sort((left, right) => left - right)
}

async function resign(
  context: Context,
  facts: SigningFacts,
  how: { skip: readonly number[]; gas: number; payouts: number },
  feeFloorWei: Wei,
): Promise<CommitResult> {
  const result = await context.enclave.call('resign_commit', {
    skip: [...how.skip],
    round: roundOf(facts, how.payouts > 0),
    fees: feesOf(how.gas, feeOf(context, facts, feeFloorWei)),
    accountNonce: facts.anchor.accountNonce,
  })
  // The reply that carried this commit's records may have been lost: they must be durable before its bytes go out.
  await context.records.heal(facts.session)
  await keep(context, facts, result, how.gas)
  return result
}

async function keep(context: Context, facts: SigningFacts, result: CommitResult, gas: number): Promise<void> {
  await context.records.store(facts.session, result.records)
  await context.outbox.append(
    { epoch: result.epoch, sequence: result.sequence },
    {
      kind: 'attempt',
      hash: result.hash,
      raw: toHex(result.rawTransaction),
      call: toHex(result.call),
      accountNonce: result.accountNonce,
      gas,
      maxFeeWei: result.maxFeePerGasWei,
      atMs: context.now(),
      header: result.headerHash,
      logSize: null,
      payouts: result.payouts.map(({ payoutId, orchestratorId, recipient, amountWei, skipped }) => ({
        payoutId,
        orchestratorId,
        recipient,
        wei: amountWei,
        skipped,
      })),
    },
  )
}

async function markReady(context: Context, result: CommitResult): Promise<Ready> {
  await context.outbox.append(
    { epoch: result.epoch, sequence: result.sequence },
    { kind: 'ready', hash: result.hash, atMs: context.now() },
  )
  return { kind: 'ready', hash: result.hash, skipped: skippedIn(result).length }
}

function skippedIn(result: CommitResult): number[] {
  return result.payouts.flatMap(({ skipped }, position) => (skipped ? [position] : []))
}

function roundOf({ round }: SigningFacts, pays: boolean): { number: number; hash: Hash } | null {
  return pays && round !== undefined ? { number: round.number, hash: round.hash } : null
}

function feeOf({ config, policy }: Context, { anchor }: SigningFacts, floorWei: Wei = wei(0n)): Wei {
  return maxFeeWei(anchor.baseFeeWei, config.feeBps, policy.gasPriceWeiMax, floorWei)
}

function floatCovers({ anchor }: SigningFacts, gas: number, feeWei: Wei): boolean {
  return anchor.floatWei >= BigInt(gas) * feeWei
}
