import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { audit, findings, writeLog } from './public-record.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('A21: a host that cuts off the end of the log', () => {
  const stage = useStage()

  /** Two commits, the first one's checkpoint kept. */
  async function twoCommits() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const first = await boot.prepare()
    assert((await stage().send(first)).landed)
    const { checkpoint: old } = await boot.confirm(first.sequence, 1n)
    await boot.credit('1', 'orch-1')
    const second = await boot.prepare()
    assert((await stage().send(second)).landed)
    const { checkpoint } = await boot.confirm(second.sequence, 1n)
    return { entries: publishedEntries(boot, second), shorter: publishedEntries(boot, first), old, checkpoint }
  }

  it('is found out by the header on chain, which is named', async () => {
    const { entries, shorter, old, checkpoint } = await twoCommits()
    const folder = join(stage().folder, 'audit')
    assert.deepEqual(await findings(stage(), writeLog(folder, entries, checkpoint)), [])
    const rolledBack = await audit(stage(), writeLog(folder, shorter, old))
    assert.deepEqual(
      rolledBack.findings.map(({ code, subject }) => [code, subject]),
      [['LOG_BEHIND', 'sequence 2']],
    )
    assert.notDeepEqual(await findings(stage(), writeLog(folder, entries.slice(0, -1), checkpoint)), [])
  })

  it('is found out when the entry is altered and the tail kept', async () => {
    const { entries, checkpoint } = await twoCommits()
    const altered = entries.map((entry, at) => (at === entries.length - 2 ? flipped(entry) : entry))
    assert.notDeepEqual(await findings(stage(), writeLog(join(stage().folder, 'audit'), altered, checkpoint)), [])
  })

  function flipped(entry: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(entry)
    copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1
    return copy
  }
})
