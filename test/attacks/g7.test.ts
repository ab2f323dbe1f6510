import { strict as assert } from 'node:assert'
import { anAddress } from '../builders/boot.ts'
import { asks, type GuardianCall } from './guardian.ts'
import { useStage } from './use-stage.ts'

const MINUTE = 60
const DAY = 86_400

describe('G7: a guardian who lets a freeze end, and takes over months later', () => {
  const stage = useStage()

  const calls = (call: GuardianCall) => asks(stage(), stage().guardian(), call)
  const takesOver: GuardianCall = ['guardianRotate', anAddress(0xee)]

  for (const [when, seconds, passes] of [
    ['a minute before seven days are over', 7 * DAY - MINUTE, false],
    ['a minute after seven days', 7 * DAY + MINUTE, true],
    ['a minute before thirty days are over', 30 * DAY - MINUTE, true],
    ['a minute after thirty days', 30 * DAY + MINUTE, false],
    ['after ninety days', 90 * DAY, false],
  ] as const)
    it(`${passes ? 'can' : 'cannot'} take over ${when}`, async () => {
      assert.equal(await calls(['freeze']), 'landed')
      await stage().node.pass(seconds)
      assert.equal(await calls(takesOver), passes ? 'landed' : 'AnchorNotFrozen')
    })

  it('cannot take over without a freeze', async () => {
    assert.equal(await calls(takesOver), 'AnchorNotFrozen')
  })
})
