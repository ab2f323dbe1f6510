import { strict as assert } from 'node:assert'
import { getAddress } from 'viem'
import { anAddress } from '../builders/boot.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { useStage } from './use-stage.ts'

const HEX = 'ab5801a7d398351b8be11c439e05c5b3259aec9b'
const CHECKSUMMED = getAddress(`0x${HEX}`)
const MALFORMED: readonly string[] = [
  `0x${'zz'.repeat(20)}`,
  HEX,
  `0X${HEX}`,
  `0x${HEX.slice(1)}`,
  `0x${HEX}0`,
  ` 0x${HEX}`,
  `0x${HEX}\n`,
  '0x',
  '',
  'vitalik.eth',
  `0x${CHECKSUMMED.slice(2).replace('B', 'b')}`,
]

describe('S19: a recipient that is no address', () => {
  const stage = useStage()

  it('locks up no balance: every malformed one is refused where it comes in', async () => {
    const boot = await stage().boot()
    for (const text of MALFORMED) {
      const roster = [{ id: 'orch-0', recipient: text }]
      const openings = [{ id: 'orch-0', wei: '1', recipient: text }]
      const codes = [
        await codeOfCall(boot.call('genesis', { roster, more: true })),
        await codeOfCall(boot.call('genesis', { openings, more: true })),
      ]
      assert.deepEqual(codes, ['PARAMS_INVALID', 'PARAMS_INVALID'], JSON.stringify(text))
    }
    for (const text of [CHECKSUMMED, `0x${HEX}`, anAddress(1)])
      assert.equal(
        await codeOfCall(boot.call('genesis', { roster: [{ id: 'orch-0', recipient: text }], more: true })),
        'accepted',
      )
  })
})
