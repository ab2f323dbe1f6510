import { strict as assert } from 'node:assert'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { aLine } from '../builders/boot.ts'
import { FEES } from './boot.ts'
import { answerTo, frameOf } from './raw.ts'
import { useStage } from './use-stage.ts'

const LOOSE_ETHER: readonly unknown[] = [
  1.9,
  1,
  true,
  null,
  ['1'],
  '1_000',
  '0x10',
  ' 1',
  '1 ',
  '１',
  '1,5',
  '.5',
  '1.',
  '--1',
  'NaN',
  'Infinity',
  '1e90',
  '1e-90',
  `1${'0'.repeat(64)}`,
]
const LOOSE_WEI: readonly unknown[] = ['01', '+1', '-1', '1e3', '1.0', '0x1', '', ' 1', 1, true, `${2n ** 128n}`]
const WEI_MAX = 2n ** 128n - 1n

describe('S23: numbers in loose forms', () => {
  const stage = useStage()

  it('credit nothing in a journal line, and their line is recorded as refused', async () => {
    const boot = await stage().active()
    for (const amount of LOOSE_ETHER) {
      const answer = await boot.offer(aLine('orch-0', amount as string))
      assert(answer.kind === 'ack', 'the line fits the cursor')
      assert.equal(answer.refused.length, 1, JSON.stringify(amount))
    }
    assert.equal((await boot.ledger()).creditedWei, 0n)
    await boot.offer(aLine('orch-0', '0.000000000000000001'), aLine('orch-1', '1E-18'), aLine('orch-2', '1.5e0'))
    assert.equal((await stage().audits(boot)).creditedWei, 15n * 10n ** 17n + 2n)
  })

  it('are refused on the wire, and the largest amount there is goes through to the wei', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const { number, hash } = await stage().round()
    const asking = { round: { number, hash }, fees: FEES, accountNonce: 1 }
    for (const budgetWei of LOOSE_WEI) {
      const code = await answerTo(
        boot.endpoint,
        frameOf('prepare_commit', encodeCbor({ ...asking, budgetWei } as never)),
      )
      assert.equal(code, 'PARAMS_INVALID', String(budgetWei))
    }
    const params = encodeCbor({ ...asking, budgetWei: WEI_MAX.toString() })
    assert.equal(await answerTo(boot.endpoint, frameOf('prepare_commit', params)), 'accepted')
  })

  it('are refused as unknown words as well: no parameter comes under another name', async () => {
    const boot = await stage().active()
    const params = encodeCbor({
      mode: 'bare',
      budgetWei: '0',
      round: null,
      fees: FEES,
      accountNonce: 1,
      amount_wei: '1',
    })
    assert.equal(await answerTo(boot.endpoint, frameOf('prepare_commit', params)), 'PARAMS_INVALID')
  })
})
