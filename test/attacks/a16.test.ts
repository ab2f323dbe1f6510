import { strict as assert } from 'node:assert'
import { EPOCH_MAX, SEQUENCE_MAX } from '../../enclave/protocol/header.ts'
import { StolenSession } from './stolen-session.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

describe('A16: a host that drives a counter to its end', () => {
  const stage = useStage()

  it('is refused a session beyond the last epoch, at genesis and at load, and the enclave goes on', async () => {
    const first = await stage().boot()
    await refuses(first.begin(stage().genesis, EPOCH_MAX), 'SEQUENCE_SPENT')
    await first.begin(stage().genesis, 0)
    await stage().activate(first)
    await first.credit('1', 'orch-0')
    await first.kill()

    const again = await stage().boot()
    const claim = await stage().claim()
    await refuses(again.load(first.kept, { ...claim, epoch: EPOCH_MAX }), 'SEQUENCE_SPENT')
    await again.load(first.kept, claim)
    await stage().activate(again)
    await stage().pay(again)
    await stage().audits(again)
  })

  it('may claim the last epoch but one: what is signed then lands nowhere', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, EPOCH_MAX - 1)
    const opened = await boot.openSession()
    assert.equal(opened.epoch, EPOCH_MAX)
    reverted(await stage().send(opened), 'AnchorWrongEpoch')
  })

  it('does not wrap the anchor’s sequence: after the last one no commit fits', async () => {
    const session = await StolenSession.take(stage(), SEQUENCE_MAX)
    const { sequence, epoch } = await stage().facts()
    assert.deepEqual({ sequence, epoch }, { sequence: SEQUENCE_MAX, epoch: 1 })
    for (const next of [0, 1, SEQUENCE_MAX])
      reverted(await stage().relay(await session.commit({ sequence: next })), 'AnchorWrongSequence')
  })
})
