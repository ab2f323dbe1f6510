/** The RSA key that KMS encrypts for: drawn at boot, its public half in every document, gone with the process (protocol section 2). */
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { RecipientKey } from './kms/cms.ts'

const MODULUS_BITS = 2_048

/** Takes about a third of a second: once per boot. */
export async function newRecipientKey(): Promise<RecipientKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS })
  return { privateKey, publicKeySpki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })) }
}
