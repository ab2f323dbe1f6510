import { expect } from 'chai'
import { decodeFunctionData, encodeFunctionData } from 'viem'
import { isCoded } from '../../../../enclave/protocol/errors.ts'
import { type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import { uintWord } from '../../../../enclave/protocol/words.ts'
import { type Call, readCall } from '../../../../enclave/signer/calldata.ts'
import { TICKET_BROKER_ABI } from '../../../../scripts/chain/world.ts'
import { aTicket, batchData, bytesOf, fundData, PAYEES, redeemData } from './a-signer.ts'

const WORD = 32
const SELECTOR = 4

function outcome(data: Uint8Array): Call | string {
  try {
    return readCall(data)
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}

/** What viem makes of the bytes and writes again: the same bytes, when they are the canonical ones. */
function isCanonical(data: Uint8Array): boolean {
  try {
    const decoded = decodeFunctionData({ abi: TICKET_BROKER_ABI, data: toHex(data) })
    return encodeFunctionData({ abi: TICKET_BROKER_ABI, ...decoded } as never) === toHex(data)
  } catch {
    return false
  }
}

/** `data` with the word at `index` behind the selector replaced. */
function withWord(data: Hex, index: number, value: bigint): Uint8Array {
  const bytes = bytesOf(data)
  bytes.set(uintWord(value), SELECTOR + index * WORD)
  return bytes
}

const two = [aTicket(), aTicket({ recipient: PAYEES[1] as never, senderNonce: 4n })]

describe('calldata of a signer', () => {
  it('is read as the call that viem has written', () => {
    expect(readCall(bytesOf(fundData()))).to.deep.equal({ kind: 'fundDeposit' })
    const single = readCall(bytesOf(redeemData(aTicket())))
    expect(single).to.deep.equal({ kind: 'redeemWinningTicket', tickets: [aTicket()] })
    const bare = aTicket({ auxData: new Uint8Array(0) })
    expect(readCall(bytesOf(redeemData(bare)))).to.have.deep.property('tickets', [bare])
    const batch = readCall(bytesOf(batchData(two)))
    expect(batch).to.deep.equal({ kind: 'batchRedeemWinningTickets', tickets: two })
  })

  it('of another function is named by its selector, whatever follows', () => {
    expect(readCall(Uint8Array.of(0xa6, 0x9d, 0xf4, 0xb5))).to.deep.equal({ kind: 'other', selector: '0xa69df4b5' })
    expect(readCall(new Uint8Array(0))).to.deep.equal({ kind: 'other', selector: '0x' })
    expect(readCall(Uint8Array.of(0x6c, 0xaa))).to.deep.equal({ kind: 'other', selector: '0x6caa' })
  })

  for (const [name, data] of [
    ['one redemption', redeemData(aTicket())],
    ['one redemption without auxData', redeemData(aTicket({ auxData: new Uint8Array(0) }))],
    ['a batch of two', batchData(two)],
  ] as const) {
    it(`with any one bit changed in ${name} is refused, or another call in its canonical bytes`, () => {
      const honest = bytesOf(data)
      let refused = 0
      for (let at = SELECTOR; at < honest.length; at++) {
        for (const bit of [0x01, 0x80]) {
          const changed = honest.slice()
          changed[at] = (changed[at] as number) ^ bit
          const got = outcome(changed)
          if (got === 'SIGNER_CALLDATA') refused++
          else expect(isCanonical(changed), `byte ${at}`).to.equal(true)
        }
      }
      // Every offset, length, address head and padding byte is held to one value: hundreds of bytes.
      expect(refused).to.be.above(400)
    })

    it(`with bytes missing at the end of ${name}, or added to it, is refused`, () => {
      const honest = bytesOf(data)
      for (const cut of [1, WORD, 2 * WORD]) expect(outcome(honest.slice(0, -cut))).to.equal('SIGNER_CALLDATA')
      for (const more of [1, WORD])
        expect(outcome(new Uint8Array([...honest, ...new Uint8Array(more)]))).to.equal('SIGNER_CALLDATA')
      expect(outcome(honest.slice(0, SELECTOR))).to.equal('SIGNER_CALLDATA')
    })
  }

  it('of fundDeposit with a byte behind it is refused', () => {
    expect(outcome(new Uint8Array([...bytesOf(fundData()), 0]))).to.equal('SIGNER_CALLDATA')
  })

  it('whose two tickets are one and the same bytes is refused, though Solidity would read it', () => {
    // Words 0 to 2 are offsets, 3 the count, 4 and 5 where the tickets begin.
    const doubled = withWord(batchData(two), 5, 64n)
    const decoded = decodeFunctionData({ abi: TICKET_BROKER_ABI, data: toHex(doubled) })
    expect((decoded.args as readonly (readonly unknown[])[])[0]).to.have.length(2)
    expect(outcome(doubled)).to.equal('SIGNER_CALLDATA')
  })

  it('whose lists differ in length is refused', () => {
    const [signature] = [`0x${'1b'.repeat(65)}`] as Hex[]
    expect(outcome(bytesOf(batchData(two, [signature as Hex])))).to.equal('SIGNER_CALLDATA')
    expect(outcome(bytesOf(batchData(two, undefined, [1n])))).to.equal('SIGNER_CALLDATA')
    expect(outcome(bytesOf(batchData(two, undefined, [1n, 2n, 3n])))).to.equal('SIGNER_CALLDATA')
    expect(outcome(bytesOf(batchData([])))).to.equal('SIGNER_CALLDATA')
  })

  it('that announces more tickets than there can be is refused before anything is made of that size', () => {
    for (const count of [51n, 2n ** 32n, 2n ** 256n - 1n])
      expect(outcome(withWord(batchData(two), 3, count))).to.equal('SIGNER_CALLDATA')
  })

  it('with a signature of another length is refused', () => {
    for (const length of [0, 64, 66])
      expect(outcome(bytesOf(redeemData(aTicket(), toHex(new Uint8Array(length)))))).to.equal('SIGNER_CALLDATA')
  })
})
