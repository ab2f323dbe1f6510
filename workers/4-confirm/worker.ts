/**
 * Settlement and finality. Order of a settlement: 1 `landed` in the outbox, 2 confirm_payout, 3 records, 4 `settled` with
 * the checkpoint, 5 ring prepare. After a crash between 2 and 4 the checkpoint is asked of the enclave again when the
 * commit is published.
 */
import { assertNever } from '../../enclave/protocol/errors.ts'
import type { StatusResult } from '../../enclave/protocol/method-results.ts'
import type { AnchorFacts, Landing } from '../../host/chain.ts'
import type { Context } from '../../host/context.ts'
import { haltEnclave } from '../../host/halt.ts'
import type { Ring } from '../../queues/doorbell.ts'
import { type ConfirmFacts, planConfirm } from './plan.ts'
import { finishStories, noteLanding, noteReverts, resendInOrder } from './stories.ts'

/** A lying or lagging endpoint is asked so often, on different looks, before the enclave is halted. */
export const FOREIGN_LOOKS_MIN = 3
export const FOREIGN_MS_MIN = 2_000

export function openConfirm(context: Context, ring: Ring) {
  let foreign: { readonly why: string; readonly looks: number; readonly sinceMs: number } | undefined
  return {
    run: async (): Promise<'again' | 'idle'> => {
      const look = await gather(context)
      if (look === undefined) return 'idle'
      const decision = planConfirm(look.facts)
      if (decision.kind !== 'foreign') foreign = undefined
      switch (decision.kind) {
        case 'settle':
          await settle(context, look, decision, ring)
          return 'again'
        case 'wait':
          if (decision.why === 'unlanded' && (await noteReverts(context, look.anchor, look.id))) await ring('prepare')
          if (decision.why === 'depth' && look.landing !== undefined) await noteLanding(context, look.landing)
          break
        case 'behind':
          await resendInOrder(context, look.anchor)
          break
        case 'foreign':
          foreign = { why: decision.why, looks: (foreign?.looks ?? 0) + 1, sinceMs: foreign?.sinceMs ?? context.now() }
          if (foreign.looks >= FOREIGN_LOOKS_MIN && context.now() >= foreign.sinceMs + FOREIGN_MS_MIN)
            await haltEnclave(context, decision.why)
          break
        default:
          assertNever(decision)
      }
      await finishStories(context, look.anchor, look.facts.ledger.unlanded === null ? undefined : look.id)
      return 'idle'
    },
    close: async () => undefined,
  }
}

type Look = {
  readonly facts: ConfirmFacts
  readonly anchor: AnchorFacts
  readonly landing: Landing | undefined
  readonly session: string
  readonly id: { readonly epoch: number; readonly sequence: number }
}

/** Ledger, chain, ledger again: a fact that changed in between would look like somebody else's history. */
async function gather(context: Context): Promise<Look | undefined> {
  const { enclave, chain, control, config } = context
  if ((await control.flagOf('confirm')) !== undefined) return undefined
  const before = await enclave.call('status', {})
  const { ledger, session, address } = before
  if (before.phase !== 'active' || ledger === undefined || session === undefined || address === undefined)
    return undefined
  const anchor = await chain.facts(address)
  const { unlanded } = ledger
  const landing =
    unlanded !== null && anchor.sequence >= unlanded.sequence ? await chain.landingOf(unlanded.sequence) : undefined
  if (!isSame(before, await enclave.call('status', {}))) return undefined
  const facts = { ledger: { ...ledger, session }, anchor, landing, settleDepthBlocks: config.settleDepthBlocks }
  return {
    facts,
    anchor,
    landing,
    session,
    id: { epoch: ledger.epoch, sequence: unlanded?.sequence ?? ledger.sequence },
  }
}

function isSame(before: StatusResult, after: StatusResult): boolean {
  return (
    before.phase === after.phase &&
    before.ledger?.head === after.ledger?.head &&
    before.ledger?.unlanded?.headerHash === after.ledger?.unlanded?.headerHash
  )
}

async function settle(
  context: Context,
  look: Look,
  { sequence, bitmap }: { sequence: number; bitmap: Landing['bitmap'] },
  ring: Ring,
): Promise<void> {
  if (look.landing !== undefined) await noteLanding(context, look.landing)
  const result = await context.enclave.call('confirm_payout', { sequence, bitmap })
  await context.records.store(look.session, result.records)
  await context.outbox.append(look.id, { kind: 'settled', checkpoint: result.checkpoint, atMs: context.now() })
  context.log.info(
    { sequence, paidWei: result.paidWei.toString(), returnedWei: result.returnedWei.toString() },
    'commit settled',
  )
  await ring('prepare')
}
