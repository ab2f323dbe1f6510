/** Attestation documents: bytes that whoever carries them may choose, down to each certificate. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Decoder } from 'cbor-x'
import { readCertificate } from '../../../enclave/protocol/attestation/certificate.ts'
import { readEnvelope } from '../../../enclave/protocol/attestation/envelope.ts'
import { type ForeignValue, readForeign } from '../../../enclave/protocol/attestation/foreign-cbor.ts'
import { parseMeasurements } from '../../../enclave/protocol/attestation/measurements.ts'
import { readPayload } from '../../../enclave/protocol/attestation/payload.ts'
import { decodeUserData, encodeUserData } from '../../../enclave/protocol/attestation/user-data.ts'
import { concatBytes } from '../../../enclave/protocol/words.ts'
import { ROOT } from '../engine/root.ts'
import { bytesOf, demand, isSame, judged, type Target } from '../engine/target.ts'
import { changeInside, randomBytes } from '../mutations.ts'

type Vector = { readonly document_b64: string; readonly measurements: object }

const vector = JSON.parse(readFileSync(join(ROOT, 'test/vectors/attestation-development.json'), 'utf8')) as Vector
const DOCUMENT = new Uint8Array(Buffer.from(vector.document_b64, 'base64'))
const { payload: PAYLOAD } = readEnvelope(DOCUMENT)
const FIELDS = readPayload(PAYLOAD)

const envelope: Target = {
  name: 'attestation-envelope',
  claim: 'takes one form of bytes around a payload and a signature, and no other',
  inputs: 8_000,
  seeds: () => [DOCUMENT],
  generate: randomBytes,
  run: (input) =>
    judged(
      () => readEnvelope(input),
      ['ATTESTATION_SIZE', 'ATTESTATION_ENVELOPE'],
      ({ payload, signature }) => {
        const { length } = payload
        const size = length < 24 ? [0x40 | length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 0xff]
        const start = Uint8Array.of(0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, ...size)
        const again = concatBytes(start, payload, Uint8Array.of(0x58, 96), signature)
        demand(isSame(again, input), 'what was read, written again, is what came')
      },
    ),
}

const other = new Decoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false })

const cbor: Target = {
  name: 'attestation-cbor',
  claim: 'reads CBOR of an NSM as another reader does, wherever it reads it at all',
  inputs: 20_000,
  seeds: () => [PAYLOAD, Uint8Array.of(0x80), Uint8Array.of(0xbf, 0xff), Uint8Array.of(0xf6)],
  generate: randomBytes,
  mutate: changeInside,
  run: (input) =>
    judged(
      () => readForeign(input, 'ATTESTATION_PAYLOAD'),
      ['ATTESTATION_PAYLOAD'],
      (value) => demand(isSame(plain(value), plain(other.decode(input))), 'both readers read one value'),
    ),
}

/** Maps as lists of pairs, and numbers as one kind: cbor-x reads large ones as bigint. */
function plain(value: ForeignValue): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString()
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Map) return [...value].map(([key, inner]) => [typeof key, plain(key), plain(inner)])
  return Array.isArray(value) ? value.map(plain) : value
}

const payload: Target = {
  name: 'attestation-payload',
  claim: 'hands on fields within their bounds, or none',
  inputs: 10_000,
  seeds: () => [PAYLOAD],
  generate: randomBytes,
  mutate: changeInside,
  run: (input) =>
    judged(
      () => readPayload(input),
      ['ATTESTATION_PAYLOAD'],
      ({ moduleId, timestampMs, pcrs, certificate, cabundle, publicKey, userData, nonce }) => {
        demand(moduleId !== '' && Number.isSafeInteger(timestampMs) && timestampMs > 0, 'a module and a time')
        demand(pcrs.size >= 1 && pcrs.size <= 32, 'one to 32 registers')
        for (const [index, pcr] of pcrs) demand(index >= 0 && index <= 31 && pcr.length === 48, `register ${index}`)
        demand(cabundle.length >= 1 && cabundle.length <= 8, 'one to eight certificates')
        for (const der of [certificate, ...cabundle]) demand(der.length >= 1 && der.length <= 1_024, 'a certificate')
        for (const bytes of [publicKey, userData, nonce]) demand(bytes === null || bytes.length <= 1_024, 'a field')
        demand(publicKey === null || publicKey.length > 0, 'a public key that is one')
      },
    ),
}

const certificate: Target = {
  name: 'attestation-certificate',
  claim: 'reads of a certificate what OpenSSL reads of it, wherever both read it',
  inputs: 10_000,
  seeds: () => [FIELDS.certificate, ...FIELDS.cabundle],
  generate: randomBytes,
  run: (input) =>
    judged(
      () => readCertificate(input),
      ['ATTESTATION_CHAIN'],
      ({ notBeforeMs, notAfterMs, isCa, serial, point, signature }) => {
        demand(point.length === 97 && signature.length === 96, 'a point and a signature of P-384')
        const node = opensslReads(input)
        if (node === undefined) return
        demand(node.raw.length === input.length, 'no byte behind it')
        demand(node.validFromDate.getTime() === notBeforeMs, 'one beginning')
        demand(node.validToDate.getTime() === notAfterMs, 'one end')
        demand(!node.ca || isCa, 'what is a CA there is one here')
        demand(BigInt(`0x${node.serialNumber}`) === BigInt(serial), 'one serial')
      },
    ),
}

function opensslReads(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    // It looks into names and extensions that ours takes as bytes.
    return undefined
  }
}

const USER_DATA = FIELDS.userData ?? new Uint8Array(0)

const userData: Target = {
  name: 'attestation-user-data',
  claim: 'reads user_data in its one deterministic form alone',
  inputs: 10_000,
  seeds: () => [USER_DATA],
  generate: randomBytes,
  mutate: changeInside,
  run: (input) =>
    judged(
      () => decodeUserData(input),
      ['ATTESTATION_BINDING'],
      (read) => demand(isSame(encodeUserData(read), input), 'written again it is what came'),
    ),
}

const measurements: Target = {
  name: 'measurements-file',
  claim: 'reads a list of images that pin three registers each, or refuses the file',
  inputs: 5_000,
  seeds: () => [bytesOf(JSON.stringify(vector.measurements))],
  generate: randomBytes,
  mutate: changeInside,
  run: (input) =>
    judged(
      () => parseMeasurements(input),
      ['ATTESTATION_EXPECTATION'],
      (images) => {
        demand(images.length >= 1 && images.length <= 64, 'one to 64 images')
        for (const { pcr0, pcr1, pcr2 } of images)
          demand(
            [pcr0, pcr1, pcr2].every(({ length }) => length === 48),
            'three registers',
          )
      },
    ),
}

export const ATTESTATION: readonly Target[] = [envelope, cbor, payload, certificate, userData, measurements]
