import { strict as assert } from 'node:assert'
import { planLoad, readSealed } from '../../host/load-plan.ts'
import { pathsOf } from '../../host/paths.ts'
import { codeOfCall } from '../builders/refusals.ts'
import type { StoredRecord } from './boot.ts'
import { store } from './host-store.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

describe('G12: a void that was sealed by a boot whose session never landed', () => {
  const stage = useStage()

  it('does not stand in the way of the next boot, which loads what the chain says without help', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const stale = await stage().claim()
    const commit = await boot.prepare()
    await store(stage(), boot, null, 1)
    assert.equal((await stage().relay(commit)).landed, true)
    await boot.kill()

    // The endpoint still shows the moment before the commit: this boot takes it for lost, and says so in its records.
    const misled = await stage().boot()
    await misled.load(boot.kept, stale)
    reverted(await stage().send(await misled.openSession()), 'AnchorStaleHead')
    assert(misled.kept.length > boot.kept.length, 'a void was sealed')
    await store(stage(), misled, { boot, end: boot.kept.length }, 2)

    await stage().node.mine(3)
    const paths = pathsOf(stage().folder)
    const plan = planLoad(paths, stage().chain, await stage().claim())
    assert.equal(await codeOfCall(plan), 'accepted')
    const [candidate] = await plan
    assert(candidate !== undefined, 'something stored leads to the head')
    const sealed = await Array.fromAsync(readSealed(paths, candidate))
    assert.equal(sealed.length, boot.kept.length)
    const records: StoredRecord[] = boot.kept.map((record, at) => ({ ...record, sealed: sealed[at] ?? record.sealed }))
    const again = await stage().boot()
    await again.load(records, candidate.claim)
    await stage().activate(again)
    const { paid_wei } = await again.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(paid_wei, ETHER_WEI)
    await stage().audits(again)
  })
})
