import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openDevelopmentKms } from '../../../../enclave/development/kms.ts'
import type { KeyContext, KeyPurpose } from '../../../../enclave/keys/encryption-context.ts'
import { logKey } from '../../../../enclave/keys/log-key.ts'
import { addressOf } from '../../../../enclave/keys/secp256k1.ts'
import { toHash, toHex } from '../../../../enclave/protocol/ids.ts'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'
import { codeOf } from '../../../builders/refusals.ts'

const CONTEXT: KeyContext = {
  ledgerId: toHash(new Uint8Array(32).fill(1)),
  config: toHash(new Uint8Array(32).fill(2)),
  role: 'core',
  keyVersion: 1,
}
const PURPOSES: readonly KeyPurpose[] = ['authority', 'state']

describe('development key release', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'))
  const path = join(folder, 'wrapping.key')
  after(() => rmSync(folder, { recursive: true }))

  const kms = openDevelopmentKms(path, randomBytes)
  const generated = kms.generateKeys(CONTEXT)

  function ciphertext(purpose: KeyPurpose): Uint8Array {
    return purpose === 'authority' ? generated.authorityCiphertext : generated.stateCiphertext
  }

  it('opens both keys under their context, also after a restart', () => {
    const again = openDevelopmentKms(path, randomBytes)
    const authority = again.openKey(CONTEXT, 'authority', generated.authorityCiphertext)
    const state = again.openKey(CONTEXT, 'state', generated.stateCiphertext)
    expect(addressOf(authority)).to.equal(generated.address)
    expect(state).to.have.length(32)
    expect(state).to.not.deep.equal(authority)
  })

  it('tells the public log key that follows from the state key, and of no other', () => {
    const own = kms.openKey(CONTEXT, 'state', generated.stateCiphertext)
    const other = kms.openKey(CONTEXT, 'state', kms.generateKeys(CONTEXT).stateCiphertext)
    expect(generated.logPublicKey).to.equal(toHash(logKey(own).publicKey))
    expect(generated.logPublicKey).to.not.equal(toHash(logKey(other).publicKey))
  })

  it('draws other keys each time', () => {
    const other = kms.generateKeys(CONTEXT)
    expect(other.address).to.not.equal(generated.address)
    expect(kms.openKey(CONTEXT, 'state', other.stateCiphertext)).to.not.deep.equal(
      kms.openKey(CONTEXT, 'state', generated.stateCiphertext),
    )
  })

  const contexts: { title: string; context: KeyContext }[] = [
    { title: 'another ledger', context: { ...CONTEXT, ledgerId: toHash(new Uint8Array(32).fill(9)) } },
    { title: 'another configuration', context: { ...CONTEXT, config: toHash(new Uint8Array(32).fill(9)) } },
    { title: 'another role', context: { ...CONTEXT, role: 'signer' } },
    { title: 'another key version', context: { ...CONTEXT, keyVersion: 2 } },
    {
      title: 'ledger and configuration exchanged',
      context: { ...CONTEXT, ledgerId: CONTEXT.config, config: CONTEXT.ledgerId },
    },
  ]
  for (const { title, context } of contexts) {
    it(`refuses both ciphertexts under ${title}`, () => {
      for (const purpose of PURPOSES) {
        expect(codeOf(() => kms.openKey(context, purpose, ciphertext(purpose)))).to.equal('KEY_CIPHERTEXT')
      }
    })
  }

  it('refuses the ciphertext of one purpose for the other', () => {
    expect(codeOf(() => kms.openKey(CONTEXT, 'state', generated.authorityCiphertext))).to.equal('KEY_CIPHERTEXT')
    expect(codeOf(() => kms.openKey(CONTEXT, 'authority', generated.stateCiphertext))).to.equal('KEY_CIPHERTEXT')
  })

  it('refuses a ciphertext with any byte flipped, cut or added', () => {
    const bytes = generated.authorityCiphertext
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.with(at, (bytes[at] as number) ^ 1)
      expect(
        codeOf(() => kms.openKey(CONTEXT, 'authority', flipped)),
        `byte ${at}`,
      ).to.equal('KEY_CIPHERTEXT')
    }
    for (const other of [bytes.slice(0, -1), new Uint8Array([...bytes, 0]), new Uint8Array(0)]) {
      expect(codeOf(() => kms.openKey(CONTEXT, 'authority', other))).to.equal('KEY_CIPHERTEXT')
    }
  })

  it('refuses a ciphertext of another wrapping key', () => {
    const other = openDevelopmentKms(join(folder, 'other.key'), randomBytes)
    expect(codeOf(() => other.openKey(CONTEXT, 'state', generated.stateCiphertext))).to.equal('KEY_CIPHERTEXT')
  })

  it('keeps the wrapping key in a file of 32 bytes for its owner alone, and leaves no draft beside it', () => {
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(statSync(path).size).to.equal(32)
    expect(readdirSync(folder).filter((name) => name.startsWith('wrapping'))).to.deep.equal(['wrapping.key'])
  })

  it('never replaces a key that another process made first', () => {
    const raced = join(folder, 'raced.key')
    const winner = new Uint8Array(32).fill(5)
    // The other process finishes between the look and the link: at the first draw of this one.
    openDevelopmentKms(raced, (bytes) => {
      writeFileSync(raced, winner, { mode: 0o600, flag: 'w' })
      return randomBytes(bytes)
    })
    expect(toHex(readFileSync(raced))).to.equal(toHex(winner))
  })

  it('refuses a file that others can read, of another length, or that is a link', () => {
    chmodSync(path, 0o640)
    expect(codeOf(() => openDevelopmentKms(path, randomBytes))).to.equal('CONFIG_INVALID')
    chmodSync(path, 0o600)
    const short = join(folder, 'short.key')
    writeFileSync(short, new Uint8Array(31), { mode: 0o600 })
    expect(codeOf(() => openDevelopmentKms(short, randomBytes))).to.equal('CONFIG_INVALID')
    const link = join(folder, 'link.key')
    symlinkSync(path, link)
    expect(codeOf(() => openDevelopmentKms(link, randomBytes))).to.equal('CONFIG_INVALID')
    expect(codeOf(() => openDevelopmentKms(join(folder, 'none', 'x.key'), randomBytes))).to.equal('CONFIG_INVALID')
  })
})
