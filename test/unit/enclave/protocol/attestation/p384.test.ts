import { createSign, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { p384 } from '@noble/curves/p384.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { installPureP384, sha384, verifyP384 } from '../../../../../enclave/protocol/attestation/p384.ts'
import { toHex } from '../../../../../enclave/protocol/ids.ts'
import { concatBytes, utf8 } from '../../../../../enclave/protocol/words.ts'
import { installFastP384 } from '../../../../../enclave/shell/fast-p384.ts'

const ORDER = p384.CURVE.n
const MESSAGE = utf8('a message')
const POINT_BYTES = 97
/** NIST's own example: SHA-384 of "abc". */
const SHA384_OF_ABC =
  '0xcb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const point = pointOf(publicKey)
const honest = signed(MESSAGE)

function pointOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' })).slice(-POINT_BYTES)
}

function signed(message: Uint8Array): Uint8Array {
  return new Uint8Array(sign('sha384', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
}

function scalar(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(96, '0'), 'hex'))
}

/** What both say; fails where they differ. */
function both(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  installFastP384()
  const fast = verifyP384(message, signature, key)
  installPureP384()
  expect(verifyP384(message, signature, key), 'the pure one').to.equal(fast)
  return fast
}

describe('P-384 and SHA-384', () => {
  after(installPureP384)

  it('give the known digest, and the same one for any bytes', () => {
    for (const install of [installFastP384, installPureP384]) {
      install()
      expect(toHex(sha384(utf8('abc')))).to.equal(SHA384_OF_ABC)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        installFastP384()
        const fast = toHex(sha384(bytes))
        installPureP384()
        expect(toHex(sha384(bytes))).to.equal(fast)
      }),
    )
  })

  it('accept a signature and its twin: a high s counts like a low one', () => {
    const s = BigInt(toHex(honest.subarray(48)))
    const twin = concatBytes(honest.subarray(0, 48), scalar(ORDER - s))
    expect(both(MESSAGE, honest, point)).to.equal(true)
    expect(both(MESSAGE, twin, point)).to.equal(true)
  })

  it('refuse it for another message, another key and with any bit flipped', () => {
    expect(both(utf8('another message'), honest, point)).to.equal(false)
    expect(both(MESSAGE, honest, pointOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey))).to.equal(false)
    for (let bit = 0; bit < honest.length * 8; bit += 61) {
      const flipped = honest.with(bit >> 3, (honest[bit >> 3] ?? 0) ^ (1 << (bit & 7)))
      expect(both(MESSAGE, flipped, point), `bit ${bit}`).to.equal(false)
    }
  })

  it('refuse numbers that are none: zero, the order, more than the order', () => {
    const [r, s] = [honest.subarray(0, 48), honest.subarray(48)]
    for (const value of [0n, ORDER, ORDER + 1n, 2n ** 384n - 1n]) {
      expect(both(MESSAGE, concatBytes(scalar(value), s), point)).to.equal(false)
      expect(both(MESSAGE, concatBytes(r, scalar(value)), point)).to.equal(false)
    }
    expect(both(MESSAGE, new Uint8Array(96), point)).to.equal(false)
  })

  it('refuse signatures and keys of another size or form', () => {
    for (const size of [0, 1, 64, 95, 97, 192])
      expect(both(MESSAGE, new Uint8Array(size).fill(1), point)).to.equal(false)
    const der = new Uint8Array(createSign('sha384').update(MESSAGE).sign(privateKey))
    expect(both(MESSAGE, der, point)).to.equal(false)
    const compressed = concatBytes(Uint8Array.of(2 + ((point[96] ?? 0) & 1)), point.subarray(1, 49))
    const hybrid = point.with(0, 6 + ((point[96] ?? 0) & 1))
    for (const key of [compressed, hybrid, new Uint8Array(1), new Uint8Array(0), new Uint8Array(97), point.slice(1)])
      expect(both(MESSAGE, honest, key)).to.equal(false)
  })

  it('refuse a key off the curve', () => {
    for (const at of [1, 48, 49, 96])
      expect(both(MESSAGE, honest, point.with(at, (point[at] ?? 0) ^ 1))).to.equal(false)
  })
})
