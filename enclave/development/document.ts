/** Bytes of an attestation document, as the newest NSMs write them: COSE_Sign1 under ES384, the payload an open map. */
import { type KeyObject, sign } from 'node:crypto'
import { encodeCbor } from '../protocol/cbor.ts'
import {
  ARRAY,
  finish,
  MAP,
  newSink,
  type Sink,
  UNSIGNED,
  writeByte,
  writeBytes,
  writeHead,
  writeText,
} from '../protocol/cbor-sink.ts'
import { concatBytes } from '../protocol/words.ts'
import type { Chain } from './chain.ts'

export type DocumentFields = {
  readonly moduleId: string
  readonly timestampMs: number
  /** By index, in ascending order. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  readonly certificate: Uint8Array
  readonly bundle: readonly Uint8Array[]
  readonly publicKey: Uint8Array | null
  readonly userData: Uint8Array | null
  readonly nonce: Uint8Array | null
}

/** {1: -35}: ES384. */
const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
const ARRAY_OF_FOUR = Uint8Array.of(0x84)
const EMPTY_MAP = Uint8Array.of(0xa0)
const OPEN_MAP = 0xbf
const BREAK = 0xff
const UINT64 = 0x1b
const UINT64_BYTES = 8
const HASH = 'sha384'

/** The payload: keys in AWS's order, map of indefinite length, time as eight bytes. */
export function encodePayload(fields: DocumentFields): Uint8Array {
  const sink = newSink(false)
  writeByte(sink, OPEN_MAP)
  writeText(sink, 'module_id')
  writeText(sink, fields.moduleId)
  writeText(sink, 'digest')
  writeText(sink, 'SHA384')
  writeText(sink, 'timestamp')
  writeUint64(sink, fields.timestampMs)
  writeText(sink, 'pcrs')
  writePcrs(sink, fields.pcrs)
  writeText(sink, 'certificate')
  writeBytes(sink, fields.certificate)
  writeText(sink, 'cabundle')
  writeHead(sink, ARRAY, fields.bundle.length)
  for (const certificate of fields.bundle) writeBytes(sink, certificate)
  writeOptional(sink, 'public_key', fields.publicKey)
  writeOptional(sink, 'user_data', fields.userData)
  writeOptional(sink, 'nonce', fields.nonce)
  writeByte(sink, BREAK)
  return finish(sink)
}

/** The whole document over these payload bytes. */
export function signPayload(payload: Uint8Array, { leafKey }: Chain): Uint8Array {
  const signature = signBytes(payload, leafKey)
  return concatBytes(ARRAY_OF_FOUR, encodeCbor(PROTECTED), EMPTY_MAP, encodeCbor(payload), encodeCbor(signature))
}

/** r and s over COSE's Sig_structure, 96 bytes, drawn anew each time. */
export function signBytes(payload: Uint8Array, key: KeyObject, protectedHeader: Uint8Array = PROTECTED): Uint8Array {
  const signed = encodeCbor(['Signature1', protectedHeader, new Uint8Array(0), payload])
  return new Uint8Array(sign(HASH, signed, { key, dsaEncoding: 'ieee-p1363' }))
}

function writePcrs(sink: Sink, pcrs: ReadonlyMap<number, Uint8Array>): void {
  writeHead(sink, MAP, pcrs.size)
  for (const [index, value] of pcrs) {
    writeHead(sink, UNSIGNED, index)
    writeBytes(sink, value)
  }
}

function writeOptional(sink: Sink, key: string, value: Uint8Array | null): void {
  writeText(sink, key)
  if (value === null) writeByte(sink, 0xf6)
  else writeBytes(sink, value)
}

function writeUint64(sink: Sink, value: number): void {
  const bytes = new Uint8Array(UINT64_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  writeByte(sink, UINT64)
  for (const byte of bytes) writeByte(sink, byte)
}
