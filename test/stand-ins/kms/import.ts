/** The step of an import: whoever the policy allows to encrypts a key that was made outside, and hands over what KMS made of it. */
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { EncryptionContext } from '../../../enclave/keys/encryption-context.ts'
import { kmsAgent, kmsHost } from '../../../enclave/shell/kms-tls.ts'
import { ADMIN, KEY_ID, type KmsProcess, REGION } from './start.ts'
import { trustedClock } from './world.ts'

/** The CiphertextBlob. Rejects with KMS's own error. */
export async function encryptAsAdmin(
  { ca, openPipe }: KmsProcess,
  context: EncryptionContext,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const agent = kmsAgent({ region: REGION, roots: [ca], clock: trustedClock(), openPipe })
  const client = new KMSClient({
    region: REGION,
    endpoint: `https://${kmsHost(REGION)}`,
    credentials: { accessKeyId: ADMIN.accessKeyId, secretAccessKey: ADMIN.secretAccessKey },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ httpsAgent: agent }),
  })
  try {
    const command = new EncryptCommand({ KeyId: KEY_ID, Plaintext: plaintext, EncryptionContext: { ...context } })
    const { CiphertextBlob: blob } = await client.send(command)
    if (blob === undefined) throw new Error('the stand-in of KMS gives a blob')
    return blob
  } finally {
    client.destroy()
  }
}
