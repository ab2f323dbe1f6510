/** EIP-712 structs of everything that outsiders sign for a ledger (protocol sections 5 and 6). */
import type { Address, Hash } from './ids.ts'
import { toHash } from './ids.ts'
import { leafHash, rootOf } from './log-tree.ts'
import type { Wei } from './money.ts'
import { stringWord, structHash } from './typed-data.ts'
import { addressWord, hashWord, intWord, uintWord } from './words.ts'

export type Credit = {
  readonly ledgerId: Hash
  readonly reporter: Address
  readonly rseq: number
  readonly orchestratorId: string
  readonly recipient: Address
  readonly amountWei: Wei
  readonly eventId: string
  readonly workHash: Hash
  readonly notAfter: number
}

export function creditStruct(credit: Credit): Uint8Array {
  return structHash(
    'Credit(bytes32 ledgerId,address reporter,uint64 rseq,string orchestratorId,address recipient,uint128 amount,string eventId,bytes32 workHash,uint64 notAfter)',
    [
      hashWord(credit.ledgerId),
      addressWord(credit.reporter),
      uintWord(credit.rseq),
      stringWord(credit.orchestratorId),
      addressWord(credit.recipient),
      uintWord(credit.amountWei),
      stringWord(credit.eventId),
      hashWord(credit.workHash),
      uintWord(credit.notAfter),
    ],
  )
}

/** `root` is the RFC 9162 root of the 32-byte creditStructs in order. */
export type CreditBatch = {
  readonly ledgerId: Hash
  readonly reporter: Address
  readonly firstSeq: number
  readonly count: number
  readonly root: Hash
  readonly notAfter: number
}

export function creditBatchStruct(batch: CreditBatch): Uint8Array {
  return structHash(
    'CreditBatch(bytes32 ledgerId,address reporter,uint64 firstSeq,uint32 count,bytes32 root,uint64 notAfter)',
    [
      hashWord(batch.ledgerId),
      addressWord(batch.reporter),
      uintWord(batch.firstSeq),
      uintWord(batch.count),
      hashWord(batch.root),
      uintWord(batch.notAfter),
    ],
  )
}

/** RFC 9162 root over the creditStructs in order: one signature for all of them. */
export function batchRoot(structs: readonly Uint8Array[]): Hash {
  return toHash(rootOf(structs.map(leafHash)))
}

export type SkipSequence = {
  readonly ledgerId: Hash
  readonly reporter: Address
  readonly fromSeq: number
  readonly toSeq: number
}

export function skipSequenceStruct(skip: SkipSequence): Uint8Array {
  return structHash('SkipSequence(bytes32 ledgerId,address reporter,uint64 fromSeq,uint64 toSeq)', [
    hashWord(skip.ledgerId),
    addressWord(skip.reporter),
    uintWord(skip.fromSeq),
    uintWord(skip.toSeq),
  ])
}

export type Register = {
  readonly ledgerId: Hash
  readonly orchestratorId: string
  readonly recipient: Address
  readonly regSeq: number
  readonly notAfter: number
}

export function registerStruct(register: Register): Uint8Array {
  return structHash(
    'Register(bytes32 ledgerId,string orchestratorId,address recipient,uint64 regSeq,uint64 notAfter)',
    [
      hashWord(register.ledgerId),
      stringWord(register.orchestratorId),
      addressWord(register.recipient),
      uintWord(register.regSeq),
      uintWord(register.notAfter),
    ],
  )
}

export type ChangeRecipient = {
  readonly ledgerId: Hash
  readonly orchestratorId: string
  readonly from: Address
  readonly to: Address
  readonly regSeq: number
  readonly notAfter: number
}

export function changeRecipientStruct(change: ChangeRecipient): Uint8Array {
  return structHash(
    'ChangeRecipient(bytes32 ledgerId,string orchestratorId,address from,address to,uint64 regSeq,uint64 notAfter)',
    [
      hashWord(change.ledgerId),
      stringWord(change.orchestratorId),
      addressWord(change.from),
      addressWord(change.to),
      uintWord(change.regSeq),
      uintWord(change.notAfter),
    ],
  )
}

export type PolicyChange = {
  readonly ledgerId: Hash
  readonly version: number
  readonly prevPolicyHash: Hash
  readonly policyHash: Hash
  readonly notAfter: number
}

export function policyChangeStruct(change: PolicyChange): Uint8Array {
  return structHash(
    'Policy(bytes32 ledgerId,uint32 version,bytes32 prevPolicyHash,bytes32 policyHash,uint64 notAfter)',
    [
      hashWord(change.ledgerId),
      uintWord(change.version),
      hashWord(change.prevPolicyHash),
      hashWord(change.policyHash),
      uintWord(change.notAfter),
    ],
  )
}

export type Adjust = {
  readonly ledgerId: Hash
  readonly adjustSeq: number
  readonly orchestratorId: string
  readonly deltaWei: bigint
  readonly reasonHash: Hash
  readonly notAfter: number
}

export function adjustStruct(adjust: Adjust): Uint8Array {
  return structHash(
    'Adjust(bytes32 ledgerId,uint64 adjustSeq,string orchestratorId,int256 delta,bytes32 reasonHash,uint64 notAfter)',
    [
      hashWord(adjust.ledgerId),
      uintWord(adjust.adjustSeq),
      stringWord(adjust.orchestratorId),
      intWord(adjust.deltaWei),
      hashWord(adjust.reasonHash),
      uintWord(adjust.notAfter),
    ],
  )
}

export type Drain = {
  readonly ledgerId: Hash
  readonly drainSeq: number
  readonly amountWei: Wei
  readonly notAfter: number
}

export function drainStruct(drain: Drain): Uint8Array {
  return structHash('Drain(bytes32 ledgerId,uint64 drainSeq,uint128 amount,uint64 notAfter)', [
    hashWord(drain.ledgerId),
    uintWord(drain.drainSeq),
    uintWord(drain.amountWei),
    uintWord(drain.notAfter),
  ])
}

export type JournalReset = {
  readonly ledgerId: Hash
  readonly atSize: number
  readonly atHead: Hash
  readonly newHead: Hash
  readonly notAfter: number
}

export function journalResetStruct(reset: JournalReset): Uint8Array {
  return structHash('JournalReset(bytes32 ledgerId,uint64 atSize,bytes32 atHead,bytes32 newHead,uint64 notAfter)', [
    hashWord(reset.ledgerId),
    uintWord(reset.atSize),
    hashWord(reset.atHead),
    hashWord(reset.newHead),
    uintWord(reset.notAfter),
  ])
}

export type RotateApproval = {
  readonly ledgerId: Hash
  readonly epoch: number
  readonly newAuthority: Address
  readonly logKey: Hash
  readonly config: Hash
  readonly imageDigest: Hash
  readonly notAfter: number
}

export function rotateApprovalStruct(approval: RotateApproval): Uint8Array {
  return structHash(
    'RotateApproval(bytes32 ledgerId,uint48 epoch,address newAuthority,bytes32 logKey,bytes32 config,bytes32 imageDigest,uint64 notAfter)',
    [
      hashWord(approval.ledgerId),
      uintWord(approval.epoch),
      addressWord(approval.newAuthority),
      hashWord(approval.logKey),
      hashWord(approval.config),
      hashWord(approval.imageDigest),
      uintWord(approval.notAfter),
    ],
  )
}
