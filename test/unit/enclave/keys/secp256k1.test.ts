import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { privateKeyToAccount, sign as viemSign } from 'viem/accounts'
import {
  addressOf,
  decodeCompactSignature,
  decodeSignature,
  encodeCompactSignature,
  encodeSignature,
  isPrivateKey,
  recoverAddress,
  type Signature,
  sign,
} from '../../../../enclave/keys/secp256k1.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { codeOf } from '../../../builders/refusals.ts'

const run = promisify(execFile)
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const MODULE = new URL('../../../../enclave/keys/secp256k1.ts', import.meta.url).href

function word(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
}

function seeded(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest())
}

async function child(script: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env: { ...env } })
  return stdout.trim()
}

describe('secp256k1', () => {
  it('signs byte for byte as viem does (RFC 6979, low s) for 50 keys and digests', async () => {
    for (let index = 0; index < 50; index++) {
      const [key, digest] = [seeded(`key ${index}`), seeded(`digest ${index}`)]
      const expected = await viemSign({ hash: toHex(digest), privateKey: toHex(key), to: 'hex' })
      expect(toHex(encodeSignature(sign(digest, key)))).to.equal(expected)
    }
  })

  it('gives the address that viem gives', () => {
    for (let index = 0; index < 20; index++) {
      const key = seeded(`key ${index}`)
      expect(addressOf(key)).to.equal(privateKeyToAccount(toHex(key)).address.toLowerCase())
    }
  })

  it('takes 1 and the order minus 1 as private keys, and neither 0, the order, nor another length', () => {
    expect(isPrivateKey(word(1n))).to.equal(true)
    expect(isPrivateKey(word(ORDER - 1n))).to.equal(true)
    for (const key of [
      word(0n),
      word(ORDER),
      word(2n ** 256n - 1n),
      new Uint8Array(31).fill(1),
      new Uint8Array(33).fill(1),
    ]) {
      expect(isPrivateKey(key)).to.equal(false)
      expect(() => addressOf(key)).to.throw('private key')
    }
  })

  it('does not write to the key or digest that it is given', () => {
    const [key, digest] = [seeded('key'), seeded('digest')]
    sign(digest, key)
    expect(key).to.deep.equal(seeded('key'))
    expect(digest).to.deep.equal(seeded('digest'))
  })
})

describe('recovering a signer', () => {
  const key = seeded('key')
  const digest = seeded('digest')
  const honest = sign(digest, key)

  it('finds the signer, and another or none once one bit of digest or signature is flipped', () => {
    expect(recoverAddress(digest, honest)).to.equal(addressOf(key))
    for (let at = 0; at < 32; at++) {
      const flip = (bytes: Uint8Array) => bytes.with(at, (bytes[at] as number) ^ 1)
      expect(recoverAddress(flip(digest), honest)).to.not.equal(addressOf(key))
      expect(recoverAddress(digest, { ...honest, r: flip(honest.r) })).to.not.equal(addressOf(key))
      expect(recoverAddress(digest, { ...honest, s: flip(honest.s) })).to.not.equal(addressOf(key))
    }
    const otherPoint: Signature = { ...honest, yParity: honest.yParity === 0 ? 1 : 0 }
    expect(recoverAddress(digest, otherPoint)).to.not.equal(addressOf(key))
  })

  it('finds none for the twin with a high s', () => {
    const s = word(ORDER - BigInt(toHex(honest.s)))
    expect(recoverAddress(digest, { r: honest.r, s, yParity: honest.yParity === 0 ? 1 : 0 })).to.equal(undefined)
  })

  it('finds none for zero, for values at the order, and for an r that is no point', () => {
    const bad: Signature[] = [
      { ...honest, r: word(0n) },
      { ...honest, s: word(0n) },
      { ...honest, r: word(ORDER) },
      { ...honest, s: word(ORDER) },
      { ...honest, r: word(5n) },
      { ...honest, r: honest.r.slice(1) },
    ]
    for (const [index, signature] of bad.entries())
      expect(recoverAddress(digest, signature), `case ${index}`).to.equal(undefined)
  })
})

describe('the forms of a signature', () => {
  const signatures = Array.from({ length: 8 }, (_, index) => sign(seeded(`digest ${index}`), seeded('key')))

  it('read back what they wrote, for both parities', () => {
    expect(new Set(signatures.map(({ yParity }) => yParity)).size).to.equal(2)
    for (const signature of signatures) {
      expect(decodeSignature(encodeSignature(signature))).to.deep.equal(signature)
      expect(decodeCompactSignature(encodeCompactSignature(signature))).to.deep.equal(signature)
    }
  })

  it('refuse other lengths', () => {
    const [signature] = signatures as [Signature]
    for (const length of [0, 63, 64, 66])
      expect(codeOf(() => decodeSignature(new Uint8Array(length)))).to.equal('SIGNATURE_INVALID')
    expect(codeOf(() => decodeCompactSignature(encodeSignature(signature)))).to.equal('SIGNATURE_INVALID')
  })

  it('refuse every v but 27 and 28', () => {
    const bytes = encodeSignature(signatures[0] as Signature)
    for (let v = 0; v < 256; v++) {
      const attempt = () => decodeSignature(bytes.with(64, v))
      if (v === 27 || v === 28) expect(attempt().yParity).to.equal(v - 27)
      else expect(codeOf(attempt)).to.equal('SIGNATURE_INVALID')
    }
  })

  it('refuse an s above half the order, and take half the order itself', () => {
    const half = ORDER / 2n
    const withS = (s: bigint) => new Uint8Array([...word(1n), ...word(s), 27])
    expect(decodeSignature(withS(half)).s).to.deep.equal(word(half))
    for (const s of [half + 1n, ORDER - 1n, 2n ** 255n, 2n ** 256n - 1n]) {
      expect(codeOf(() => decodeSignature(withS(s)))).to.equal('SIGNATURE_INVALID')
    }
    expect(codeOf(() => decodeCompactSignature(withS(half + 1n).slice(0, 64)))).to.equal('SIGNATURE_INVALID')
  })
})

describe('loading secp256k1', () => {
  it('loads the native library and never the JavaScript curve that the package falls back to', async () => {
    const script = `
      import { createRequire } from 'node:module'
      const { addressOf } = await import(${JSON.stringify(MODULE)})
      const address = addressOf(new Uint8Array(32).fill(1))
      const loaded = Object.keys(createRequire(${JSON.stringify(MODULE)}).cache)
      const count = (part) => loaded.filter((path) => path.includes(part)).length
      console.log(JSON.stringify({ address, native: count('.node'), elliptic: count('elliptic'), index: count('secp256k1/index.js') }))`
    const { address, native, elliptic, index } = JSON.parse(await child(script))
    expect(address).to.equal(privateKeyToAccount(`0x${'01'.repeat(32)}`).address.toLowerCase())
    expect({ native, elliptic, index }).to.deep.equal({ native: 1, elliptic: 0, index: 0 })
  })

  it('refuses NATIVE_MISSING where no native library fits, and loads nothing in its place', async () => {
    const script = `
      import { createRequire } from 'node:module'
      const code = await import(${JSON.stringify(MODULE)}).then(() => 'loaded', (error) => error.code)
      const loaded = Object.keys(createRequire(${JSON.stringify(MODULE)}).cache)
      console.log(JSON.stringify({ code, elliptic: loaded.some((path) => path.includes('elliptic')) }))`
    const answer = JSON.parse(await child(script, { SECP256K1_PREBUILD: '/nonexistent' }))
    expect(answer).to.deep.equal({ code: 'NATIVE_MISSING', elliptic: false })
  })
})
