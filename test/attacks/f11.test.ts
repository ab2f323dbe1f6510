import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

describe('F11: a commit that is dropped while later credits exist', () => {
  const stage = useStage()

  it('leaves the credits behind it where they are, under the very indices', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await boot.prepare()
    await boot.credit('1', 'orch-1', 'orch-2')
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    const before = boot.entries.map((entry) => Buffer.from(entry).toString('hex'))
    const after = again.entries.map((entry) => Buffer.from(entry).toString('hex'))
    assert.deepEqual(after.slice(0, before.length), before)
    const types = again.entries.slice(before.length).map((entry) => decodeEntry(entry).type)
    assert.deepEqual(types, ['void', 'open'])
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, 3n * ETHER_WEI)
  })
})
