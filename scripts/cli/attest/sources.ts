/** Where a document comes from, and what a verifier holds against it: files, standard input, an api. All of it is foreign. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import {
  BOUND_FIELDS,
  type ExpectedBinding,
  type ExpectedUserData,
  UNCHECKED,
} from '../../../enclave/protocol/attestation/binding.ts'
import type { RevokedCertificate } from '../../../enclave/protocol/attestation/chain.ts'
import { DOCUMENT_BYTES_MAX } from '../../../enclave/protocol/attestation/envelope.ts'
import { type Measurement, parseMeasurements } from '../../../enclave/protocol/attestation/measurements.ts'
import { CodedError, quote, refuse } from '../../../enclave/protocol/errors.ts'
import { fromHexOr, type Hash, toAddress, toHash, toHex } from '../../../enclave/protocol/ids.ts'
import { leafHash } from '../../../enclave/protocol/log-tree.ts'
import { type JsonValue, parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import { fetchWithin } from '../../../host/endpoints.ts'
import { decoded } from '../../kms/ciphertext.ts'
import type { Terminal } from '../answer.ts'

export const BINDING_FORMAT = 'anchorhold-binding/1'
export const REVOKED_FORMAT = 'anchorhold-revoked/1'
const NONCE_BYTES = 32
const FETCH_MS_MAX = 30_000
/** Base64 of a document, with proof and names around it. */
const ANSWER_BYTES_MAX = 4 * DOCUMENT_BYTES_MAX
const BASE64_FORM = /^[A-Za-z0-9+/]+={0,2}$/

/** One leaf of many under one document: the nonce of the document is the root of the tree. */
export type SharedNonce = {
  readonly leafHash: Uint8Array
  readonly index: number
  readonly size: number
  readonly proof: readonly Uint8Array[]
}

export type Found = {
  readonly document: Uint8Array
  /** The nonce that the document itself has to carry. */
  readonly nonce: Uint8Array | typeof UNCHECKED
  /** Or the place of our nonce among those of others. */
  readonly shared: SharedNonce | undefined
}

export type SourceWords = { readonly document?: string; readonly url?: string; readonly nonce?: string }

/** Refuses ATTESTATION_FETCH, ATTESTATION_EXPECTATION, CONFIG_INVALID. */
export function findDocument({ document, url, nonce }: SourceWords, terminal: Terminal): Promise<Found> {
  if ((document === undefined) === (url === undefined))
    refuse('CONFIG_INVALID', 'one of --document and --url', document === undefined ? 'neither' : 'both')
  if (url !== undefined) return fetchDocument(url, nonce === undefined ? undefined : nonceOf(nonce))
  if (nonce === 'auto') refuse('CONFIG_INVALID', 'the nonce of --document as hex', 'auto, which asks --url')
  return readDocument(document ?? '', nonce === undefined ? UNCHECKED : nonceOf(nonce), terminal)
}

function nonceOf(text: string): Uint8Array {
  if (text === 'auto') return new Uint8Array(randomBytes(NONCE_BYTES))
  return fromHexOr(text.toLowerCase()) ?? refuse('ATTESTATION_EXPECTATION', 'a nonce as 0x and hex, or auto', text)
}

async function readDocument(path: string, nonce: Found['nonce'], terminal: Terminal): Promise<Found> {
  return { document: documentOf(await bytesOf(path, terminal)), nonce, shared: undefined }
}

/** Bytes as they are, as base64 text, or as an api's answer: no document consists of base64's letters alone, or of JSON. */
export function documentOf(file: Uint8Array): Uint8Array {
  const answer = parseStrictJson(file, { bytesMax: ANSWER_BYTES_MAX })
  const inside = answer.kind === 'object' ? answer.value['document_b64'] : undefined
  return typeof inside === 'string' ? new Uint8Array(Buffer.from(inside, 'base64')) : decoded(file)
}

/** A file, or standard input where it is called `-`. */
export async function bytesOf(path: string, { typedIn }: Terminal): Promise<Uint8Array> {
  try {
    return new Uint8Array(path === '-' ? await buffer(process.stdin) : await readFile(resolve(typedIn, path)))
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected a file at ${path}, got ${(cause as Error).message}`, { cause })
  }
}

async function fetchDocument(url: string, nonce: Uint8Array | undefined): Promise<Found> {
  const fields = await fetchFields(url, nonce)
  const { document_b64: text } = fields
  if (typeof text !== 'string' || !BASE64_FORM.test(text))
    refuse('ATTESTATION_FETCH', 'document_b64', quote(text ?? null))
  const document = new Uint8Array(Buffer.from(text, 'base64'))
  if (nonce === undefined) return { document, nonce: UNCHECKED, shared: undefined }
  const shared = fields['tree_size'] === undefined ? undefined : sharedNonce(fields, nonce)
  return { document, nonce: shared === undefined ? nonce : UNCHECKED, shared }
}

async function fetchFields(url: string, nonce: Uint8Array | undefined): Promise<{ readonly [key: string]: JsonValue }> {
  try {
    const asked = new URL(url)
    if (nonce !== undefined) asked.searchParams.set('nonce', toHex(nonce))
    const response = await fetchWithin(FETCH_MS_MAX)(asked, { headers: { accept: 'application/json' } })
    const parsed = parseStrictJson(await bodyOf(response), { bytesMax: ANSWER_BYTES_MAX })
    if (response.ok && parsed.kind === 'object') return parsed.value
    const said = parsed.kind === 'object' ? quote(parsed.value) : parsed.kind
    return refuse('ATTESTATION_FETCH', `a document from ${url}`, `status ${response.status}, ${said}`)
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('ATTESTATION_FETCH', `expected an answer of ${url}, got ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** The whole body, and no more of it than any answer has. */
async function bodyOf(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > ANSWER_BYTES_MAX) refuse('ATTESTATION_FETCH', `at most ${ANSWER_BYTES_MAX} bytes`, 'more')
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function sharedNonce(fields: { readonly [key: string]: JsonValue }, nonce: Uint8Array): SharedNonce {
  const { leaf_index: index, tree_size: size, proof } = fields
  const hashes = Array.isArray(proof)
    ? proof.map((text) => (typeof text === 'string' ? fromHexOr(text) : undefined))
    : []
  if (typeof index !== 'number' || typeof size !== 'number' || !Array.isArray(proof) || hashes.includes(undefined))
    return refuse('ATTESTATION_FETCH', 'leaf_index, tree_size and proof of the nonce', quote(fields))
  return { leafHash: leafHash(nonce), index, size, proof: hashes.filter((hash) => hash !== undefined) }
}

export async function readMeasurements(path: string, terminal: Terminal): Promise<readonly Measurement[]> {
  return parseMeasurements(await bytesOf(path, terminal))
}

/** The list of revoked certificates. Refuses ATTESTATION_EXPECTATION. */
export async function readRevoked(
  path: string | undefined,
  terminal: Terminal,
): Promise<readonly RevokedCertificate[]> {
  if (path === undefined) return []
  const { certificates } = await readFormat(path, REVOKED_FORMAT, terminal)
  if (!Array.isArray(certificates))
    return refuse('ATTESTATION_EXPECTATION', 'a list of certificates', quote(certificates ?? null))
  return certificates.map((entry) => {
    const { issuer, serial } = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry : {}
    const [name, number] = [issuer, serial].map((text) => (typeof text === 'string' ? fromHexOr(text) : undefined))
    if (name === undefined || number === undefined)
      return refuse('ATTESTATION_EXPECTATION', 'issuer and serial as 0x and hex', quote(entry))
    return { issuer: toHex(name), serial: toHex(number) }
  })
}

async function readFormat(
  path: string,
  format: string,
  terminal: Terminal,
): Promise<{ readonly [key: string]: JsonValue }> {
  const parsed = parseStrictJson(await bytesOf(path, terminal))
  if (parsed.kind !== 'object') return refuse('ATTESTATION_EXPECTATION', `${path} as a JSON object`, parsed.kind)
  const { format: found, ...fields } = parsed.value
  return found === format
    ? fields
    : refuse('ATTESTATION_EXPECTATION', `${path} of the format ${format}`, quote(found ?? null))
}

/** The binding that a file names: a field that it leaves out is unchecked, and said to be. */
export async function readBinding(path: string | undefined, terminal: Terminal): Promise<ExpectedBinding> {
  const { publicKey = UNCHECKED, ...fields } =
    path === undefined ? {} : await readFormat(path, BINDING_FORMAT, terminal)
  const stray = Object.keys(fields).find((key) => !(BOUND_FIELDS as readonly string[]).includes(key))
  if (stray !== undefined) refuse('ATTESTATION_EXPECTATION', `the keys ${BOUND_FIELDS.join(', ')}, publicKey`, stray)
  const entries = BOUND_FIELDS.map((field) => [
    field,
    fields[field] === undefined ? UNCHECKED : formOf(field, fields[field]),
  ])
  const key = typeof publicKey === 'string' && publicKey !== UNCHECKED ? fromHexOr(publicKey) : publicKey
  if (key !== UNCHECKED && !(key instanceof Uint8Array))
    refuse('ATTESTATION_EXPECTATION', 'publicKey as 0x and hex', quote(publicKey))
  return { userData: Object.fromEntries(entries) as ExpectedUserData, publicKey: key as Uint8Array | typeof UNCHECKED }
}

const ADDRESSES: readonly string[] = ['anchor', 'authority', 'session']
const HASHES: readonly string[] = ['config', 'policyHash', 'head']

/** As user_data spells it: addresses and hashes in lower case. A value of another kind equals nothing and fails there. */
function formOf(field: string, value: JsonValue): JsonValue {
  if (typeof value !== 'string' || value === UNCHECKED) return value
  if (ADDRESSES.includes(field))
    return toAddress(value) ?? refuse('ATTESTATION_EXPECTATION', `${field} as an address`, value)
  if (!HASHES.includes(field)) return value
  return hashOf(value) ?? refuse('ATTESTATION_EXPECTATION', `${field} as 32 bytes`, value)
}

function hashOf(text: string): Hash | undefined {
  const bytes = fromHexOr(text)
  return bytes?.length === 32 ? toHash(bytes) : undefined
}
