import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { anAddress } from '../builders/boot.ts'
import { useStage } from './use-stage.ts'

const MINUTE = 60
const DAY = 86_400

describe('G7: a guardian who lets a freeze end, and takes over months later', () => {
  const stage = useStage()

  async function calls(functionName: 'freeze' | 'guardianRotate'): Promise<boolean> {
    const args = functionName === 'freeze' ? [] : [anAddress(0xee)]
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName, args: args as never })
    return (await stage().as(stage().guardian(), { to: stage().anchor, data })).status === '0x1'
  }

  for (const [when, seconds, passes] of [
    ['a minute before seven days are over', 7 * DAY - MINUTE, false],
    ['a minute after seven days', 7 * DAY + MINUTE, true],
    ['a minute before thirty days are over', 30 * DAY - MINUTE, true],
    ['a minute after thirty days', 30 * DAY + MINUTE, false],
    ['after ninety days', 90 * DAY, false],
  ] as const)
    it(`${passes ? 'can' : 'cannot'} take over ${when}`, async () => {
      assert(await calls('freeze'), 'the guardian may freeze')
      await stage().node.pass(seconds)
      assert.equal(await calls('guardianRotate'), passes)
    })

  it('cannot take over without a freeze', async () => {
    assert.equal(await calls('guardianRotate'), false)
  })
})
