import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { useGovernedStage } from './governed.ts'
import { publishedEntries, rebuilt } from './published.ts'
import { askRotation, drawKeys, guardianApproves, takeOver } from './rotation.ts'
import { ETHER_WEI } from './stage.ts'

describe('G5: every sealed file is lost after a rotation', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('and the log says who goes on, so that the new enclave is rebuilt, pays, and is rebuilt again', async () => {
    const old = stage().keys
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const { commit } = await stage().pay(boot)
    const keys = await drawKeys(stage())
    const rotation = await askRotation(stage(), boot, 2, keys.address)
    await guardianApproves(stage(), keys.address)
    assert((await stage().send(rotation)).landed, 'the rotation lands')
    await takeOver(stage(), keys)
    const successor = await rebuilt(stage(), publishedEntries(boot, commit))
    await successor.credit('1', 'orch-1')
    const { commit: next } = await stage().pay(successor)
    const rotations = successor.entries.map(decodeEntry).filter(({ type }) => type === 'rotate')
    assert.deepEqual(
      rotations.map((entry) => entry.type === 'rotate' && entry.body.authority),
      [keys.address],
    )
    const again = await rebuilt(stage(), publishedEntries(successor, next))
    await again.credit('1', 'orch-2')
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, 3n * ETHER_WEI)
    stage().keys = old
  })
})
