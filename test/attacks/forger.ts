/**
 * What another image with the same keys could write. On a machine without Nitro the wrapping key is a file, so a test can
 * be that other image: it opens and seals records with the ledger's own state key.
 */
import { strict as assert } from 'node:assert'
import { createCipheriv } from 'node:crypto'
import { join } from 'node:path'
import { openDevelopmentKms } from '../../enclave/development/kms.ts'
import { readWrappingKey } from '../../enclave/development/wrapping-key-file.ts'
import { encryptionContext, type KeyContext, type KeyPurpose } from '../../enclave/keys/encryption-context.ts'
import { decodeCbor, encodeCbor } from '../../enclave/protocol/cbor.ts'
import { type Configuration, configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { Opener } from '../../enclave/seal/opener.ts'
import { IV_BYTES, parseHeader, SALT_BYTES, TAG_ZERO } from '../../enclave/seal/record.ts'
import { Sealer } from '../../enclave/seal/sealer.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import type { StoredRecord } from './boot.ts'
import type { Stage } from './stage.ts'

export type Delta = { readonly entries: readonly Uint8Array[]; readonly firstIndex: number }

export class Forger {
  readonly stateKey: Uint8Array
  readonly ledgerId: Hash
  readonly #stage: Stage
  readonly #wrappingKeyFile: string
  readonly #context: KeyContext

  constructor(stage: Stage) {
    const configuration = parseConfiguration(stage.configuration)
    this.ledgerId = ledgerIdOf(configuration)
    this.#stage = stage
    this.#wrappingKeyFile = join(stage.folder, 'keys', 'wrapping.key')
    this.#context = contextOf(configuration)
    this.stateKey = this.#unwrap('state', stage.keys?.state_ciphertext_b64)
  }

  authorityKey(): Uint8Array {
    return this.#unwrap('authority', this.#stage.keys?.ciphertext_b64)
  }

  #unwrap(purpose: KeyPurpose, ciphertext: string | undefined): Uint8Array {
    const kms = openDevelopmentKms(this.#wrappingKeyFile, randomBytes)
    return kms.openKey(this.#context, purpose, Buffer.from(ciphertext ?? '', 'base64'))
  }

  /** Any key as the ciphertext that an enclave of this ledger takes for its own: version 1 ‖ IV 12 ‖ key 32 ‖ tag 16. */
  wrap(purpose: KeyPurpose, key: Uint8Array, context = this.#context): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', readWrappingKey(this.#wrappingKeyFile, randomBytes), iv)
    cipher.setAAD(encodeCbor(encryptionContext(context, purpose)))
    const body = concatBytes(cipher.update(key), cipher.final())
    return Buffer.from(concatBytes(Uint8Array.of(1), iv, body, cipher.getAuthTag())).toString('base64')
  }

  /** The parts of a state in a snapshot of one chunk: its head, then accounts and windows. */
  openSnapshot(chunk: Uint8Array): Uint8Array[] {
    let state = new Opener(this.stateKey, this.ledgerId).openChunk(chunk)
    const parts: Uint8Array[] = []
    while (state.length > 0) {
      const size = new DataView(state.buffer, state.byteOffset).getUint32(0)
      parts.push(state.slice(LENGTH_BYTES, LENGTH_BYTES + size))
      state = state.slice(LENGTH_BYTES + size)
    }
    return parts
  }

  /** Other parts in the place of a snapshot's. */
  sealSnapshot(parts: readonly Uint8Array[], inPlaceOf: Uint8Array): Uint8Array {
    const { stateKey, ledgerId } = this
    const header = parseHeader(inPlaceOf)
    assert(header !== undefined, 'a snapshot is sealed')
    const { epoch, record, prevTag } = header
    const salt = randomBytes(SALT_BYTES)
    const sealer = new Sealer({
      stateKey,
      ledgerId,
      epoch,
      salt,
      firstRecord: record + 1,
      prevTag,
      entropy: randomBytes,
    })
    const [chunk] = sealer.sealSnapshot(header.lastHeaderHash, concatBytes(...parts.flatMap(withLength)))
    assert(chunk !== undefined, 'a small state is one chunk')
    return chunk
  }

  encode(value: object): Uint8Array {
    return encodeCbor(value as never)
  }

  /** The entries of each record, in the clear. */
  open(records: readonly StoredRecord[]): Delta[] {
    const opener = new Opener(this.stateKey, this.ledgerId)
    return records.map(({ sealed }) => decodeCbor(opener.openDelta(sealed), { canonical: true }) as never)
  }

  /** A chain of records from record 0 on, sealed by a boot of that epoch. */
  seal(deltas: readonly Delta[], epoch: number): StoredRecord[] {
    const { stateKey, ledgerId } = this
    const salt = randomBytes(SALT_BYTES)
    const sealer = new Sealer({
      stateKey,
      ledgerId,
      epoch,
      salt,
      firstRecord: 0,
      prevTag: TAG_ZERO,
      entropy: randomBytes,
    })
    return deltas.map(({ entries, firstIndex }) => ({
      sealed: sealer.sealDelta(ZERO_HASH, encodeCbor({ entries: [...entries], firstIndex })),
      entries,
    }))
  }
}

/** What ciphertexts are bound to that an enclave of this configuration opens. */
export function contextOf(configuration: Configuration): KeyContext {
  return { ledgerId: ledgerIdOf(configuration), config: configHash(configuration), role: 'core', keyVersion: 1 }
}

const LENGTH_BYTES = 4

function withLength(part: Uint8Array): [Uint8Array, Uint8Array] {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, part.length)
  return [length, part]
}
