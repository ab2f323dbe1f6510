import { sha256 as pureSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 as pureKeccak256 } from '@noble/hashes/sha3.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { AssertionError } from '../../../../enclave/protocol/errors.ts'
import { installPureHashes, keccak256, newHashRows, sha256 } from '../../../../enclave/protocol/hash.ts'
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

/** Around the ends of the blocks of keccak-256, where the padding is one byte, or a block of its own. */
const ROW_LENGTHS = [0, 1, 32, 64, 128, 134, 135, 136, 137, 256, 271, 272, 273, 1_000]

for (const hashes of ['pure', 'fast'] as const) {
  describe(`rows of messages, ${hashes} hashes`, () => {
    before(async () => (hashes === 'fast' ? await installFastHashes() : installPureHashes()))
    after(installPureHashes)

    it('hash to what each message hashes to alone: odd and even numbers of them, side by side and apart', () => {
      for (const length of ROW_LENGTHS) {
        const rows = newHashRows(5, length)
        const messages = Array.from({ length: 5 }, (_, row) => aMessage(length, row))
        for (const [row, message] of messages.entries()) rows.bytes.set(message, row * rows.widthBytes)
        for (const [count, stride] of [
          [5, 32],
          [4, 40],
          [3, 136],
          [1, 32],
        ] as const) {
          const into = new Uint8Array(5 * stride).fill(0xee)
          rows.hashInto(count, into, stride)
          for (let row = 0; row < count; row++)
            expect(toHex(into.subarray(row * stride, row * stride + 32)), `${length} bytes, row ${row}`).to.equal(
              toHex(pureKeccak256(messages[row] as Uint8Array)),
            )
          expect(into.subarray((count - 1) * stride + 32).every((byte) => byte === 0xee)).to.equal(true)
        }
      }
    })

    it('hash messages of different lengths, longer and shorter after one another in one row', () => {
      const rows = newHashRows(3, 128)
      const into = new Uint8Array(96)
      for (const lengths of [
        [128, 0, 1],
        [5, 128, 127],
        [6, 4, 128],
      ]) {
        const messages = lengths.map(aMessage)
        for (const [row, message] of messages.entries()) {
          rows.bytes.set(message, row * rows.widthBytes)
          rows.setSize(row, message.length)
        }
        rows.hashInto(3, into, 32)
        for (const [row, message] of messages.entries())
          expect(toHex(into.subarray(32 * row, 32 * row + 32))).to.equal(toHex(pureKeccak256(message)))
      }
    })

    it('agree with the pure function on any bytes', () => {
      const rows = newHashRows(4, 135)
      const into = new Uint8Array(128)
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 135 }), { minLength: 1, maxLength: 4 }), (messages) => {
          for (const [row, message] of messages.entries()) {
            rows.bytes.set(message, row * rows.widthBytes)
            rows.setSize(row, message.length)
          }
          rows.hashInto(messages.length, into, 32)
          const expected = messages.map((message) => toHex(pureKeccak256(new Uint8Array(message))))
          expect(messages.map((_, row) => toHex(into.subarray(32 * row, 32 * row + 32)))).to.deep.equal(expected)
        }),
      )
    })

    it('take a message beyond its row, one of another number of blocks, and a row too many for bugs', () => {
      const rows = newHashRows(2, 200)
      rows.setSize(0, 136)
      for (const size of [201, 135]) expect(() => rows.setSize(0, size), `${size} bytes`).to.throw(AssertionError)
      expect(() => rows.hashInto(3, new Uint8Array(96), 32)).to.throw(AssertionError)
    })
  })
}

function aMessage(length: number, salt: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at * 7 + length + 31 * salt)
}
