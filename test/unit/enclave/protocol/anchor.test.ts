import { expect } from 'chai'
import fc from 'fast-check'
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
  {
    kind: 'rotateAuthority',
    rotate: { epoch: 2, head: hash(3), newAuthority: session, attestationDigest: hash(4) },
    signature,
  },
  { kind: 'commit', commit, signature },
  { kind: 'commitAndPay', commit, payouts: Uint8Array.of(1, 2, 3), skip: 2n ** 128n - 1n, signature },
]

const U48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const HASHES = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHash)
const ADDRESSES = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes) as Address)
const signatures = fc.uint8Array({ minLength: 65, maxLength: 65 })
const open = fc.record({ epoch: U48, head: HASHES, session: ADDRESSES, attestationDigest: HASHES })
const rotate = fc.record({ epoch: U48, head: HASHES, newAuthority: ADDRESSES, attestationDigest: HASHES })
const anyCommit = fc.record({
  epoch: U48,
  sequence: U48,
  prev: HASHES,
  next: HASHES,
  payoutsHash: HASHES,
  balanceRoot: HASHES,
  logRoot: HASHES,
  logSize: fc.maxSafeNat(),
})
const anyCall: fc.Arbitrary<AnchorCall> = fc.oneof(
  fc.record({ kind: fc.constant('openSession' as const), open, signature: signatures }),
  fc.record({ kind: fc.constant('rotateAuthority' as const), rotate, signature: signatures }),
  fc.record({ kind: fc.constant('commit' as const), commit: anyCommit, signature: signatures }),
  fc.record({
    kind: fc.constant('commitAndPay' as const),
    commit: anyCommit,
    payouts: fc.uint8Array({ maxLength: 400 }),
    skip: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    signature: signatures,
  }),
)

describe('calls of the anchor', () => {
  for (const call of calls) {
    it(`reads back ${call.kind} as it was written`, () => {
      expect(decodeAnchorCall(encodeAnchorCall(call))).to.deep.equal(call)
    })
  }

  it('has the bytes that viem encodes from the interface, whatever is in it', () => {
    fc.assert(
      fc.property(anyCall, (call) => {
        expect(toHex(encodeAnchorCall(call))).to.equal(viemCall(call))
      }),
      { numRuns: 500, examples: calls.map((call) => [call] as const) },
    )
  })

  it('refuses calldata that is cut, unknown, or another call of the anchor', () => {
    const freeze = fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'freeze' }))
    const cut = encodeAnchorCall(calls[1] as AnchorCall).slice(0, -40)
    for (const data of [new Uint8Array(0), Uint8Array.of(1, 2, 3, 4), cut, freeze]) refuses(data, toHex(data))
  })

  for (const call of calls) {
    it(`refuses ${call.kind} with a bit that its types have no room for, wherever that is`, () => {
      const data = encodeAnchorCall(call)
      for (const bit of unusedBits(call)) {
        const other = Uint8Array.from(data)
        other[bit >> 3] = (other[bit >> 3] as number) ^ (0x80 >> (bit & 7))
        refuses(other, `bit ${bit}`)
      }
    })
  }

  it('refuses a number that it could not give back exactly', () => {
    const data = encodeAnchorCall({ kind: 'commit', commit, signature })
    const logSizeAt = 4 + 7 * 32
    data.set(new Uint8Array(8).fill(0xff), logSizeAt + 24)
    refuses(data, 'a size of 2^64 - 1')
  })

  it('refuses bytes behind the end, and a tail that starts elsewhere', () => {
    const data = encodeAnchorCall({ kind: 'commit', commit, signature })
    refuses(Uint8Array.from([...data, 0]), 'a byte more')
    const offsetAt = 4 + 8 * 32
    const gap = [...data.slice(0, offsetAt + 32), ...new Uint8Array(32), ...data.slice(offsetAt + 32)]
    gap[offsetAt + 30] = 0x01
    gap[offsetAt + 31] = 0x40
    refuses(Uint8Array.from(gap), 'a word in between')
  })
})

function refuses(data: Uint8Array, what: string): void {
  try {
    decodeAnchorCall(data)
  } catch (error) {
    expect(isCoded(error, 'PAYOUTS_SYNTAX'), `${what}: ${error}`).to.equal(true)
    return
  }
  expect.fail(`it was read: ${what}`)
}

/** Bits of the head before each value's own, by the types of the interface: what Solidity refuses, or a tail elsewhere. */
function unusedBits(call: AnchorCall): number[] {
  const struct = call.kind.startsWith('commit') ? [48, 48, 256, 256, 256, 256, 256, 64] : [48, 256, 160, 256]
  const widths = call.kind === 'commitAndPay' ? [...struct, 64, 128, 64] : [...struct, 64]
  return widths.flatMap((width, index) => Array.from({ length: 256 - width }, (_, bit) => 8 * 4 + 256 * index + bit))
}

function viemCall(call: AnchorCall): string {
  const signature = toHex(call.signature)
  const abi = ANCHOR_ABI
  if (call.kind === 'openSession')
    return encodeFunctionData({ abi, functionName: 'openSession', args: [call.open, signature] })
  if (call.kind === 'rotateAuthority')
    return encodeFunctionData({ abi, functionName: 'rotateAuthority', args: [call.rotate, signature] })
  const body = { ...call.commit, logSize: BigInt(call.commit.logSize) }
  if (call.kind === 'commit') return encodeFunctionData({ abi, functionName: 'commit', args: [body, signature] })
  const args = [body, toHex(call.payouts), call.skip, signature] as const
  return encodeFunctionData({ abi, functionName: 'commitAndPay', args })
}
