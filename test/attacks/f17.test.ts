import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { audit, writeLog } from './public-record.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('F17: two clones that are told different things sign two checkpoints with one log key', () => {
  const stage = useStage()

  it('of which only the one beside a final commit of equal size and root counts', async () => {
    const landed = await stage().active()
    const shared = [...landed.kept]
    await landed.credit('1', 'orch-0')
    const commit = await landed.prepare()
    assert((await stage().send(commit)).landed)
    const { checkpoint } = await landed.confirm(commit.sequence, 1n)

    const clone = await stage().boot()
    await clone.load(shared, { head: ZERO_HASH, epoch: 1, bitmap: null })
    const { epoch } = await clone.openSession()
    await clone.tellLanded(epoch)
    await clone.credit('2', 'orch-0')
    const lie = await clone.prepare()
    const { checkpoint: signedLie } = await clone.confirm(lie.sequence, 1n)

    const folder = join(stage().folder, 'audit')
    const honest = await audit(stage(), writeLog(folder, publishedEntries(landed, commit), checkpoint))
    assert.deepEqual(honest.findings, [])
    const forged = await audit(stage(), writeLog(folder, publishedEntries(landed, commit), signedLie))
    const codes = forged.findings.map(({ code }) => code)
    assert(codes.includes('CHECKPOINT_UNANCHORED'), `no commit stands beside it, got ${codes}`)
    const [origin] = checkpoint.split('\n')
    assert.equal(signedLie.split('\n')[0], origin, 'the same log, by its own word')
  })
})
