/**
 * A canary stands outside the enclave and tries the ledger's key as a thief of the host's credentials would: nobody but a
 * measured image may get an answer [N23]. It shows what is found out, never what comes back.
 */
import { DecryptCommand, GenerateDataKeyCommand, KMSClient, type RecipientInfo } from '@aws-sdk/client-kms'
import type { AwsCredentials } from '../../host/aws-credentials.ts'

const CONNECT_MS_MAX = 5_000
const REQUEST_MS_MAX = 5_000
/** One retry by the client where a connection breaks; a canary comes back every minute. */
const ATTEMPTS_MAX = 2

export type CanaryTerms = {
  readonly region: string
  readonly keyArn: string
  /** Of a key of the ledger, as provisioning left it. */
  readonly ciphertext: Uint8Array
  /** The right one: a refusal for a wrong context would hide that documents are not demanded. */
  readonly context: { readonly [key: string]: string }
  /** A genuine document of another image, where there is one. */
  readonly document: Uint8Array | undefined
  readonly credentials: AwsCredentials
  readonly endpoint: string | undefined
}

/** `open`: the policy let it pass. `unclear`: KMS said nothing about the policy. */
export type Verdict = 'open' | 'refused' | 'unclear'
export type Attempt = {
  readonly action: 'Decrypt' | 'GenerateDataKey'
  readonly document: 'none' | 'another image'
  readonly context: 'right' | 'none'
  readonly verdict: Verdict
  /** The code of KMS, or that it answered. */
  readonly said: string
}

type Try = Pick<Attempt, 'document' | 'context'>

export async function runCanary(terms: CanaryTerms): Promise<readonly Attempt[]> {
  const client = clientOf(terms)
  const tries: Try[] = [
    { document: 'none', context: 'right' },
    { document: 'none', context: 'none' },
  ]
  if (terms.document !== undefined) tries.push({ document: 'another image', context: 'right' })
  try {
    const attempts: Attempt[] = []
    for (const each of tries) attempts.push(...(await attemptBoth(client, terms, each)))
    return attempts
  } finally {
    client.destroy()
  }
}

function clientOf({ region, credentials, endpoint }: CanaryTerms): KMSClient {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  return new KMSClient({
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_MS_MAX, requestTimeout: REQUEST_MS_MAX },
  })
}

async function attemptBoth(client: KMSClient, terms: CanaryTerms, each: Try): Promise<Attempt[]> {
  const common = {
    KeyId: terms.keyArn,
    ...(each.context === 'right' ? { EncryptionContext: { ...terms.context } } : {}),
    ...(each.document === 'none' ? {} : { Recipient: recipientOf(terms.document) }),
  }
  const decrypt = () => client.send(new DecryptCommand({ ...common, CiphertextBlob: terms.ciphertext }))
  const generate = () => client.send(new GenerateDataKeyCommand({ ...common, KeySpec: 'AES_256' }))
  return [
    { action: 'Decrypt', ...each, ...(await judged(decrypt, each)) },
    { action: 'GenerateDataKey', ...each, ...(await judged(generate, each)) },
  ]
}

function recipientOf(document: Uint8Array | undefined): RecipientInfo {
  return { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: document }
}

async function judged(call: () => Promise<unknown>, each: Try): Promise<Pick<Attempt, 'verdict' | 'said'>> {
  try {
    await call()
    return { verdict: 'open', said: 'an answer' }
  } catch (error) {
    const said = error instanceof Error ? error.name : 'an unknown failure'
    return { verdict: verdictOf(said, each), said }
  }
}

function verdictOf(said: string, { document }: Try): Verdict {
  if (said === 'AccessDeniedException') return 'refused'
  // KMS looks at a ciphertext only for a caller whom the policy lets in.
  if (said === 'InvalidCiphertextException') return 'open'
  // An old document is refused as such, before any policy: nobody got in, and nothing more is known.
  return said === 'ValidationException' && document !== 'none' ? 'refused' : 'unclear'
}
