import { strict as assert } from 'node:assert'
import { aLine } from '../builders/boot.ts'
import { codeOf, useStage } from './use-stage.ts'

const LONE = '\ud800'

/** JSON text escapes what is no character: the line itself is well-formed UTF-8. */
function escaped(line: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`)
}

function withText(over: object): Uint8Array {
  return escaped({ event: 'credit', orchestrator_id: 'orch-0', amount: '1', balance: '1', reason: 'workload', ...over })
}

describe('S21: text that would break between the balance and the log', () => {
  const stage = useStage()

  const lines: readonly (readonly [code: string | undefined, line: Uint8Array])[] = [
    ['ORCHESTRATOR_ID', withText({ orchestrator_id: `orch-${LONE}` })],
    ['LINE_FIELD', withText({ reason: LONE })],
    ['LINE_FIELD', withText({ reason: `${'x'.repeat(600)}${LONE}` })],
    // Nothing that counts: the entry holds neither metadata nor balance.
    [undefined, withText({ metadata: { note: LONE } })],
    [undefined, aLine('orch-0', '1', { reason: '\u{1f4b0}'.repeat(300) })],
  ]

  it('changes both or neither: whatever was applied is in the log, and the log gives the balance', async () => {
    const boot = await stage().active()
    for (const [code, line] of lines) {
      const size = (await boot.ledger()).logSize
      const { credited_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
      const recorded: (string | undefined)[] = []
      const offered = boot.offer(line).then((answer) => {
        recorded.push(answer.kind === 'ack' ? answer.refused[0]?.code : answer.kind)
      })
      assert.equal(await codeOf(offered), 'accepted')
      assert.deepEqual(recorded, [code])
      assert.equal((await boot.ledger()).logSize, size + 1)
      const after = await boot.call('balance', { orchestrator_id: 'orch-0' })
      assert.equal(after.credited_wei > credited_wei, code === undefined)
    }
    assert.equal((await boot.call('status', {})).phase, 'active')
    await stage().anchorBare(boot)
    assert.equal((await stage().audits(boot)).creditedWei, 2n * 10n ** 18n)
  })
})
