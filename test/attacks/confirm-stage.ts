/** What the host's confirm stage makes of an enclave whose history may not be the chain's, and the halt that follows. */
import { strict as assert } from 'node:assert'
import { type ConfirmDecision, planConfirm } from '../../workers/4-confirm/plan.ts'
import type { Boot } from './boot.ts'
import type { Stage } from './stage.ts'
import { refuses } from './use-stage.ts'

/** By the chain as it stands. */
export async function confirmDecision(stage: Stage, boot: Boot): Promise<ConfirmDecision> {
  const { epoch, head, sequence, unlanded } = await boot.ledger()
  const ledger = { epoch, head, sequence, session: boot.session, unlanded }
  const anchor = await stage.facts()
  const landing = unlanded === null ? undefined : await stage.chain.landingOf(unlanded.sequence)
  return planConfirm({ ledger, anchor, landing, settleDepthBlocks: 0 })
}

/** An honest host halts this enclave, which then signs nothing any more, neither a new commit nor the old one again. */
export async function halts(stage: Stage, boot: Boot): Promise<void> {
  assert.equal((await confirmDecision(stage, boot)).kind, 'foreign')
  await boot.call('halt', { reason: 'its history is not the one of the chain' })
  await refuses(boot.prepare(), 'PHASE_FORBIDS')
  await refuses(boot.resign(), 'PHASE_FORBIDS')
  await refuses(boot.openSession(), 'PHASE_FORBIDS')
}
