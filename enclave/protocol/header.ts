/** The header that commits to a ledger's state, and the messages that carry it to the anchor (protocol sections 3 and 4). */
import { keccak256 } from './hash.ts'
import type { Address, Hash } from './ids.ts'
import { toHash } from './ids.ts'
import type { Wei } from './money.ts'
import { structHash } from './typed-data.ts'
import { addressWord, concatBytes, hashWord, uintWord } from './words.ts'

/** The generation of `apply` and of every format: raised with each change, never lowered along the chain of headers [A27]. */
export const PROTOCOL_VERSION = 2
/** Generation 1 was never released: no ledger of it exists. */
export const PROTOCOL_VERSION_OLDEST = 2

export const SEQUENCE_MAX = 2 ** 48 - 1
export const EPOCH_MAX = 2 ** 48 - 1

export type Header = {
  readonly version: number
  readonly ledgerId: Hash
  readonly epoch: number
  readonly sequence: number
  readonly prev: Hash
  readonly balanceRoot: Hash
  readonly treeDepth: number
  readonly accounts: number
  readonly logSize: number
  readonly logRoot: Hash
  readonly creditedWei: Wei
  readonly paidWei: Wei
  readonly reservedWei: Wei
  readonly journalHead: Hash
  readonly journalSize: number
  readonly policyVersion: number
  readonly policyHash: Hash
  readonly imageDigest: Hash
}

const HEADER_TYPE =
  'Header(uint16 version,bytes32 ledgerId,uint48 epoch,uint48 sequence,bytes32 prev,bytes32 balanceRoot,uint8 treeDepth,uint32 accounts,uint64 logSize,bytes32 logRoot,uint128 credited,uint128 paid,uint128 reserved,bytes32 journalHead,uint64 journalSize,uint32 policyVersion,bytes32 policyHash,bytes32 imageDigest)'

/** EIP-712 hashStruct of a header: the value that the anchor knows as `next`. */
export function headerHash(header: Header): Hash {
  return toHash(
    structHash(HEADER_TYPE, [
      uintWord(header.version),
      hashWord(header.ledgerId),
      uintWord(header.epoch),
      uintWord(header.sequence),
      hashWord(header.prev),
      hashWord(header.balanceRoot),
      uintWord(header.treeDepth),
      uintWord(header.accounts),
      uintWord(header.logSize),
      hashWord(header.logRoot),
      uintWord(header.creditedWei),
      uintWord(header.paidWei),
      uintWord(header.reservedWei),
      hashWord(header.journalHead),
      uintWord(header.journalSize),
      uintWord(header.policyVersion),
      hashWord(header.policyHash),
      hashWord(header.imageDigest),
    ]),
  )
}

/** The head after a paying commit: keccak256(abi.encode(next, bitmap)). A bare commit leaves `next` itself. */
export function foldHead(next: Hash, bitmap: bigint): Hash {
  return toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap))))
}

/** keccak256 of PCR0‖PCR1‖PCR2; zero in development. */
export const DEVELOPMENT_IMAGE_DIGEST = toHash(new Uint8Array(32))

export type Open = {
  readonly epoch: number
  readonly head: Hash
  readonly session: Address
  readonly attestationDigest: Hash
}

export type Commit = {
  readonly epoch: number
  readonly sequence: number
  readonly prev: Hash
  readonly next: Hash
  readonly payoutsHash: Hash
  readonly balanceRoot: Hash
  readonly logRoot: Hash
  readonly logSize: number
}

export type Rotate = {
  readonly epoch: number
  readonly head: Hash
  readonly newAuthority: Address
  readonly attestationDigest: Hash
}

export type Receipt = { readonly epoch: number; readonly logIndex: number; readonly leafHash: Hash }

const OPEN_TYPE = 'Open(uint48 epoch,bytes32 head,address session,bytes32 attestationDigest)'
const COMMIT_TYPE =
  'Commit(uint48 epoch,uint48 sequence,bytes32 prev,bytes32 next,bytes32 payoutsHash,bytes32 balanceRoot,bytes32 logRoot,uint64 logSize)'
const ROTATE_TYPE = 'Rotate(uint48 epoch,bytes32 head,address newAuthority,bytes32 attestationDigest)'
const RECEIPT_TYPE = 'Receipt(uint48 epoch,uint64 logIndex,bytes32 leafHash)'

export function openStruct(open: Open): Uint8Array {
  return structHash(OPEN_TYPE, openWords(open))
}

export function commitStruct(commit: Commit): Uint8Array {
  return structHash(COMMIT_TYPE, commitWords(commit))
}

export function rotateStruct(rotate: Rotate): Uint8Array {
  return structHash(ROTATE_TYPE, rotateWords(rotate))
}

/** What is signed and what the call carries are the same words: EIP-712 and the ABI lay out such a struct alike. */
export function openWords(open: Open): readonly Uint8Array[] {
  return [uintWord(open.epoch), hashWord(open.head), addressWord(open.session), hashWord(open.attestationDigest)]
}

export function commitWords(commit: Commit): readonly Uint8Array[] {
  return [
    uintWord(commit.epoch),
    uintWord(commit.sequence),
    hashWord(commit.prev),
    hashWord(commit.next),
    hashWord(commit.payoutsHash),
    hashWord(commit.balanceRoot),
    hashWord(commit.logRoot),
    uintWord(commit.logSize),
  ]
}

export function rotateWords(rotate: Rotate): readonly Uint8Array[] {
  return [
    uintWord(rotate.epoch),
    hashWord(rotate.head),
    addressWord(rotate.newAuthority),
    hashWord(rotate.attestationDigest),
  ]
}

export function receiptStruct(receipt: Receipt): Uint8Array {
  return structHash(RECEIPT_TYPE, [uintWord(receipt.epoch), uintWord(receipt.logIndex), hashWord(receipt.leafHash)])
}
