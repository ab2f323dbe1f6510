import { assert } from 'chai'
import { recover } from '../../../auditor/naive/signature.ts'
import { addressOf, decodeSignature, encodeSignature, recoverAddress, sign } from '../../../enclave/keys/secp256k1.ts'
import { keccak256 } from '../../../enclave/protocol/hash.ts'
import { uintWord } from '../../../enclave/protocol/words.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

describe('auditor: who signed', () => {
  const digests = Array.from({ length: 20 }, (_, at) => keccak256(uintWord(at)))
  const signed = digests.map((digest, at) => ({ digest, key: keccak256(uintWord(1_000 + at)) }))

  it('names the signer that the native library names', () => {
    for (const { digest, key } of signed) {
      const signature = encodeSignature(sign(digest, key))
      assert.equal(recover(digest, signature), addressOf(key))
      assert.equal(recover(digest, signature), recoverAddress(digest, decodeSignature(signature)))
    }
  })

  it('names nobody for another length, another v, the high s, and values out of range', () => {
    const [{ digest, key }] = signed as [(typeof signed)[number]]
    const signature = encodeSignature(sign(digest, key))
    const s = BigInt(`0x${Buffer.from(signature.slice(32, 64)).toString('hex')}`)
    const other = (at: number, bytes: Uint8Array, v = signature[64] as number) => {
      const changed = signature.slice()
      changed.set(bytes, at)
      changed[64] = v
      return changed
    }
    assert.isNotNull(recover(digest, signature))
    assert.isNull(recover(digest, signature.slice(0, 64)))
    assert.isNull(recover(digest, Uint8Array.of(...signature, 0)))
    for (const v of [0, 1, 26, 29, 255]) assert.isNull(recover(digest, other(0, signature.slice(0, 32), v)))
    assert.isNull(recover(digest, other(32, uintWord(ORDER - s), signature[64] === 27 ? 28 : 27)))
    for (const at of [0, 32])
      for (const value of [0n, ORDER, 2n ** 256n - 1n]) {
        assert.isNull(recover(digest, other(at, uintWord(value))), `${at} ${value}`)
      }
  })
})
