import { strict as assert } from 'node:assert'
import { encodeEntries, logsOf, writeBoot } from '../../host/boot-records.ts'
import { planLoad, readSealed } from '../../host/load-plan.ts'
import { pathsOf } from '../../host/paths.ts'
import type { Boot, StoredRecord } from './boot.ts'
import { ETHER_WEI } from './stage.ts'
import { codeOf, reverted, useStage } from './use-stage.ts'

describe('G12: a void that was sealed by a boot whose session never landed', () => {
  const stage = useStage()

  /** Stores what a boot added to its parent's records, as the host's own store does. */
  async function store(
    boot: Boot,
    parent: { readonly boot: Boot; readonly end: number } | null,
    atMs: number,
  ): Promise<void> {
    const paths = pathsOf(stage().folder)
    const from = parent?.end ?? 0
    const note = {
      session: boot.session,
      parent: parent && { session: parent.boot.session, end: from },
      epoch: 1,
      atMs,
    }
    await writeBoot(paths, note)
    const logs = logsOf(paths, note)
    let logIndex = boot.kept.slice(0, from).flatMap(({ entries }) => entries).length
    for (const [at, { sealed, entries }] of boot.kept.slice(from).entries()) {
      await logs.sealed.write(from + at, sealed)
      await logs.entries.write(from + at, encodeEntries({ firstIndex: logIndex, entries }))
      logIndex += entries.length
    }
    for (const log of [logs.sealed, logs.entries]) {
      await log.sync()
      await log.close()
    }
  }

  it('does not stand in the way of the next boot, which loads what the chain says without help', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const stale = await stage().claim()
    const commit = await boot.prepare()
    await store(boot, null, 1)
    assert.equal((await stage().relay(commit)).landed, true)
    await boot.kill()

    // The endpoint still shows the moment before the commit: this boot takes it for lost, and says so in its records.
    const misled = await stage().boot()
    await misled.load(boot.kept, stale)
    reverted(await stage().send(await misled.openSession()), 'AnchorStaleHead')
    assert(misled.kept.length > boot.kept.length, 'a void was sealed')
    await store(misled, { boot, end: boot.kept.length }, 2)

    await stage().node.mine(3)
    const paths = pathsOf(stage().folder)
    const plan = planLoad(paths, stage().chain, await stage().claim())
    assert.equal(await codeOf(plan), 'accepted')
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
