import { strict as assert } from 'node:assert'
import { aLine } from '../builders/boot.ts'
import { refuses, useStage } from './use-stage.ts'

const DEATHS = 1_000
const UNACKNOWLEDGED_MAX = 64

describe('F10: a host that dies between a reply and its storage', () => {
  const stage = useStage()

  it('gets every lost reply again, byte for byte, a thousand times, with nothing missing and nothing doubled', async () => {
    const boot = await stage().active()
    const from = boot.kept.length
    for (let death = 0; death < DEATHS; death++) {
      const { journalSize, journalHead } = await boot.ledger()
      const line = Uint8Array.from(aLine(`orch-${death % 5}`, '0.001'))
      // The reply is lost: nothing of it is stored or acknowledged.
      const lost = await boot.call('apply_events', { firstIndex: journalSize, head: journalHead, lines: [line] })
      assert(lost.kind === 'ack', 'the line fits the cursor')
      await boot.collect()
      const [again] = boot.kept.slice(-1)
      assert.deepEqual(again?.sealed, lost.records[0]?.sealed)
    }
    assert.equal(boot.kept.length, from + DEATHS)
    const { journalSize, creditedWei } = await stage().audits(boot)
    assert.deepEqual({ journalSize, creditedWei }, { journalSize: DEATHS, creditedWei: 10n ** 18n })
    await boot.kill()
    await stage().reloaded(boot.kept)
  })

  it('is held up before more is at stake than the enclave keeps, and gets all of it back', async () => {
    const boot = await stage().active()
    const from = boot.kept.length
    const offer = async () => {
      const { journalSize, journalHead } = await boot.ledger()
      const lines = [Uint8Array.from(aLine('orch-0', '0.001'))]
      return boot.call('apply_events', { firstIndex: journalSize, head: journalHead, lines })
    }
    for (let record = 0; record < UNACKNOWLEDGED_MAX; record++) await offer()
    await refuses(offer(), 'BACKPRESSURE')
    await refuses(boot.prepare(), 'BACKPRESSURE')
    await boot.collect()
    assert.equal(boot.kept.length, from + UNACKNOWLEDGED_MAX)
    await offer()
    await boot.collect()
    await stage().audits(boot)
  })
})
