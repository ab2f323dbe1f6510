import { sha256 as pureSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 as pureKeccak256 } from '@noble/hashes/sha3.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { installPureHashes, keccak256, sha256 } from '../../../../enclave/protocol/hash.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { installFastHashes } from '../../../../enclave/shell/fast-hashes.ts'

/** Lengths around the block of keccak-256 (136 bytes) and of SHA-256 (64), and beyond WebAssembly's own buffer. */
const LENGTHS = [0, 1, 31, 32, 55, 56, 63, 64, 65, 135, 136, 137, 271, 272, 273, 1_000, 16_384, 16_385, 1_000_000]

describe('fast hashes', () => {
  before(installFastHashes)
  after(installPureHashes)

  it('give the known answers of both functions', () => {
    const abc = new TextEncoder().encode('abc')
    expect(toHex(keccak256(abc))).to.equal('0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
    expect(toHex(sha256(abc))).to.equal('0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  it('agree with the pure ones at every length around a block, and after one another', () => {
    for (const length of [...LENGTHS, ...LENGTHS.toReversed()]) {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + length)
      expect(toHex(keccak256(bytes)), `keccak of ${length}`).to.equal(toHex(pureKeccak256(bytes)))
      expect(toHex(sha256(bytes)), `sha of ${length}`).to.equal(toHex(pureSha256(bytes)))
    }
  })

  it('agree with the pure ones on any bytes, also on a window into a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(20), (bytes, offset) => {
        const window = new Uint8Array(bytes).subarray(Math.min(offset, bytes.length))
        expect(toHex(keccak256(window))).to.equal(toHex(pureKeccak256(window)))
        expect(toHex(sha256(window))).to.equal(toHex(pureSha256(window)))
      }),
    )
  })

  it('return plain arrays that no later call changes, and leave their input alone', () => {
    const input = new Uint8Array(64).fill(1)
    const [first, other] = [keccak256(input), sha256(input)]
    const before = [first, other].map(toHex)
    for (let round = 0; round < 100; round++) {
      keccak256(Uint8Array.of(round))
      sha256(Uint8Array.of(round))
    }
    expect([first, other].map(toHex)).to.deep.equal(before)
    expect([first, other].map((bytes) => [bytes.constructor, bytes.length])).to.deep.equal([
      [Uint8Array, 32],
      [Uint8Array, 32],
    ])
    expect(input).to.deep.equal(new Uint8Array(64).fill(1))
  })
})
