import { strict as assert } from 'node:assert'
import { decodeCbor } from '../../enclave/protocol/cbor.ts'
import { EPOCH_MAX, SEQUENCE_MAX } from '../../enclave/protocol/header.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { Forger } from './forger.ts'
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

  it('has no commit signed past the last sequence, and none with another number in its place', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().anchorBare(boot)
    const { chunk } = await boot.call('export_snapshot', { chunk: 0 })
    await boot.kill()
    for (const [sequence, answer] of [
      [SEQUENCE_MAX - 1, 'accepted'],
      [SEQUENCE_MAX, 'SEQUENCE_SPENT'],
    ] as const) {
      const again = await stage().boot()
      await again.load([{ sealed: at(chunk, sequence), entries: [] }], await stage().claim())
      await again.tellLanded((await again.openSession()).epoch)
      for (const mode of ['pay', 'bare'] as const) {
        assert.equal(await codeOfCall(again.prepare({ mode })), answer, `${mode} after ${sequence}`)
        if (answer === 'accepted') break
      }
    }
  })

  /** A state that another image with the same keys could have written: nobody lives to see that many commits. */
  function at(chunk: Uint8Array, sequence: number): Uint8Array {
    const forger = new Forger(stage())
    const [head, ...rest] = forger.openSnapshot(chunk)
    const fields = decodeCbor(head as Uint8Array, { canonical: true }) as { lastHeader: object }
    const late = { ...fields, sequence, lastHeader: { ...fields.lastHeader, sequence } }
    return forger.sealSnapshot([forger.encode(late), ...rest], chunk)
  }

  it('does not wrap the anchor’s sequence: after the last one no commit fits', async () => {
    const session = await StolenSession.take(stage(), SEQUENCE_MAX)
    const { sequence, epoch } = await stage().facts()
    assert.deepEqual({ sequence, epoch }, { sequence: SEQUENCE_MAX, epoch: 1 })
    for (const next of [0, 1, SEQUENCE_MAX])
      reverted(await stage().relay(await session.commit({ sequence: next })), 'AnchorWrongSequence')
  })
})
