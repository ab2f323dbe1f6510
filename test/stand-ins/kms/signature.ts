/** AWS Signature Version 4 as a server checks it: a request has to be signed by the one credential that is known here. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type Credential = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** The ARN of the role that the credential speaks for. */
  readonly principal: string
}

export type SignedRequest = {
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Uint8Array
}

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/kms\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/
const DATE = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/
const SKEW_MS_MAX = 300_000

/** KMS's name of the error, or undefined for a request that is rightly signed. */
export function signatureFault(
  request: SignedRequest,
  credential: Credential,
  region: string,
  nowMs: number,
): string | undefined {
  const { headers } = request
  const [, keyId, day = '', scope, names = '', signature = ''] = FORM.exec(headers['authorization'] ?? '') ?? []
  if (keyId === undefined) return 'MissingAuthenticationTokenException'
  const isKnown = keyId === credential.accessKeyId && headers['x-amz-security-token'] === credential.sessionToken
  if (!isKnown) return 'UnrecognizedClientException'
  const date = headers['x-amz-date'] ?? ''
  const atMs = Date.parse(date.replace(DATE, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(atMs - nowMs) <= SKEW_MS_MAX)) return 'InvalidSignatureException'
  const expected = signatureOf({ request, names, date, day, scope: scope ?? '' }, credential.secretAccessKey)
  const isSame = timingSafeEqual(Buffer.from(signature, 'hex'), expected)
  return isSame && scope === region && date.startsWith(day) ? undefined : 'InvalidSignatureException'
}

type Signing = { request: SignedRequest; names: string; date: string; day: string; scope: string }

function signatureOf({ request: { headers, body }, names, date, day, scope }: Signing, secret: string): Buffer {
  const listed = names.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}\n`)
  const canonical = ['POST', '/', '', listed.join(''), names, sha256Hex(body)].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, `${day}/${scope}/kms/aws4_request`, sha256Hex(canonical)].join('\n')
  const key = [day, scope, 'kms', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return hmac(key, text)
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
