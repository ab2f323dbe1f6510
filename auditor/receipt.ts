/**
 * A receipt for a credit, judged without the enclave and its host: provisional until a final commit on chain covers its
 * place in the log (protocol section 5). Pure.
 */
import type { Decoded } from '../enclave/protocol/codec.ts'
import { decodeWith, hash, signature, struct, uint } from '../enclave/protocol/codec.ts'
import { isCoded } from '../enclave/protocol/errors.ts'
import { EPOCH_MAX, receiptStruct } from '../enclave/protocol/header.ts'
import type { Hash } from '../enclave/protocol/ids.ts'
import { fromHex, toHash } from '../enclave/protocol/ids.ts'
import { verifyInclusion } from '../enclave/protocol/log-tree.ts'
import type { Ledger } from '../enclave/protocol/typed-data.ts'
import { typedDigest } from '../enclave/protocol/typed-data.ts'
import type { Committed, SessionOpened } from './chain-facts.ts'
import { recover } from './naive/signature.ts'
import { entryHash } from './naive/trees.ts'

const receiptCodec = struct({ epoch: uint(EPOCH_MAX), logIndex: uint(), leafHash: hash, signature })

export type SignedReceipt = Decoded<typeof receiptCodec>

/** A foreign JSON value as a receipt. Refuses PARAMS_INVALID with the field. */
export function parseReceipt(value: unknown): SignedReceipt {
  return decodeWith(receiptCodec, value, 'PARAMS_INVALID', 'receipt')
}

/** The way from the entry up to the root of the log of `size`: RFC 9162 section 2.1.3.1. */
export type Inclusion = { readonly size: number; readonly root: Hash; readonly proof: readonly Uint8Array[] }

export type ReceiptClaim = {
  readonly receipt: SignedReceipt
  readonly ledger: Ledger
  readonly sessions: readonly SessionOpened[]
  readonly committed: readonly Committed[]
  readonly finalBlock: number
  /** The entry that the reporter means, when it has its bytes. */
  readonly entry?: Uint8Array
  /** Null as long as the published log does not reach the entry. */
  readonly inclusion: Inclusion | null
}

export type ReceiptFault = 'SESSION_UNKNOWN' | 'SIGNATURE_WRONG' | 'ENTRY_DIFFERS' | 'NOT_INCLUDED'

export type ReceiptVerdict =
  | { readonly kind: 'final'; readonly sequence: number }
  | { readonly kind: 'provisional'; readonly waitsFor: 'the log' | 'a commit' | 'a final block' }
  | { readonly kind: 'invalid'; readonly fault: ReceiptFault; readonly expected: string; readonly got: string }

type Fault = Extract<ReceiptVerdict, { kind: 'invalid' }>

function fault(code: ReceiptFault, expected: unknown, got: unknown): Fault {
  return { kind: 'invalid', fault: code, expected: String(expected), got: String(got) }
}

/**
 * NOT_INCLUDED under an anchored root means that the ledger went on without the entry: the session signed its place and
 * never anchored it. The reporter then signs the same number again.
 */
export function judgeReceipt(claim: ReceiptClaim): ReceiptVerdict {
  return signatureFaultOf(claim) ?? placeOf(claim)
}

/** The session that opened that epoch on chain, and no other key, gives this ledger's word. */
function signatureFaultOf({ receipt, ledger, sessions, entry }: ReceiptClaim): Fault | undefined {
  const session = sessions.find(({ epoch }) => epoch === receipt.epoch)
  if (session === undefined) return fault('SESSION_UNKNOWN', `a session of epoch ${receipt.epoch} on chain`, 'none')
  const signer = recover(typedDigest(ledger, receiptStruct(receipt)), fromHex(receipt.signature))
  if (signer !== session.session) return fault('SIGNATURE_WRONG', session.session, signer)
  if (entry === undefined) return undefined
  const leaf = toHash(entryHash(entry))
  return leaf === receipt.leafHash ? undefined : fault('ENTRY_DIFFERS', leaf, receipt.leafHash)
}

function placeOf({ receipt, inclusion, committed, finalBlock }: ReceiptClaim): ReceiptVerdict {
  if (inclusion === null || inclusion.size <= receipt.logIndex) return { kind: 'provisional', waitsFor: 'the log' }
  const { size, root } = inclusion
  // A root that the anchor never took proves nothing, for the receipt or against it.
  const event = committed.find(({ logSize, logRoot }) => logSize === size && logRoot === root)
  if (event === undefined) return { kind: 'provisional', waitsFor: 'a commit' }
  const objection = inclusionFaultOf(receipt, inclusion)
  if (objection !== undefined) return objection
  return event.block <= finalBlock
    ? { kind: 'final', sequence: event.sequence }
    : { kind: 'provisional', waitsFor: 'a final block' }
}

function inclusionFaultOf({ logIndex: index, leafHash }: SignedReceipt, inclusion: Inclusion): Fault | undefined {
  const { size, root, proof } = inclusion
  try {
    verifyInclusion({ leafHash: fromHex(leafHash), index, size, root: fromHex(root), proof })
    return undefined
  } catch (error) {
    if (!isCoded(error)) throw error
    return fault('NOT_INCLUDED', `the entry at ${index} of ${size}`, error.message)
  }
}
