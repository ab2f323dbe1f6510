import { assert } from 'chai'
import { weiOfEtherText } from '../../../auditor/naive/amount.ts'
import { parseEther } from '../../../enclave/protocol/money.ts'

describe('auditor: ether text', () => {
  const known: [string, bigint][] = [
    ['1', 10n ** 18n],
    ['-1', -(10n ** 18n)],
    ['+0.05', 5n * 10n ** 16n],
    ['5.353596E-8', 53_535_960_000n],
    ['1E-18', 1n],
    ['1E-19', 0n],
    ['0E-18', 0n],
    ['0.0000000000000000019', 1n],
    ['-0.0000000000000000019', -1n],
    ['123e2', 12_300n * 10n ** 18n],
    ['1e40', 10n ** 58n],
    ['9.999e-40', 0n],
  ]
  it('reads what is known, cut towards zero, as the enclave does', () => {
    for (const [text, wei] of known) {
      assert.equal(weiOfEtherText(text), wei, text)
      assert.equal(parseEther(text), wei, text)
    }
  })

  it('refuses what is no such text', () => {
    for (const text of ['', '.5', '5.', '1e41', '1e-41', 'NaN', '0x1', '1_0', ' 1', '1'.repeat(65), '１']) {
      assert.isNull(weiOfEtherText(text), text)
    }
  })
})
