import { expect } from 'chai'
import { keccak256, parseTransaction, recoverTransactionAddress } from 'viem'
import { isCoded } from '../../../../enclave/protocol/errors.ts'
import { readTransaction, signTransaction } from '../../../../enclave/signer/transaction.ts'
import {
  ACCOUNT,
  aLegacyTx,
  aTx,
  BROKER,
  CHAIN_ID,
  fundData,
  KEY,
  SIGNER,
  STRANGER,
  type WireTx,
  without,
} from './a-signer.ts'

function refusal(tx: unknown): { code: string; message: string } {
  try {
    readTransaction(tx)
  } catch (error) {
    if (isCoded(error)) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 'accepted', message: '' }
}

/** The same fields, as viem's own account wants them. */
function forViem(tx: WireTx) {
  const { chainId, nonce, gas, fees, to, valueWei, data } = readTransaction(tx)
  const common = { chainId, nonce, gas, to, value: valueWei, data: `0x${Buffer.from(data).toString('hex')}` as const }
  if (fees.kind === 'legacy') return { ...common, type: 'legacy', gasPrice: fees.gasPriceWei } as const
  const { maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas } = fees
  return { ...common, type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas } as const
}

describe('transaction of a signer', () => {
  it('is the same out of integers, decimal text and hex', () => {
    const expected = readTransaction(aTx())
    const decimal = aTx({ chainId: `${CHAIN_ID}`, nonce: '5', gas: '350000', maxFeePerGas: '1500', value: '0' })
    const hex = aTx({ chainId: '0xa4b1', nonce: '0x5', gas: '0x55730', maxFeePerGas: '0x5dc', value: '0x0' })
    const big = aTx({ gas: 350_000n, maxFeePerGas: 1_500n })
    for (const tx of [decimal, hex, big]) expect(readTransaction(tx)).to.deep.equal(expected)
    expect(readTransaction(without(aTx(), 'value'))).to.deep.equal(expected)
    expect(readTransaction(aTx({ type: 2, accessList: [] }))).to.deep.equal(expected)
    expect(readTransaction(aTx({ to: BROKER.toUpperCase().replace('0X', '0x') }))).to.deep.equal(expected)
  })

  for (const field of ['chainId', 'nonce', 'gas', 'to', 'data', 'maxFeePerGas', 'maxPriorityFeePerGas'])
    it(`without ${field} is refused by that name`, () => {
      const { code, message } = refusal(without(aTx(), field))
      expect(code).to.equal('SIGNER_TRANSACTION')
      expect(message).to.contain(field)
    })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['a negative value', aTx({ value: -1 })],
    ['a fraction', aTx({ gas: 1.5 })],
    ['a number that has lost its digits', aTx({ value: 2 ** 60 })],
    ['text that is no number', aTx({ nonce: '5n' })],
    ['a leading zero', aTx({ nonce: '05' })],
    ['white space', aTx({ nonce: ' 5' })],
    ['an exponent', aTx({ gas: '3e5' })],
    ['a value of 2^256', aTx({ value: (2n ** 256n).toString() })],
    ['gas of 2^64', aTx({ gas: 2n ** 64n })],
    ['a nonce of 2^53', aTx({ nonce: 2n ** 53n })],
    ['no address', aTx({ to: null })],
    ['a short address', aTx({ to: BROKER.slice(0, -1) })],
    ['a wrong checksum', aTx({ to: `0x${'bB'.repeat(20)}` })],
    ['data without its prefix', aTx({ data: fundData().slice(2) })],
    ['half a byte of data', aTx({ data: `${fundData()}0` })],
    ['a field that nobody knows', aTx({ input: fundData() })],
    ['an access list', aTx({ accessList: [{ address: BROKER, storageKeys: [] }] })],
    ['an access list beside a gas price', aLegacyTx({ accessList: [] })],
    ['both kinds of fees', aTx({ gasPrice: 1 })],
    ['a tip above its fee', aTx({ maxPriorityFeePerGas: 1_501 })],
    ['a type of other fees', aTx({ type: 0 })],
    ['the other type of other fees', aLegacyTx({ type: 2 })],
    ['a type of blobs', aTx({ type: 3 })],
    ['a list', [aTx()]],
    ['text', '0x02'],
    ['nothing', undefined],
  ]
  for (const [what, tx] of wrong)
    it(`with ${what} is refused`, () => expect(refusal(tx).code).to.equal('SIGNER_TRANSACTION'))

  it('keeps who the client thinks signs, for the policy to compare', () => {
    expect(readTransaction(aTx({ from: STRANGER })).from).to.equal(STRANGER)
    expect(readTransaction(aTx()).from).to.equal(undefined)
  })

  it('is signed to the bytes that viem signs, with either kind of fees and at the borders of each number', async () => {
    const cases = [
      aTx(),
      aLegacyTx(),
      aTx({ nonce: 0, gas: 0, maxFeePerGas: 0, maxPriorityFeePerGas: 0, data: fundData(), value: 0 }),
      aTx({ nonce: 2 ** 53 - 1, gas: 2n ** 64n - 1n, value: 2n ** 256n - 1n, maxFeePerGas: 2n ** 128n - 1n }),
      aLegacyTx({ chainId: 1, nonce: 0, gasPrice: 0 }),
      aLegacyTx({ chainId: 421_614, nonce: 128, value: '0xde0b6b3a7640000' }),
      ...Array.from({ length: 12 }, (_, nonce) => (nonce % 2 === 0 ? aTx({ nonce }) : aLegacyTx({ nonce }))),
    ]
    for (const tx of cases) {
      const raw = signTransaction(readTransaction(tx), KEY)
      expect(raw).to.equal(await ACCOUNT.signTransaction(forViem(tx)))
      expect((await recoverTransactionAddress({ serializedTransaction: raw as never })).toLowerCase()).to.equal(SIGNER)
      expect(keccak256(raw)).to.have.length(66)
      expect(parseTransaction(raw).chainId).to.equal(readTransaction(tx).chainId)
    }
  })
})
