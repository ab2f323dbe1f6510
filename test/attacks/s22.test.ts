import { strict as assert } from 'node:assert'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { PROTOCOL_VERSION } from '../../enclave/protocol/header.ts'
import { aLine } from '../builders/boot.ts'
import { Forger } from './forger.ts'
import { answerTo, frameOf } from './raw.ts'
import { refuses, useStage } from './use-stage.ts'

const POSES = ['payout_debit', 'settle', 'genesis', 'CREDIT', 'credit ', 'audit_event', 'reserve', 'note']

describe('S22: an event of free form that poses as another', () => {
  const stage = useStage()

  it('is recorded as an unknown event, and the id of a coming credit stays free', async () => {
    const boot = await stage().active()
    for (const event of POSES) {
      const answer = await boot.offer(aLine('orch-0', '1', { event, id: 'workload:7' }))
      assert.deepEqual(answer.kind === 'ack' && answer.refused.map(({ code }) => code), ['LINE_EVENT_UNKNOWN'], event)
    }
    const good = await boot.offer(aLine('orch-0', '1', { id: 'workload:7' }))
    assert.equal(good.kind === 'ack' && good.applied, 1)
    assert.equal((await stage().audits(boot)).creditedWei, 10n ** 18n)
  })

  it('has no method to come in by: the old one is gone', async () => {
    const boot = await stage().active()
    const params = encodeCbor({ kind: 'payout_debit', data: { id: 'workload:7', amount: '1' } })
    assert.equal(await answerTo(boot.endpoint, frameOf('audit_event', params)), 'METHOD_RETIRED')
  })

  it('is refused at load when it stands in the log under another type’s name', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const forger = new Forger(stage())
    const [genesis] = forger.open(boot.kept)
    assert(genesis !== undefined, 'genesis is one record')
    const at = genesis.entries.length
    const body = { source: 'journal', account: 1, id: 'orch-0', wei: '1' }
    const again = await stage().boot()
    const posing: readonly (readonly [type: string, body: object, code: string])[] = [
      ['note', body, 'ENTRY_SYNTAX'],
      ['settle', body, 'ENTRY_SYNTAX'],
      ['payout_debit', body, 'ENTRY_SYNTAX'],
      // Nothing writes notes: not even a good one may stand in a log.
      ['note', { text: 'workload:7' }, 'STATE_MISMATCH'],
    ]
    for (const [type, posed, code] of posing) {
      const forged = encodeCbor({ v: PROTOCOL_VERSION, i: at, at: 1_900_000_000, type, body: posed as typeof body })
      const records = forger.seal([genesis, { entries: [forged], firstIndex: at }], 1)
      await refuses(again.load(records, await stage().claim()), code)
    }
    await again.load(boot.kept, await stage().claim())
  })
})
