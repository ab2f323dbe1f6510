import { expect } from 'chai'
import { encodeFunctionData } from 'viem'
import { type AnchorCall, decodeAnchorCall, encodeAnchorCall } from '../../../../enclave/protocol/anchor.ts'
import { ANCHOR_ABI } from '../../../../enclave/protocol/anchor-abi.ts'
import { isCoded } from '../../../../enclave/protocol/errors.ts'
import { type Address, fromHex, type Hash, toHash, toHex } from '../../../../enclave/protocol/ids.ts'

const hash = (byte: number): Hash => toHash(new Uint8Array(32).fill(byte))
const session = toHex(new Uint8Array(20).fill(0xab)) as Address
const signature = new Uint8Array(65).fill(7)
const commit = {
  epoch: 2 ** 48 - 1,
  sequence: 3,
  prev: hash(1),
  next: hash(2),
  payoutsHash: hash(3),
  balanceRoot: hash(4),
  logRoot: hash(5),
  logSize: Number.MAX_SAFE_INTEGER,
}

const calls: readonly AnchorCall[] = [
  { kind: 'openSession', open: { epoch: 1, head: hash(1), session, attestationDigest: hash(2) }, signature },
  { kind: 'commit', commit, signature },
  { kind: 'commitAndPay', commit, payouts: Uint8Array.of(1, 2, 3), skip: 2n ** 128n - 1n, signature },
]

describe('calls of the anchor', () => {
  for (const call of calls) {
    it(`reads back ${call.kind} as it was written`, () => {
      expect(decodeAnchorCall(encodeAnchorCall(call))).to.deep.equal(call)
    })
  }

  it('refuses calldata that is cut, unknown, or another call of the anchor', () => {
    const freeze = fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'freeze' }))
    const cut = encodeAnchorCall(calls[1] as AnchorCall).slice(0, -40)
    for (const data of [new Uint8Array(0), Uint8Array.of(1, 2, 3, 4), cut, freeze]) {
      try {
        decodeAnchorCall(data)
        expect.fail('it was read')
      } catch (error) {
        expect(isCoded(error, 'PAYOUTS_SYNTAX'), String(error)).to.equal(true)
      }
    }
  })
})
