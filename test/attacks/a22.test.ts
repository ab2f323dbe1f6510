import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import type { Boot } from './boot.ts'
import { findings, writeLog } from './public-record.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('A22: a host that shows one log to the auditor and another to the orchestrator', () => {
  const stage = useStage()

  /** A clone that is told its session and its commit landed; it signs a checkpoint over its own history. */
  async function told(boot: Boot, id: string) {
    await boot.credit('1', id)
    const commit = await boot.prepare()
    const { checkpoint } = await boot.confirm(commit.sequence, 1n)
    return { commit, checkpoint, entries: publishedEntries(boot, commit) }
  }

  it('has only one log that the chain knows, and both heads are evidence', async () => {
    const first = await stage().active()
    const { kept } = first
    const shared = [...kept]
    await first.credit('1', 'orch-0')
    const commit = await first.prepare()
    assert((await stage().send(commit)).landed)
    const { checkpoint } = await first.confirm(commit.sequence, 1n)
    const truth = publishedEntries(first, commit)

    const clone = await stage().boot()
    await clone.load(shared, { head: `0x${'00'.repeat(32)}` as never, epoch: 1, bitmap: null })
    const { epoch } = await clone.openSession()
    await clone.tellLanded(epoch)
    const other = await told(clone, 'orch-1')

    const folder = join(stage().folder, 'audit')
    assert.deepEqual(await findings(stage(), writeLog(folder, truth, checkpoint)), [])
    const codes = await findings(stage(), writeLog(folder, other.entries, other.checkpoint))
    assert(codes.includes('COMMIT_HEADER'), `the header on chain speaks against it, got ${codes}`)
    assert.notDeepEqual(await findings(stage(), writeLog(folder, truth, other.checkpoint)), [])
    assert.notEqual(other.checkpoint.split('\n')[2], checkpoint.split('\n')[2], 'two roots under one log key')
  })
})
