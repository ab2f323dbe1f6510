/**
 * KMS as far as an enclave meets it: GenerateDataKey and Decrypt under an attestation document, and Encrypt for the step of
 * an import. Documents are judged by the real verifier, under the root of the development NSM.
 */
import { randomBytes } from 'node:crypto'
import { readEnvelope } from '../../../enclave/protocol/attestation/envelope.ts'
import type { Measurement } from '../../../enclave/protocol/attestation/measurements.ts'
import { readPayload } from '../../../enclave/protocol/attestation/payload.ts'
import { verifyUnder } from '../../../enclave/protocol/attestation/verify-under.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { type Hash, toHex } from '../../../enclave/protocol/ids.ts'
import { openBlob, writeBlob } from './blob.ts'
import { writeEnvelope } from './envelope-writer.ts'
import { judgePolicy, type PolicyDocument } from './policy.ts'
import { type Credential, type SignedRequest, signatureFault } from './signature.ts'

export type ServiceOptions = {
  /** Full ARN: the one key that there is. */
  readonly keyId: string
  readonly region: string
  readonly masterKey: Uint8Array
  readonly policy: PolicyDocument
  readonly credentials: readonly Credential[]
  /** SHA-256 of the root certificate above the documents. */
  readonly rootPin: Hash
  readonly now: () => number
}

export type Answer = { readonly status: number; readonly body: object }

type Attested = { readonly publicKey: Uint8Array; readonly pcrs: ReadonlyMap<number, Uint8Array> }
type Fields = { readonly [name: string]: unknown }
type Call = {
  readonly fields: Fields
  readonly context: { readonly [name: string]: string }
  readonly attested: Attested | undefined
}

const TARGET = /^TrentService\.(GenerateDataKey|Decrypt|Encrypt)$/
const PLAINTEXT_BYTES_MAX = 4_096
const DATA_KEY_BYTES = 32
const DOCUMENT_AGE_MS_MAX = 300_000
const DOCUMENT_SKEW_MS_MAX = 30_000
const STATUS_OK = 200
const STATUS_REFUSED = 400

/** A refusal with KMS's own name. */
class Refusal extends Error {
  readonly type: string
  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}

/** Signature, document, policy, ciphertext: in this order, each with the name that KMS gives its refusal. */
export function answerRequest(options: ServiceOptions, request: SignedRequest): Answer {
  try {
    return { status: STATUS_OK, body: answer(options, request) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { status: STATUS_REFUSED, body: { __type: error.type, message: error.message } }
  }
}

function answer(options: ServiceOptions, request: SignedRequest): object {
  const [, action] = TARGET.exec(request.headers['x-amz-target'] ?? '') ?? []
  if (action === undefined) throw new Refusal('UnknownOperationException', 'no such operation')
  const { principal } = callerOf(options, request)
  const call = readCall(options, request.body)
  authorize(options, principal, `kms:${action}`, call)
  if (call.fields['KeyId'] !== options.keyId) throw new Refusal('NotFoundException', 'no such key')
  switch (action) {
    case 'GenerateDataKey':
      return generateDataKey(options, call)
    case 'Decrypt':
      return decrypt(options, call)
    default:
      return encrypt(options, call)
  }
}

function callerOf(options: ServiceOptions, request: SignedRequest): Credential {
  const authorization = request.headers['authorization'] ?? ''
  const known = options.credentials.find(({ accessKeyId }) => authorization.includes(`Credential=${accessKeyId}/`))
  const fault =
    known === undefined ? 'UnrecognizedClientException' : signatureFault(request, known, options.region, options.now())
  if (known === undefined || fault !== undefined)
    throw new Refusal(fault ?? 'UnrecognizedClientException', 'the request is not signed by a known credential')
  return known
}

function readCall(options: ServiceOptions, body: Uint8Array): Call {
  const fields = JSON.parse(Buffer.from(body).toString('utf8')) as Fields
  const context = (fields['EncryptionContext'] ?? {}) as { [name: string]: string }
  return { fields, context, attested: attestedBy(options, fields['Recipient'] as Fields | undefined) }
}

/** What the document proves, once the verifier of the enclave's own protocol accepts it as of now. */
function attestedBy({ rootPin, now }: ServiceOptions, recipient: Fields | undefined): Attested | undefined {
  if (recipient === undefined) return undefined
  if (recipient['KeyEncryptionAlgorithm'] !== 'RSAES_OAEP_SHA_256')
    throw new Refusal('ValidationException', 'KeyEncryptionAlgorithm: RSAES_OAEP_SHA_256')
  const bytes = bytesIn(recipient, 'AttestationDocument')
  try {
    const { publicKey, pcrs } = verifyUnder(
      bytes,
      {
        mode: 'live',
        nowMs: now(),
        maxAgeMs: DOCUMENT_AGE_MS_MAX,
        maxSkewMs: DOCUMENT_SKEW_MS_MAX,
        // Which image may do what is the policy's to say, as with KMS itself: debug mode is only zeros there.
        measurements: [measurementOf(bytes)],
        allowDebug: true,
        nonce: 'unchecked',
        binding: 'unchecked',
      },
      rootPin,
    )
    if (publicKey === null) throw new Refusal('ValidationException', 'the document carries no public key')
    return { publicKey, pcrs }
  } catch (error) {
    if (!isCoded(error)) throw error
    throw new Refusal('ValidationException', `the attestation document: ${error.code}`)
  }
}

/** The image that the document says it is of. */
function measurementOf(bytes: Uint8Array): Measurement {
  const { pcrs } = readPayload(readEnvelope(bytes, { tagged: false }).payload)
  const at = (index: number): Uint8Array => pcrs.get(index) ?? new Uint8Array(0)
  return { pcr0: at(0), pcr1: at(1), pcr2: at(2) }
}

function authorize({ policy, keyId }: ServiceOptions, principal: string, action: string, call: Call): void {
  const verdict = judgePolicy(policy, { principal, action, keys: conditionKeysOf(call) })
  if (verdict === 'allow') return
  const why = verdict === 'no allow' ? 'because no resource-based policy allows' : 'with an explicit deny in'
  const message = `User: ${principal} is not authorized to perform: ${action} on resource: ${keyId} ${why} the key policy`
  throw new Refusal('AccessDeniedException', message)
}

function conditionKeysOf({ context, attested }: Call): { [name: string]: string } {
  const keys: { [name: string]: string } = {}
  for (const [name, value] of Object.entries(context)) keys[`kms:EncryptionContext:${name}`] = value
  for (const [index, value] of attested?.pcrs ?? []) keys[`kms:RecipientAttestation:PCR${index}`] = hexOf(value)
  const image = attested?.pcrs.get(0)
  if (image !== undefined) keys['kms:RecipientAttestation:ImageSha384'] = hexOf(image)
  return keys
}

function generateDataKey(options: ServiceOptions, { fields, context, attested }: Call): object {
  if (fields['KeySpec'] !== 'AES_256') throw new Refusal('ValidationException', 'KeySpec: AES_256')
  const plaintext = new Uint8Array(randomBytes(DATA_KEY_BYTES))
  const blob = writeBlob(options.masterKey, options.keyId, context, plaintext)
  return { CiphertextBlob: base64(blob), KeyId: options.keyId, ...released(attested, plaintext) }
}

function decrypt(options: ServiceOptions, { fields, context, attested }: Call): object {
  const blob = bytesIn(fields, 'CiphertextBlob')
  const plaintext = openBlob(options.masterKey, options.keyId, context, blob)
  if (typeof plaintext === 'string') throw new Refusal(plaintext, 'the ciphertext is of another key or context')
  return { KeyId: options.keyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT', ...released(attested, plaintext) }
}

function encrypt(options: ServiceOptions, { fields, context }: Call): object {
  const plaintext = bytesIn(fields, 'Plaintext')
  if (plaintext.length === 0 || plaintext.length > PLAINTEXT_BYTES_MAX)
    throw new Refusal('ValidationException', `Plaintext: 1 to ${PLAINTEXT_BYTES_MAX} bytes`)
  const blob = writeBlob(options.masterKey, options.keyId, context, plaintext)
  return { CiphertextBlob: base64(blob), KeyId: options.keyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }
}

/** In the clear without a document, as KMS does it: that nobody gets this is the policy's work. */
function released(attested: Attested | undefined, plaintext: Uint8Array): object {
  if (attested === undefined) return { Plaintext: base64(plaintext) }
  return { CiphertextForRecipient: base64(writeEnvelope(attested.publicKey, plaintext)) }
}

function bytesIn(fields: Fields, name: string): Uint8Array {
  const text = fields[name]
  if (typeof text !== 'string') throw new Refusal('ValidationException', `${name} is missing`)
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function hexOf(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
