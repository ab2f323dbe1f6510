/**
 * The two calls of KMS that take an attestation document. Credentials come from the host and decide whether KMS answers,
 * never what is believed: that rests on the connection, the full key ARN, and the encryption context (protocol section 2).
 */
import { DecryptCommand, GenerateDataKeyCommand, KMSClient, KMSServiceException } from '@aws-sdk/client-kms'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { KeyReleaseTerms } from '../../protocol/configuration.ts'
import { CodedError, refuse } from '../../protocol/errors.ts'
import type { Clock } from '../../shell/clock.ts'
import { KMS_CONNECT_TIMEOUT_MS, kmsAgent, kmsHost, type OpenPipe } from '../../shell/kms-tls.ts'
import type { EncryptionContext } from '../encryption-context.ts'
import type { AwsCredentials } from '../key-release.ts'
import { BER_BYTES_MAX } from './ber.ts'
import { openEnvelope, type RecipientKey } from './cms.ts'
import { BLOB_BYTES_MAX } from './envelope.ts'

export type KmsOptions = {
  readonly terms: KeyReleaseTerms
  readonly recipient: RecipientKey
  /** A fresh document of our own NSM, which carries the public half of `recipient`. */
  readonly attest: () => Uint8Array
  /** Certificates in PEM that may vouch for KMS. */
  readonly roots: readonly string[]
  readonly clock: Clock
}

export type DataKey = { readonly plaintext: Uint8Array; readonly blob: Uint8Array }

export type Kms = {
  readonly generateDataKey: (context: EncryptionContext) => Promise<DataKey>
  /** What `blob` holds; the caller wipes it. */
  readonly decrypt: (blob: Uint8Array, context: EncryptionContext) => Promise<Uint8Array>
}

/** The first try and what the SDK repeats with growing pauses: throttling, resets, timeouts. */
export const KMS_ATTEMPTS_MAX = 3
/** Of one attempt, from its first byte out to its answer. */
export const KMS_REQUEST_TIMEOUT_MS = 5_000
/** Of one call, pauses and all. A host waits half a minute for the two of one request, and nothing else is answered meanwhile. */
export const KMS_CALL_TIMEOUT_MS = 12_000
/** An answer of GenerateDataKey with the longest CiphertextBlob has 11 kB. */
export const KMS_ANSWER_BYTES_MAX = 32_768

const MS_PER_SECOND = 1_000
const DATA_KEY_BYTES = 32
const RECIPIENT_ALGORITHM = 'RSAES_OAEP_SHA_256'

/**
 * Runs `use` with a client of its own and ends its connection. Refuses KMS_REFUSED, KMS_UNREACHABLE, KMS_TLS, KMS_ANSWER,
 * KMS_ENVELOPE, and KEY_CIPHERTEXT where KMS says that the ciphertext is not of this key and context.
 */
export async function withKms<T>(
  options: KmsOptions,
  credentials: AwsCredentials,
  openPipe: OpenPipe,
  use: (kms: Kms) => Promise<T>,
): Promise<T> {
  const client = newClient(options, credentials, openPipe)
  try {
    return await use({
      generateDataKey: (context) => generateDataKey(options, client, context),
      decrypt: (blob, context) => decrypt(options, client, blob, context),
    })
  } finally {
    client.destroy()
  }
}

/** Whatever the SDK would look up in environment and files is said here. */
function newClient({ terms, roots, clock }: KmsOptions, credentials: AwsCredentials, openPipe: OpenPipe): KMSClient {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  return new KMSClient({
    region: terms.region,
    endpoint: `https://${kmsHost(terms.region)}`,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    // Requests are signed with their time, and that is the trusted one, whatever this machine's clock says. The SDK goes
    // on by the Date of an answer, which only a KMS that proved itself can give.
    systemClockOffset: clock.unixSeconds() * MS_PER_SECOND - Date.now(),
    maxAttempts: KMS_ATTEMPTS_MAX,
    retryMode: 'standard',
    defaultsMode: 'standard',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    authSchemePreference: [],
    userAgentAppId: async () => undefined,
    streamCollector: collectBounded,
    requestHandler: new NodeHttpHandler({
      httpsAgent: kmsAgent({ region: terms.region, roots, clock, openPipe }),
      connectionTimeout: KMS_CONNECT_TIMEOUT_MS,
      requestTimeout: KMS_REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
  })
}

async function generateDataKey(options: KmsOptions, client: KMSClient, context: EncryptionContext): Promise<DataKey> {
  const command = new GenerateDataKeyCommand({
    KeyId: options.terms.keyId,
    KeySpec: 'AES_256',
    EncryptionContext: { ...context },
    Recipient: recipientOf(options),
  })
  const answer = await asked((abortSignal) => client.send(command, { abortSignal }))
  const { CiphertextBlob: blob } = answer
  if (blob === undefined || blob.length === 0 || blob.length > BLOB_BYTES_MAX)
    refuse('KMS_ANSWER', `a CiphertextBlob of 1 to ${BLOB_BYTES_MAX} bytes`, blob?.length ?? 'none')
  const plaintext = openAnswer(options, answer)
  if (plaintext.length === DATA_KEY_BYTES) return { plaintext, blob }
  plaintext.fill(0)
  return refuse('KMS_ANSWER', `a data key of ${DATA_KEY_BYTES} bytes`, 'another')
}

async function decrypt(
  options: KmsOptions,
  client: KMSClient,
  blob: Uint8Array,
  context: EncryptionContext,
): Promise<Uint8Array> {
  const command = new DecryptCommand({
    CiphertextBlob: blob,
    KeyId: options.terms.keyId,
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    EncryptionContext: { ...context },
    Recipient: recipientOf(options),
  })
  return openAnswer(options, await asked((abortSignal) => client.send(command, { abortSignal })))
}

function recipientOf({ attest }: KmsOptions) {
  return { KeyEncryptionAlgorithm: RECIPIENT_ALGORITHM, AttestationDocument: attest() } as const
}

type Answer = {
  readonly KeyId?: string | undefined
  readonly Plaintext?: Uint8Array | undefined
  readonly CiphertextForRecipient?: Uint8Array | undefined
}

/** A plaintext in the answer means that KMS saw no document; the host could have read it on its way. */
function openAnswer({ terms, recipient }: KmsOptions, answer: Answer): Uint8Array {
  const { KeyId: keyId, Plaintext: plaintext, CiphertextForRecipient: envelope } = answer
  if (plaintext !== undefined) refuse('KMS_ANSWER', 'no Plaintext beside a Recipient', 'one')
  if (keyId !== terms.keyId) refuse('KMS_ANSWER', `KeyId ${terms.keyId}`, keyId ?? 'none')
  if (envelope === undefined || envelope.length > BER_BYTES_MAX)
    refuse('KMS_ANSWER', `CiphertextForRecipient of at most ${BER_BYTES_MAX} bytes`, envelope?.length ?? 'none')
  return openEnvelope(envelope, recipient)
}

async function asked<T>(send: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(KMS_CALL_TIMEOUT_MS)
  try {
    return await send(deadline)
  } catch (error) {
    throw deadline.aborted ? tooLate(error) : refusalOf(error)
  }
}

function tooLate(cause: unknown): CodedError {
  const expected = `expected an answer of KMS within ${KMS_CALL_TIMEOUT_MS} ms`
  return new CodedError('KMS_UNREACHABLE', `${expected}, got none`, { cause })
}

/** KMS's own words for: made under another context, or by another key. */
const OTHER_CIPHERTEXT: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

/** What KMS said by its own name, or what kept it from saying anything. */
function refusalOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  const { name, message } = error as Error
  if (error instanceof KMSServiceException) {
    const code = OTHER_CIPHERTEXT.has(name) ? 'KEY_CIPHERTEXT' : 'KMS_REFUSED'
    return new CodedError(code, `${name}: ${firstLine(message)}`, { cause: error })
  }
  const { $response: response } = error as { readonly $response?: { readonly statusCode?: number } }
  if (response !== undefined) {
    const got = `status ${response.statusCode} and ${name}: ${firstLine(message)}`
    return new CodedError('KMS_ANSWER', `expected an answer of KMS, got ${got}`, { cause: error })
  }
  return new CodedError('KMS_UNREACHABLE', `expected an answer of KMS, got ${name}: ${message}`, { cause: error })
}

/**
 * AWS quotes below it what it would have signed, the session token in clear: the host's own, which lands in the host's logs.
 */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? ''
}

/** The body of an answer: endless ones come to an end here. */
async function collectBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > KMS_ANSWER_BYTES_MAX) throw new Error(`a body of more than ${KMS_ANSWER_BYTES_MAX} bytes`)
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}
