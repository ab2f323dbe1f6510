/**
 * Sends the bytes that the outbox holds, again and again until the head moves: the same bytes land once. Nothing is sent
 * that is not in the outbox; nothing is written here but a newer signature of the same commit.
 */
import { assertNever, isCoded } from '../../enclave/protocol/errors.ts'
import type { Hex } from '../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { AnchorFacts } from '../../host/chain.ts'
import { resignCommit } from '../../host/commits.ts'
import type { Context } from '../../host/context.ts'
import { bumpedWei } from '../../host/fees.ts'
import { haltEnclave } from '../../host/halt.ts'
import type { Attempt, Story } from '../../host/outbox.ts'
import type { Ring } from '../../queues/doorbell.ts'
import { type BroadcastFacts, planBroadcast, type SendVerdict } from './plan.ts'

/** What this process remembers of the attempt it sent last. */
type Sent = {
  readonly hash: string
  readonly atMs: number
  readonly verdict: SendVerdict
  readonly nonceHighCount: number
}

/** Signatures are bounded by policy: one that led to nothing is not repeated before this long. */
export const REFUSED_DELAY_MS = 10_000

export function openBroadcast(context: Context, ring: Ring) {
  let sent: Sent | undefined
  let signNotBeforeMs = 0
  return {
    run: async (): Promise<'again' | 'idle'> => {
      const look = await gather(context, sent)
      if (look === undefined) return 'idle'
      const decision = planBroadcast(look.facts)
      switch (decision.kind) {
        case 'wait':
          if (decision.why === 'landed') await ring('confirm')
          return 'idle'
        case 'send':
          sent = await send(context, look.live, sent)
          await ring('confirm')
          return 'idle'
        case 'resign':
          if (context.now() < signNotBeforeMs) {
            // The old bytes may still land, unless their nonce is used.
            const isQuiet = context.now() < (sent?.atMs ?? 0) + context.config.resendMs
            if (decision.why !== 'nonce' && !isQuiet) sent = await send(context, look.live, sent)
            return 'idle'
          }
          if (await resign(context, look, decision.why)) return 'again'
          signNotBeforeMs = context.now() + REFUSED_DELAY_MS
          return 'idle'
        default:
          return assertNever(decision)
      }
    },
    close: async () => undefined,
  }
}

type Look = {
  readonly facts: BroadcastFacts
  readonly live: Attempt | undefined
  readonly story: Story
  readonly ledger: LedgerStatus
  readonly anchor: AnchorFacts
  readonly session: string
}

async function gather(context: Context, sent: Sent | undefined): Promise<Look | undefined> {
  const { enclave, chain, outbox, control, config, policy, now } = context
  const stopped = (await control.flagOf('broadcast')) !== undefined
  const { phase, ledger, session, address } = await enclave.call('status', {})
  if (
    stopped ||
    phase !== 'active' ||
    ledger === undefined ||
    ledger.unlanded === null ||
    session === undefined ||
    address === undefined
  )
    return undefined
  const story = await outbox.read({ epoch: ledger.epoch, sequence: ledger.unlanded.sequence })
  const anchor = await chain.facts(address)
  const { live } = story
  const mine = sent?.hash === live?.hash ? sent : undefined
  const facts: BroadcastFacts = {
    stopped,
    frozen: anchor.frozen,
    live: live && {
      accountNonce: live.accountNonce,
      maxFeeWei: live.maxFeeWei,
      readyAtMs: live.atMs,
      sentAtMs: mine?.atMs ?? 0,
      verdict: mine?.verdict,
      nonceHighCount: mine?.nonceHighCount ?? 0,
    },
    landed: anchor.sequence >= ledger.unlanded.sequence,
    accountNonce: anchor.accountNonce,
    baseFeeWei: anchor.baseFeeWei,
    gasPriceWeiMax: policy.gasPriceWeiMax,
    nowMs: now(),
    resendMs: config.resendMs,
    bumpMs: config.bumpMs,
  }
  return { facts, live, story, ledger, anchor, session }
}

async function send(context: Context, live: Attempt | undefined, before: Sent | undefined): Promise<Sent | undefined> {
  if (live === undefined) return before
  const verdict = await context.chain.send(live.raw as Hex)
  const again = before?.hash === live.hash
  const level = verdict === 'float-low' ? 'error' : 'info'
  context.log[level](
    { hash: live.hash, verdict, again },
    verdict === 'float-low' ? 'the gas float is too low: fund the authority' : 'commit sent',
  )
  const nonceHighCount = verdict === 'nonce-high' ? (again ? before.nonceHighCount : 0) + 1 : 0
  return { hash: live.hash, atMs: context.now(), verdict, nonceHighCount }
}

/** True when there is a new attempt to send. */
async function resign(context: Context, look: Look, why: 'nonce' | 'fee' | 'age'): Promise<boolean> {
  const { anchor, story, ledger, session, live } = look
  const round = context.policy.strategy === 'ticket' ? await context.chain.round() : undefined
  if (round !== undefined && !round.initialized) return false
  const floorWei = why === 'nonce' || live === undefined ? wei(0n) : bumpedWei(live.maxFeeWei)
  try {
    const ready = await resignCommit(
      context,
      { anchor, round, session },
      story,
      ledger.unlanded?.payouts ?? 0,
      floorWei,
    )
    context.log.warn({ sequence: ledger.unlanded?.sequence, why, outcome: ready.kind }, 'commit signed again')
    return ready.kind === 'ready'
  } catch (error) {
    if (!isCoded(error, 'SIGNATURES_SPENT')) throw error
    // Bytes with a used nonce can never land, and no more may be signed: only a new session gets on.
    if (why === 'nonce') await haltEnclave(context, 'signatures spent')
    return false
  }
}
