import { strict as assert } from 'node:assert'
import { encryptionContext } from '../../enclave/keys/encryption-context.ts'
import { readEnvelope } from '../../enclave/keys/kms/envelope.ts'
import { openKmsRelease } from '../../enclave/keys/kms/release.ts'
import { addressOf } from '../../enclave/keys/secp256k1.ts'
import { parseSignerConfiguration, signerKeyContext } from '../../enclave/protocol/signer-configuration.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { writeEnvelope } from '../stand-ins/kms/envelope-writer.ts'
import { encryptAsAdmin } from '../stand-ins/kms/import.ts'
import { serveAnswers } from '../stand-ins/kms/serve.ts'
import { ADMIN_ROLE, KEY_ID } from '../stand-ins/kms/start.ts'
import { ACCESS, aHash, CONTEXT, imagePolicy, recipientKey } from '../stand-ins/kms/world.ts'
import { answerOf, SIGNER, useKmsStage } from './kms-stage.ts'

/** A second ledger of the same operator, under the same KMS key: nothing in the policy keeps the two apart. */
const NEIGHBOUR = { ...CONTEXT, ledgerId: aHash(8), config: aHash(9) }
const SIGNING = signerKeyContext(parseSignerConfiguration(SIGNER))
const SHARED = imagePolicy(
  {
    ledger: [CONTEXT.ledgerId, NEIGHBOUR.ledgerId, SIGNING.ledgerId],
    config: [CONTEXT.config, NEIGHBOUR.config, SIGNING.config],
    role: ['core', 'signer'],
    purpose: ['authority', 'state'],
    keyVersion: ['1'],
  },
  { importArn: ADMIN_ROLE },
)

describe('N22: another ciphertext under the same key of KMS', () => {
  const stage = useKmsStage(SHARED)
  const release = () => openKmsRelease(stage().world.options())
  const codeOf = async (call: unknown) => (await answerOf(Promise.resolve(call))).code

  it('does not open for the neighbour that shares the key, nor for its own ledger under the other purpose', async () => {
    const own = await release().generateKeys(CONTEXT, ACCESS)
    const theirs = await release().generateKeys(NEIGHBOUR, ACCESS)
    const opened = (context: typeof CONTEXT, purpose: 'authority' | 'state', ciphertext: Uint8Array) =>
      codeOf(release().openKey(context, purpose, ciphertext, ACCESS))
    assert.equal(await opened(CONTEXT, 'authority', own.authorityCiphertext), 'accepted')
    assert.equal(await opened(NEIGHBOUR, 'authority', theirs.authorityCiphertext), 'accepted')
    assert.equal(await opened(CONTEXT, 'authority', theirs.authorityCiphertext), 'KEY_CIPHERTEXT')
    assert.equal(await opened(NEIGHBOUR, 'state', own.stateCiphertext), 'KEY_CIPHERTEXT')
    assert.equal(await opened(CONTEXT, 'authority', own.stateCiphertext), 'KEY_CIPHERTEXT')
    assert.equal(await opened(CONTEXT, 'state', own.authorityCiphertext), 'KEY_CIPHERTEXT')
  })

  it('is no patchwork either: the sealed part of one draw does not open beside the data key of another', async () => {
    const [one, two] = [await release().generateKeys(CONTEXT, ACCESS), await release().generateKeys(CONTEXT, ACCESS)]
    const { blob } = readEnvelope(two.authorityCiphertext)
    const { iv, encryptedKey, tag } = readEnvelope(one.authorityCiphertext)
    const patched = concatBytes(two.authorityCiphertext.subarray(0, 3), blob, iv, encryptedKey, tag)
    assert.equal(await codeOf(release().openKey(CONTEXT, 'authority', patched, ACCESS)), 'KEY_CIPHERTEXT')
  })

  it('is noticed by the KeyId of the answer, even where the tag would fit', async () => {
    const { authorityCiphertext } = await release().generateKeys(CONTEXT, ACCESS)
    const envelope = writeEnvelope(recipientKey().publicKeySpki, new Uint8Array(32))
    const text = Buffer.from(envelope).toString('base64')
    const other = await serveAnswers([
      { status: 200, body: { KeyId: `${KEY_ID.slice(0, -1)}9`, CiphertextForRecipient: text } },
    ])
    const options = stage().world.options({ openPipe: other.openPipe, roots: [other.ca] })
    const opened = openKmsRelease(options).openKey(CONTEXT, 'authority', authorityCiphertext, ACCESS)
    const code = await codeOf(opened)
    await other.stop()
    assert.equal(code, 'KMS_ANSWER')
  })

  it('is noticed by its address where a signer’s key is imported, since whoever may encrypt can make one', async () => {
    const bound = encryptionContext(SIGNING, 'authority')
    const ours = new Uint8Array(32).fill(0x21)
    const expected_address = addressOf(ours)
    const encrypted = async (key: Uint8Array) => {
      const blob = await encryptAsAdmin(stage().world.kms, bound, key)
      return { ciphertext_b64: Buffer.from(blob).toString('base64') }
    }
    const honest = await encrypted(Buffer.from(`0x${Buffer.from(ours).toString('hex')}`))
    const foreign = await encrypted(new Uint8Array(32).fill(0x66))
    assert.equal(await stage().provisionOf(SIGNER, { ...honest, expected_address }), 'accepted')
    assert.equal(await stage().provisionOf(SIGNER, { ...foreign, expected_address }), 'KEY_ADDRESS')
    assert.equal(await stage().provisionOf(SIGNER, foreign), 'KEY_ADDRESS')
  })
})
