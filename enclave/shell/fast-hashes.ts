/**
 * Fast implementations for protocol/hash.ts: OpenSSL's SHA-256 and a WebAssembly Keccak. At 64 and 300 bytes the keccak is
 * eleven times as fast as the pure one, SHA-256 three and five times. Messages in rows take a third of that keccak's time.
 */
import { hash } from 'node:crypto'
import { createKeccak } from 'hash-wasm'
import { assert } from '../protocol/errors.ts'
import { type HashFunction, installHashes } from '../protocol/hash.ts'
import { HASH_BYTES, toHex } from '../protocol/ids.ts'
import { installFastP384 } from './fast-p384.ts'
import { wasmHashRows } from './keccak-rows.ts'

const KECCAK_BITS = 256
/** keccak-256 and SHA-256 of no bytes: a build that computes anything else must not hash money. */
const KECCAK_OF_NOTHING = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
const SHA256_OF_NOTHING = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Installs both, and what attestation documents are signed with, after checking all against known answers. */
export async function installFastHashes(): Promise<void> {
  const keccak256 = await wasmKeccak256()
  assert(toHex(keccak256(new Uint8Array(0))) === KECCAK_OF_NOTHING, 'the fast keccak-256 gives the known answer')
  assert(toHex(opensslSha256(new Uint8Array(0))) === SHA256_OF_NOTHING, 'the fast SHA-256 gives the known answer')
  assert(rowsAnswer() === KECCAK_OF_NOTHING.repeat(2), 'rows of messages give the known answer')
  installHashes({ keccak256, sha256: opensslSha256, hashRows: wasmHashRows })
  installFastP384()
}

function rowsAnswer(): string {
  const hashes = new Uint8Array(2 * HASH_BYTES)
  wasmHashRows(2, 0).hashInto(2, hashes, HASH_BYTES)
  return toHex(hashes.subarray(0, HASH_BYTES)) + toHex(hashes.subarray(HASH_BYTES))
}

/** One instance serves all calls: it is started anew by each, and no call can interrupt another. */
async function wasmKeccak256(): Promise<HashFunction> {
  const keccak = await createKeccak(KECCAK_BITS)
  return (bytes) => keccak.init().update(bytes).digest('binary')
}

/** The digest comes as text of one byte a character: a Buffer lives outside V8's heap, and making one costs more than the hash. */
function opensslSha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary')
  const digest = new Uint8Array(HASH_BYTES)
  for (let at = 0; at < HASH_BYTES; at++) digest[at] = text.charCodeAt(at)
  return digest
}
