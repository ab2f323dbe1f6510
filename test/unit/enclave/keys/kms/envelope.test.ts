import { expect } from 'chai'
import type { EncryptionContext } from '../../../../../enclave/keys/encryption-context.ts'
import { encryptionContext, type KeyContext } from '../../../../../enclave/keys/encryption-context.ts'
import {
  BLOB_BYTES_MAX,
  isEnvelope,
  openSealedKey,
  readEnvelope,
  sealKey,
} from '../../../../../enclave/keys/kms/envelope.ts'
import { toHash } from '../../../../../enclave/protocol/ids.ts'
import { codeOf } from '../../../../builders/refusals.ts'

const BY_KMS: KeyContext = {
  ledgerId: toHash(new Uint8Array(32).fill(1)),
  config: toHash(new Uint8Array(32).fill(2)),
  role: 'core',
  keyVersion: 1,
}
const CONTEXT = encryptionContext(BY_KMS, 'authority')
const KEY = new Uint8Array(32).fill(3)
const DATA_KEY = { plaintext: new Uint8Array(32).fill(4), blob: new Uint8Array(184).fill(5) }

function entropy(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(6)
}

describe('the envelope of a key', () => {
  const sealed = sealKey(KEY, DATA_KEY, CONTEXT, entropy)
  const open = (bytes: Uint8Array, dataKey = DATA_KEY.plaintext, context: EncryptionContext = CONTEXT): Uint8Array =>
    openSealedKey(readEnvelope(bytes), dataKey, context)

  it('keeps the blob of KMS as it is, and gives the key back under its data key and context', () => {
    expect(readEnvelope(sealed).blob).to.deep.equal(DATA_KEY.blob)
    expect(open(sealed)).to.deep.equal(KEY)
    expect(sealed).to.have.length(1 + 2 + 184 + 12 + 32 + 16)
  })

  it('is refused under any other data key: one that the host made is no good', () => {
    for (let at = 0; at < 32; at++) {
      const other = DATA_KEY.plaintext.with(at, (DATA_KEY.plaintext[at] as number) ^ 1)
      expect(codeOf(() => open(sealed, other))).to.equal('KEY_CIPHERTEXT')
    }
    expect(codeOf(() => open(sealed, new Uint8Array(16)))).to.equal('KEY_CIPHERTEXT')
  })

  it('is refused with any one value of its context changed, purpose and key version included', () => {
    const contexts: EncryptionContext[] = [
      encryptionContext({ ...BY_KMS, ledgerId: toHash(new Uint8Array(32).fill(9)) }, 'authority'),
      encryptionContext({ ...BY_KMS, config: toHash(new Uint8Array(32).fill(9)) }, 'authority'),
      encryptionContext({ ...BY_KMS, role: 'signer' }, 'authority'),
      encryptionContext({ ...BY_KMS, keyVersion: 2 }, 'authority'),
      encryptionContext(BY_KMS, 'state'),
    ]
    for (const context of contexts)
      expect(codeOf(() => open(sealed, DATA_KEY.plaintext, context))).to.equal('KEY_CIPHERTEXT')
  })

  it('is refused with any bit outside the blob flipped, cut anywhere, or longer', () => {
    for (let at = 0; at < sealed.length; at++) {
      const isOfKms = at >= 3 && at < 3 + DATA_KEY.blob.length
      const flipped = sealed.with(at, (sealed[at] as number) ^ 1)
      if (!isOfKms)
        expect(
          codeOf(() => open(flipped)),
          `byte ${at}`,
        ).to.equal('KEY_CIPHERTEXT')
      expect(
        codeOf(() => open(sealed.subarray(0, at))),
        `${at} bytes`,
      ).to.equal('KEY_CIPHERTEXT')
    }
    expect(codeOf(() => open(Uint8Array.of(...sealed, 0)))).to.equal('KEY_CIPHERTEXT')
  })

  it('has a blob of at least one byte and at most what KMS gives', () => {
    const longest = sealKey(KEY, { ...DATA_KEY, blob: new Uint8Array(BLOB_BYTES_MAX) }, CONTEXT, entropy)
    expect(open(longest)).to.deep.equal(KEY)
    const without = Uint8Array.of(1, 0, 0, ...sealed.subarray(-60))
    expect(codeOf(() => open(without))).to.equal('KEY_CIPHERTEXT')
    const size = BLOB_BYTES_MAX + 1
    const longer = Uint8Array.of(1, size >> 8, size & 0xff, ...new Uint8Array(size + 60))
    expect(codeOf(() => open(longer))).to.equal('KEY_CIPHERTEXT')
  })

  it('is told from a ciphertext of KMS by its length alone', () => {
    expect(isEnvelope(sealed)).to.equal(true)
    expect(isEnvelope(sealed.subarray(1))).to.equal(false)
    // KMS writes 01 02 02 00 first, which read as an envelope would be 577 bytes long.
    for (const size of [0, 1, 3, 100, 184, 576, 578])
      expect(isEnvelope(Uint8Array.from({ length: size }, (_, at) => [1, 2, 2, 0][at] ?? 7)), `${size}`).to.equal(false)
  })
})
