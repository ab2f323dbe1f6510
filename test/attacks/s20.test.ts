import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { aLine } from '../builders/boot.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

/** Each is a bad copy of the very event that comes after it. */
const BAD: readonly (readonly [code: string, line: Uint8Array])[] = [
  ['AMOUNT_CONFLICT', aLine('orch-0', '1', { delta: '2' })],
  ['AMOUNT_SYNTAX', aLine('orch-0', '1_000')],
  ['AMOUNT_ZERO', aLine('orch-0', '0')],
  ['LINE_FIELD', aLine('orch-0', '1', { orchestrator_id: 7 })],
  ['OVERDRAW', aLine('orch-0', '-3')],
  ['ORCHESTRATOR_ID', aLine('', '1')],
]

describe('S20: a bad copy of an event, sent first', () => {
  const stage = useStage()

  it('is recorded as refused with its code, leaves balances alone, and burns nothing of the good one', async () => {
    const boot = await stage().active()
    for (const [at, [code, line]] of BAD.entries()) {
      const before = await boot.call('balance', { orchestrator_id: 'orch-0' })
      const refused = await boot.offer(line)
      assert.deepEqual(refused.kind === 'ack' && refused.refused, [{ line: 2 * at, code }])
      assert.deepEqual(await boot.call('balance', { orchestrator_id: 'orch-0' }), before)
      const entry = decodeEntry(boot.entries.at(-1) as Uint8Array)
      const { code: recorded, line: number } = entry.body as { code: string; line: number }
      assert.deepEqual([entry.type, recorded, number], ['refuse', code, 2 * at])

      const accepted = await boot.offer(aLine('orch-0', '0.1'))
      assert.equal(accepted.kind === 'ack' && accepted.applied, 1)
    }
    const { credited_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(credited_wei, (BigInt(BAD.length) * ETHER_WEI) / 10n)
    await stage().audits(boot)
  })
})
