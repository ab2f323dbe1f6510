/**
 * Attestation documents that a hostile NSM could sign, one deviation at a time. The signature under each is genuine unless
 * its variant says otherwise, so that only the check in question can refuse it.
 *
 *   const attester = newTestAttester()
 *   attester.document()                                     honest
 *   attester.document({ nonce, userData, atMs })            honest, with other fields
 *   attester.document({ payload: (entries) => … })          any payload, from the honest one's entries
 *   attester.document({ envelope: (parts) => … })           any envelope, from the honest one's items
 *   attester.document({ chain: (issue) => … })              any chain
 *
 * Named variants with the code that has to answer: ENVELOPES (attestation-envelopes.ts), PAYLOADS
 * (attestation-payloads.ts), CHAINS (attestation-chains.ts).
 */
import { createHash, type KeyObject } from 'node:crypto'
import { p384 } from '@noble/curves/p384.js'
import {
  type Chain,
  chainOf,
  type DevelopmentRoot,
  drawDevelopmentRoot,
  type Level,
  planLevels,
} from '../../enclave/development/chain.ts'
import { type DocumentFields, signBytes } from '../../enclave/development/document.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import type { ErrorCode } from '../../enclave/protocol/errors.ts'
import { fromHex, type Hash, toHash } from '../../enclave/protocol/ids.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import type { SelfVerifier } from '../../enclave/shell/self-attestation.ts'
import { NULL, openMap, type Pair, rawArray, rawBytes, rawMap, rawText, rawUint } from './raw-cbor.ts'

export const ACCEPTED = 'accepted'

/** A deviation with a name, and what a strict verifier has to say to it. */
export type Variant<T> = { readonly name: string; readonly expect: ErrorCode | typeof ACCEPTED; readonly edit: T }

/** One key of the payload with its value, as an encoded item. */
export type Entry = readonly [key: string, value: Uint8Array]
/** Payload bytes out of the honest entries, in their order. */
export type PayloadEdit = (entries: readonly Entry[]) => Uint8Array

/** The four encoded items of a COSE_Sign1, and a way to sign other bytes. */
export type EnvelopeParts = {
  readonly protectedItem: Uint8Array
  readonly unprotectedItem: Uint8Array
  readonly payloadItem: Uint8Array
  readonly signatureItem: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  /** The leaf's signature of this payload under this protected header: 96 bytes. */
  readonly signAs: (protectedHeader: Uint8Array, payload: Uint8Array) => Uint8Array
}
export type EnvelopeEdit = (parts: EnvelopeParts) => Uint8Array

/** What a chain is made of, before anything is signed. */
export type Issue = {
  readonly root: DevelopmentRoot
  /** Regional, zonal, instance, leaf. */
  readonly levels: readonly Level[]
  readonly atMs: number
}
export type SignedChain = Pick<Chain, 'bundle' | 'leaf' | 'leafKey'>
export type ChainEdit = (issue: Issue) => SignedChain

export type DocumentOptions = {
  /** The document's time, around which its certificates are valid. */
  readonly atMs?: number
  /** What the payload says instead of atMs; certificates stay. */
  readonly timestampMs?: number
  readonly nonce?: Uint8Array | null
  readonly userData?: Uint8Array | null
  readonly publicKey?: Uint8Array | null
  /** Each replaces or adds one register. */
  readonly pcrs?: ReadonlyMap<number, Uint8Array>
  readonly payload?: PayloadEdit
  readonly envelope?: EnvelopeEdit
  readonly chain?: ChainEdit
}

export type TestAttester = {
  readonly root: DevelopmentRoot
  /** SHA-256 of the root certificate, as a verifier pins it. */
  readonly rootPin: Uint8Array
  readonly moduleId: string
  /** PCR0, PCR1, PCR2 of its honest documents: none is zero. */
  readonly measurements: readonly [Uint8Array, Uint8Array, Uint8Array]
  readonly document: (options?: DocumentOptions) => Uint8Array
}

export type TestAttesterOptions = {
  readonly root?: DevelopmentRoot
  readonly moduleId?: string
  /** The default time of its documents. */
  readonly atMs?: number
}

/** 2026-11-21 12:00 UTC. */
export const DOCUMENT_AT_MS = Date.UTC(2026, 10, 21, 12)
export const PCR_BYTES = 48
export const PROTECTED_ES384 = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
export const EMPTY_MAP = Uint8Array.of(0xa0)
const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef'
const BOOT_PCRS = 16
const SCALAR_BYTES = 48

/** An attester that signs whatever it is told. */
export function newTestAttester(options: TestAttesterOptions = {}): TestAttester {
  const root = options.root ?? drawDevelopmentRoot(randomBytes)
  const moduleId = options.moduleId ?? MODULE_ID
  const defaultAtMs = options.atMs ?? DOCUMENT_AT_MS
  const measurements = [filled(0xa0), filled(0xa1), filled(0xa2)] as const
  return {
    root,
    rootPin: fromHex(pinOf(root)),
    moduleId,
    measurements,
    document: (edits = {}) => {
      const atMs = edits.atMs ?? defaultAtMs
      const issue: Issue = { root, levels: planLevels(root, moduleId, atMs, randomBytes), atMs }
      const chain = (edits.chain ?? honestChain)(issue)
      const entries = entriesOf(fieldsOf(chain, moduleId, measurements, { ...edits, atMs }))
      const payload = (edits.payload ?? honestPayload)(entries)
      return (edits.envelope ?? honestEnvelope)(partsOf(payload, chain.leafKey))
    },
  }
}

/** What a verifier pins of a root. */
export function pinOf({ certificate }: DevelopmentRoot): Hash {
  return toHash(new Uint8Array(createHash('sha256').update(certificate).digest()))
}

/** How an enclave under this root judges its own documents. */
export function selfVerifierUnder(pin: Hash): SelfVerifier {
  return (document, expectation) => verifyUnder(document, expectation, pin)
}

export function honestChain({ root, levels }: Issue): SignedChain {
  return chainOf(root, levels)
}

/** Of indefinite length, as the newest NSMs write it. */
export function honestPayload(entries: readonly Entry[]): Uint8Array {
  return openMap(entries.map(pairOf))
}

export function pairOf([key, value]: Entry): Pair {
  return [rawText(key), value]
}

export function honestEnvelope(parts: EnvelopeParts): Uint8Array {
  return rawArray([parts.protectedItem, parts.unprotectedItem, parts.payloadItem, parts.signatureItem])
}

/** 48 bytes of one value: a register. */
export function filled(byte: number): Uint8Array {
  return new Uint8Array(PCR_BYTES).fill(byte)
}

/** PCR4 of an honest enclave of this module id. */
export function pcr4Of(moduleId: string): Uint8Array {
  const instanceId = moduleId.split('-enc')[0] ?? moduleId
  return new Uint8Array(createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(instanceId).digest())
}

/** The same document under (r, n − s): whoever holds one makes the other, without any key. */
export function twinOf(document: Uint8Array): Uint8Array {
  const at = document.length - SCALAR_BYTES
  const s = BigInt(`0x${Buffer.from(document.subarray(at)).toString('hex')}`)
  const other = (p384.CURVE.n - s).toString(16).padStart(2 * SCALAR_BYTES, '0')
  return concatBytes(document.subarray(0, at), new Uint8Array(Buffer.from(other, 'hex')))
}

/** As an emulator without keys writes it: algorithm −1, and 64 zero bytes for certificate, bundle and signature each. */
export function emulatedDocument(attester: TestAttester): Uint8Array {
  const zeros = rawBytes(new Uint8Array(64))
  const unsigned = Uint8Array.of(0xa1, 0x01, 0x20)
  return attester.document({
    payload: (entries) =>
      rawMap(replace(replace(entries, 'certificate', zeros), 'cabundle', rawArray([zeros])).map(pairOf)),
    envelope: ({ payloadItem }) => rawArray([rawBytes(unsigned), EMPTY_MAP, payloadItem, zeros]),
  })
}

/** The entries with another value under one key. */
export function replace(entries: readonly Entry[], key: string, value: Uint8Array): readonly Entry[] {
  return entries.map((entry) => (entry[0] === key ? [key, value] : entry))
}

/** The pcrs entry of a payload, encoded. */
export function encodePcrs(pcrs: ReadonlyMap<number, Uint8Array>): Uint8Array {
  return rawMap([...pcrs].map(([index, value]) => [rawUint(index), rawBytes(value)]))
}

/** PCR0 to PCR15 of an honest document. */
export function honestPcrs(
  measurements: readonly Uint8Array[],
  moduleId: string,
  others: ReadonlyMap<number, Uint8Array> = new Map(),
): ReadonlyMap<number, Uint8Array> {
  const values = new Map(Array.from({ length: BOOT_PCRS }, (_, index) => [index, measurements[index] ?? filled(0)]))
  values.set(4, pcr4Of(moduleId))
  for (const [index, value] of others) values.set(index, value)
  return values
}

function fieldsOf(
  chain: SignedChain,
  moduleId: string,
  measurements: readonly Uint8Array[],
  edits: DocumentOptions & { readonly atMs: number },
): DocumentFields {
  const { nonce = null, userData = null, publicKey = null, atMs, timestampMs = atMs } = edits
  const pcrs = honestPcrs(measurements, moduleId, edits.pcrs)
  return { moduleId, timestampMs, pcrs, certificate: chain.leaf, bundle: chain.bundle, publicKey, userData, nonce }
}

function entriesOf(fields: DocumentFields): readonly Entry[] {
  return [
    ['module_id', rawText(fields.moduleId)],
    ['digest', rawText('SHA384')],
    ['timestamp', rawUint(fields.timestampMs, 8)],
    ['pcrs', encodePcrs(fields.pcrs)],
    ['certificate', rawBytes(fields.certificate)],
    ['cabundle', rawArray(fields.bundle.map((certificate) => rawBytes(certificate)))],
    ['public_key', optional(fields.publicKey)],
    ['user_data', optional(fields.userData)],
    ['nonce', optional(fields.nonce)],
  ]
}

function optional(value: Uint8Array | null): Uint8Array {
  return value === null ? NULL : rawBytes(value)
}

function partsOf(payload: Uint8Array, leafKey: KeyObject): EnvelopeParts {
  const signAs: EnvelopeParts['signAs'] = (header, bytes) => signatureOf(leafKey, bytes, header)
  const signature = signAs(PROTECTED_ES384, payload)
  return {
    protectedItem: rawBytes(PROTECTED_ES384),
    unprotectedItem: EMPTY_MAP,
    payloadItem: rawBytes(payload),
    signatureItem: rawBytes(signature),
    payload,
    signature,
    signAs,
  }
}

/** A key of another curve signs shorter numbers: they are padded, so that the envelope keeps its form. */
function signatureOf(key: KeyObject, payload: Uint8Array, header: Uint8Array): Uint8Array {
  const signature = signBytes(payload, key, header)
  const half = signature.length / 2
  const padding = new Uint8Array(SCALAR_BYTES - half)
  return concatBytes(padding, signature.subarray(0, half), padding, signature.subarray(half))
}
