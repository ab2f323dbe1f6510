/**
 * What another image with the same keys could write. On a machine without Nitro the wrapping key is a file, so a test can
 * be that other image: it opens and seals records with the ledger's own state key.
 */
import { join } from 'node:path'
import { openDevelopmentKms } from '../../enclave/keys/development-kms.ts'
import { decodeCbor, encodeCbor } from '../../enclave/protocol/cbor.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { Opener } from '../../enclave/seal/opener.ts'
import { SALT_BYTES, TAG_ZERO } from '../../enclave/seal/record.ts'
import { Sealer } from '../../enclave/seal/sealer.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import type { StoredRecord } from './boot.ts'
import type { Stage } from './stage.ts'

export type Delta = { readonly entries: readonly Uint8Array[]; readonly firstIndex: number }

export class Forger {
  readonly stateKey: Uint8Array
  readonly ledgerId: Hash

  constructor(stage: Stage) {
    const configuration = parseConfiguration(stage.configuration)
    this.ledgerId = ledgerIdOf(configuration)
    const kms = openDevelopmentKms(join(stage.folder, 'keys', 'wrapping.key'), randomBytes)
    const context = { ledgerId: this.ledgerId, config: configHash(configuration), role: 'core', keyVersion: 1 } as const
    const ciphertext = Buffer.from(stage.keys?.state_ciphertext_b64 ?? '', 'base64')
    this.stateKey = kms.openKey(context, 'state', ciphertext)
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
