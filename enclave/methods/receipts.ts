/** The session's word for the place of entries in the log (protocol section 5). */
import { type Instance, stateOf } from '../instance.ts'
import { encodeSignature } from '../keys/secp256k1.ts'
import { receiptStruct } from '../protocol/header.ts'
import { toHash } from '../protocol/ids.ts'
import { leafHash } from '../protocol/log-tree.ts'
import type { ReleasedRecord, SignedReceipt } from '../protocol/method-results.ts'
import { typedDigest } from '../protocol/typed-data.ts'

/** A receipt for each log index, provisional until the anchored log covers it and that block is final [A23]. */
export function signReceipts(instance: Instance, record: ReleasedRecord, indices: readonly number[]): SignedReceipt[] {
  const { epoch } = stateOf(instance)
  return indices.map((logIndex) => {
    const entry = record.entries[logIndex - record.firstIndex] as Uint8Array
    const receipt = { epoch, logIndex, leafHash: toHash(leafHash(entry)) }
    const digest = typedDigest(instance.ledger, receiptStruct(receipt))
    return { ...receipt, signature: encodeSignature(instance.session.sign(digest)) }
  })
}
