/**
 * The COSE_Sign1 around an attestation document: one form of bytes, because the signature covers neither the tag, nor the
 * outer array, nor the unprotected header, nor what follows [N5, N6].
 */
import { CodedError, refuse } from '../errors.ts'
import { bytesEqual, concatBytes } from '../words.ts'
import {
  ARRAY,
  BYTES,
  expectEnd,
  type ForeignReader,
  misread,
  newForeignReader,
  readHead,
  readStringBytes,
} from './foreign-cbor.ts'
import { P384_SIGNATURE_BYTES } from './p384.ts'

export const DOCUMENT_BYTES_MAX = 64 * 1024
export const PAYLOAD_BYTES_MAX = 16_384

/** {1: -35}: ES384, and nothing beside it. */
const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
const EMPTY_MAP = 0xa0
const TAG_18 = 0xd2
const ELEMENTS = 4
const ES384_BYTES = 4
/** An array of four: the text "Signature1", the protected header, no external data. The payload follows. */
const SIGNED_PREFIX = Uint8Array.of(0x84, 0x6a, ...new TextEncoder().encode('Signature1'), 0x44, ...PROTECTED, 0x40)

export type Envelope = {
  /** The payload as it came. */
  readonly payload: Uint8Array
  /** What the leaf's key signed. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
}

/** Refuses ATTESTATION_SIZE before it reads anything, and ATTESTATION_ENVELOPE. `tagged` allows the form with tag 18. */
export function readEnvelope(document: Uint8Array, options?: { readonly tagged: boolean }): Envelope {
  if (document.length < 1 || document.length > DOCUMENT_BYTES_MAX)
    refuse('ATTESTATION_SIZE', `1 to ${DOCUMENT_BYTES_MAX} bytes`, `${document.length}`)
  // A copy: what is judged cannot change under the judge, and a Buffer's slices would share memory with the caller.
  const reader = newForeignReader(Uint8Array.from(document), 'ATTESTATION_ENVELOPE')
  if (options?.tagged === true && reader.bytes[0] === TAG_18) reader.at = 1
  const outer = readHead(reader)
  if (outer.major !== ARRAY || outer.argument !== ELEMENTS)
    throw misread(reader, 'an untagged array of 4', `major type ${outer.major} of ${outer.argument ?? 'no'} length`)
  const header = readBytes(reader, 'the protected header', ES384_BYTES, ES384_BYTES)
  if (!bytesEqual(header, PROTECTED)) throw misread(reader, 'a protected header that says ES384', 'another one')
  if (reader.bytes[reader.at] !== EMPTY_MAP) throw misread(reader, 'an empty unprotected header', 'another one')
  reader.at++
  const start = reader.at
  const payload = readBytes(reader, 'the payload', 1, PAYLOAD_BYTES_MAX)
  // Lengths have one form, so these are the bytes that a signer of this payload writes too.
  const signedBytes = concatBytes(SIGNED_PREFIX, reader.bytes.subarray(start, reader.at))
  const signature = readBytes(reader, 'the signature', P384_SIGNATURE_BYTES, P384_SIGNATURE_BYTES)
  expectEnd(reader)
  return { payload, signedBytes, signature }
}

function readBytes(reader: ForeignReader, name: string, bytesMin: number, bytesMax: number): Uint8Array {
  const head = readHead(reader)
  if (head.major !== BYTES) throw misread(reader, `${name} as bytes`, `major type ${head.major}`)
  const bytes = readStringBytes(reader, head)
  if (bytes.length >= bytesMin && bytes.length <= bytesMax) return bytes
  throw new CodedError(reader.code, `expected ${bytesMin} to ${bytesMax} bytes as ${name}, got ${bytes.length}`)
}
