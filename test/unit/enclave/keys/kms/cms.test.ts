import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openEnvelope, type RecipientKey } from '../../../../../enclave/keys/kms/cms.ts'
import { isCoded } from '../../../../../enclave/protocol/errors.ts'
import { concatBytes } from '../../../../../enclave/protocol/words.ts'
import { describeWithShared } from '../../../../builders/shared-data.ts'
import {
  type EnvelopeParts,
  encryptContent,
  IDS,
  id,
  indefinite,
  oaep,
  recipientInfo,
  sha256,
  tlv,
  wrapKey,
  writeEnvelope,
} from '../../../../stand-ins/kms/envelope-writer.ts'
import { newRecipientKey, recipientKey } from '../../../../stand-ins/kms/world.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, at) => at + 1)

function refused(bytes: Uint8Array, recipient: RecipientKey = recipientKey()): string {
  try {
    openEnvelope(bytes, recipient)
  } catch (error) {
    if (isCoded(error, 'KMS_ENVELOPE')) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

describeWithShared('CiphertextForRecipient of KMS itself', 'attestation', (folder) => {
  const read = (name: string): Buffer => readFileSync(join(folder, 'kms-cms', name))
  const envelope = new Uint8Array(read('ciphertext_for_recipient.ber'))
  const privateKey = createPrivateKey(read('recipient_rsa2048_test_key.pem'))
  const publicKeySpki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const recipient = { privateKey, publicKeySpki }

  it('opens to the bytes that its owner published', () => {
    const expected = read('expected_plaintext.hex').toString('ascii').trim()
    expect(Buffer.from(openEnvelope(envelope, recipient)).toString('hex')).to.equal(expected)
  })

  it('is refused with any byte of its structure changed, and never crashes the reader', () => {
    const content = [...spanOf(131, 256), ...spanOf(415, 16), ...spanOf(435, 48)]
    for (let at = 0; at < envelope.length; at++) {
      const changed = envelope.with(at, (envelope[at] as number) ^ 0x01)
      if (!content.includes(at)) expect(refused(changed, recipient), `byte ${at}`).to.be.a('string')
    }
  })

  it('has the form that the stand-in writes', () => {
    const own = writeEnvelope(publicKeySpki, KEY)
    expect(own.length).to.equal(envelope.length)
    const fixed = (bytes: Uint8Array): Uint8Array => bytes.fill(0, 131, 387).fill(0, 415, 431).fill(0, 435, 483)
    expect(fixed(own)).to.deep.equal(fixed(envelope.slice()))
  })
})

function spanOf(from: number, size: number): number[] {
  return Array.from({ length: size }, (_, at) => from + at)
}

describe('CiphertextForRecipient', () => {
  const { publicKeySpki } = recipientKey()
  const write = (over: Parameters<typeof writeEnvelope>[2] = () => ({}), plaintext = KEY): Uint8Array =>
    writeEnvelope(publicKeySpki, plaintext, over)

  it('opens to what was put in, of any size up to its limit', () => {
    for (const size of [0, 1, 15, 16, 32, 66, 127]) {
      const plaintext = new Uint8Array(randomBytes(size))
      expect(
        openEnvelope(
          write(() => ({}), plaintext),
          recipientKey(),
        ),
      ).to.deep.equal(plaintext)
    }
    expect(refused(write(() => ({}), new Uint8Array(128)))).to.contain('whole blocks')
  })

  it('opens with its content in one piece, in several, or bare under its tag', () => {
    const contents: ((honest: EnvelopeParts, key: Uint8Array) => Uint8Array)[] = [
      (_, key) => tlv(0x80, cipherOf(key)),
      (_, key) => indefinite(0xa0, tlv(0x04, cipherOf(key).subarray(0, 7)), tlv(0x04, cipherOf(key).subarray(7))),
      (_, key) => tlv(0xa0, tlv(0x04, cipherOf(key))),
    ]
    for (const content of contents) {
      const bytes = write((honest, key) => ({ iv: tlv(0x04, IV), content: content(honest, key) }))
      expect(openEnvelope(bytes, recipientKey())).to.deep.equal(KEY)
    }
  })

  it('opens with the parameters of SHA-256 absent, which means the same as NULL', () => {
    const bytes = write(() => ({ keyAlgorithm: oaep(sha256(new Uint8Array(0))) }))
    expect(openEnvelope(bytes, recipientKey())).to.deep.equal(KEY)
  })

  const two = tlv(0x02, Uint8Array.of(2))
  const other = newRecipientKey()
  const cases: readonly { readonly title: string; readonly over: Parameters<typeof writeEnvelope>[2] }[] = [
    { title: 'another content type', over: () => ({ type: id(IDS.signedData) }) },
    { title: 'version 0', over: () => ({ version: tlv(0x02, Uint8Array.of(0)) }) },
    { title: 'version 2 in two bytes', over: () => ({ version: tlv(0x02, Uint8Array.of(0, 2)) }) },
    { title: 'no recipient', over: () => ({ recipients: tlv(0x05) }) },
    {
      title: 'two recipients, both of them us',
      over: (honest) => ({ recipients: concatBytes(recipientInfo(honest), recipientInfo(honest)) }),
    },
    {
      title: 'a second recipient behind us',
      over: (honest) => ({
        recipients: concatBytes(
          recipientInfo(honest),
          recipientInfo({ ...honest, keyIdentifier: tlv(0x80, new Uint8Array(32)) }),
        ),
      }),
    },
    { title: 'a recipient of version 0', over: () => ({ recipientVersion: tlv(0x02, Uint8Array.of(0)) }) },
    { title: 'the identifier of another key', over: () => ({ keyIdentifier: tlv(0x80, new Uint8Array(32).fill(1)) }) },
    {
      title: 'the identifier cut to 20 bytes',
      over: (honest) => ({ keyIdentifier: tlv(0x80, honest.keyIdentifier.subarray(2, 22)) }),
    },
    {
      title: 'issuer and serial in place of the identifier',
      over: () => ({ keyIdentifier: tlv(0x30, tlv(0x30), two) }),
    },
    {
      title: 'PKCS #1 v1.5 around the key',
      over: () => ({ keyAlgorithm: tlv(0x30, id(IDS.rsaEncryption), tlv(0x05)) }),
    },
    { title: 'OAEP with SHA-1', over: () => ({ keyAlgorithm: oaep(tlv(0x30, id(IDS.sha1), tlv(0x05))) }) },
    {
      title: 'MGF1 with SHA-1',
      over: () => ({ keyAlgorithm: oaep(sha256(), tlv(0x30, id(IDS.sha1), tlv(0x05))) }),
    },
    { title: 'OAEP without parameters', over: () => ({ keyAlgorithm: tlv(0x30, id(IDS.rsaesOaep), tlv(0x30)) }) },
    {
      title: 'OAEP with a label',
      over: () => ({
        keyAlgorithm: tlv(
          0x30,
          id(IDS.rsaesOaep),
          tlv(0x30, tlv(0xa0, sha256()), tlv(0xa1, tlv(0x30, id(IDS.mgf1), sha256())), tlv(0xa2, tlv(0x04))),
        ),
      }),
    },
    { title: 'an encrypted key of 255 bytes', over: () => ({ encryptedKey: tlv(0x04, new Uint8Array(255)) }) },
    { title: 'an encrypted key that opens to nothing', over: () => ({ encryptedKey: tlv(0x04, new Uint8Array(256)) }) },
    {
      title: 'a key encrypted for somebody else under our identifier',
      over: (_, key) => ({ encryptedKey: tlv(0x04, wrapKey(other.publicKeySpki, key)) }),
    },
    {
      title: 'a key encrypted by OAEP with SHA-1',
      over: (_, key) => ({ encryptedKey: tlv(0x04, wrapKey(publicKeySpki, key, 'sha1')) }),
    },
    {
      title: 'a content key of 31 bytes',
      over: (_, key) => ({ encryptedKey: tlv(0x04, wrapKey(publicKeySpki, key.subarray(1))) }),
    },
    { title: 'another type of content', over: () => ({ contentType: id(IDS.signedData) }) },
    { title: 'AES-128', over: () => ({ contentAlgorithm: id(IDS.aes128Cbc) }) },
    { title: 'an IV of 15 bytes', over: () => ({ iv: tlv(0x04, new Uint8Array(15)) }) },
    { title: 'no content', over: () => ({ content: tlv(0x80) }) },
    { title: 'content without a part', over: () => ({ content: tlv(0xa0) }) },
    { title: 'content of half a block', over: () => ({ content: tlv(0x80, new Uint8Array(24)) }) },
    { title: 'content in parts of parts', over: (honest) => ({ content: tlv(0xa0, tlv(0x24, honest.content)) }) },
    { title: 'attributes behind the content', over: () => ({ attributes: tlv(0xa1) }) },
  ]
  for (const { title, over } of cases) {
    it(`is refused with ${title}`, () => {
      expect(openEnvelope(write(), recipientKey())).to.deep.equal(KEY)
      expect(refused(write(over))).to.contain('CiphertextForRecipient')
    })
  }

  it('is refused with any padding but 1 to 16 equal bytes, in the same words as with another key', () => {
    const padded = (last: readonly number[]) =>
      write((_, key) => {
        const blocks = new Uint8Array(48).fill(0xaa)
        blocks.set(last, 48 - last.length)
        return { iv: tlv(0x04, IV), content: tlv(0x80, encryptContent(key, IV, blocks, false)) }
      })
    expect(openEnvelope(padded([1]), recipientKey())).to.have.length(47)
    expect(openEnvelope(padded(new Array(16).fill(16)), recipientKey())).to.have.length(32)
    const wrongKey = refused(write(() => ({ encryptedKey: tlv(0x04, new Uint8Array(256)) })))
    for (const last of [[0], [17], [0xff], [3, 2], [2, 2, 3], [...new Array(15).fill(17), 16]])
      expect(refused(padded(last)), last.join()).to.equal(wrongKey)
  })

  it('is refused by every boot but the one that it is for', () => {
    expect(refused(write(), newRecipientKey())).to.contain('the key of this boot as recipient')
  })
})

const IV = new Uint8Array(16).fill(5)

function cipherOf(key: Uint8Array): Uint8Array {
  return encryptContent(key, IV, KEY)
}
