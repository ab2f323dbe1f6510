import { strict as assert } from 'node:assert'
import type { GeneratedKeys } from '../../enclave/keys/key-release.ts'
import { openEnvelope } from '../../enclave/keys/kms/cms.ts'
import { openKmsRelease } from '../../enclave/keys/kms/release.ts'
import { amazonRoots, kmsHost } from '../../enclave/shell/kms-tls.ts'
import { issueServer } from '../stand-ins/kms/certificates.ts'
import { writeEnvelope } from '../stand-ins/kms/envelope-writer.ts'
import { type Served, serveAnswers } from '../stand-ins/kms/serve.ts'
import { KEY_ID, REGION } from '../stand-ins/kms/start.ts'
import { ACCESS, CONTEXT, KmsWorld, recipientKey } from '../stand-ins/kms/world.ts'
import { answerOf } from './kms-stage.ts'

/** A key that the host knows, and the blob that he says KMS made of it. */
const HOSTS_KEY = new Uint8Array(32).fill(0x66)
const HOSTS_BLOB = new Uint8Array(184).fill(0x77)

/** Everything that KMS would answer, made by somebody who has read the public key of this boot. */
function forged(): object {
  const envelope = writeEnvelope(recipientKey().publicKeySpki, HOSTS_KEY)
  return {
    KeyId: KEY_ID,
    CiphertextBlob: Buffer.from(HOSTS_BLOB).toString('base64'),
    CiphertextForRecipient: Buffer.from(envelope).toString('base64'),
  }
}

describe('N21: an answer of KMS that the host made himself', () => {
  let world: KmsWorld
  let endpoint: Served
  let genuine: GeneratedKeys

  before(async function () {
    this.timeout(180_000)
    world = await KmsWorld.start()
    endpoint = await serveAnswers([() => ({ status: 200, body: forged() })], issueServer(kmsHost(REGION)))
    genuine = await openKmsRelease(world.options()).generateKeys(CONTEXT, ACCESS)
  })
  after(async () => {
    await endpoint.stop()
    await world.kms.stop()
  })

  it('opens as KMS’s own do: nothing in it tells who made it', () => {
    const { CiphertextForRecipient: text } = forged() as { CiphertextForRecipient: string }
    assert.deepEqual(openEnvelope(Buffer.from(text, 'base64'), recipientKey()), HOSTS_KEY)
  })

  it('is not taken for a data key: who stands behind the pipe is no KMS by the pinned roots', async () => {
    for (const roots of [[world.kms.ca], amazonRoots()]) {
      const deceived = openKmsRelease(world.options({ openPipe: endpoint.openPipe, roots }))
      const drawn = await answerOf(Promise.resolve(deceived.generateKeys(CONTEXT, ACCESS)))
      assert.equal(drawn.code, 'KMS_TLS')
    }
    assert.equal(endpoint.requests.length, 0, 'no credential and no document leaves through such a connection')
  })

  it('is not taken for the key of a ciphertext either', async () => {
    const deceived = openKmsRelease(world.options({ openPipe: endpoint.openPipe }))
    const opened = deceived.openKey(CONTEXT, 'authority', genuine.authorityCiphertext, ACCESS)
    assert.equal((await answerOf(Promise.resolve(opened))).code, 'KMS_TLS')
    const honest = openKmsRelease(world.options())
    const key = await honest.openKey(CONTEXT, 'authority', genuine.authorityCiphertext, ACCESS)
    assert.equal(key.length, 32)
  })

  it('opens no key that KMS released, even where the false endpoint is believed: the tag tells', async () => {
    const believing = openKmsRelease(world.options({ openPipe: endpoint.openPipe, roots: [endpoint.ca] }))
    for (const [purpose, ciphertext] of [
      ['authority', genuine.authorityCiphertext],
      ['state', genuine.stateCiphertext],
    ] as const) {
      const opened = believing.openKey(CONTEXT, purpose, ciphertext, ACCESS)
      const { code, message } = await answerOf(Promise.resolve(opened))
      assert.equal(code, 'KEY_CIPHERTEXT')
      assert.match(message, /does not authenticate/)
    }
  })
})
