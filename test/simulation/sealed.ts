/** Every sealed blob ever written: records in the chains they were sealed in, and snapshots beside them. */
import { foldHead } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import type { JournalNode } from './journal.ts'
import type { LogNode } from './log-branch.ts'

/** What the state is after a record, as an observer of the enclave's memory sees it. */
export type Mark = {
  readonly head: Hash
  readonly epoch: number
  readonly sequence: number
  readonly unlanded: { readonly hash: Hash; readonly prev: Hash; readonly payouts: number } | null
  readonly journal: JournalNode | undefined
  /** The newest entry. */
  readonly node: LogNode
  /** Of the newest open entry, whether or not that session ever landed. */
  readonly session: Address | undefined
  readonly authority: Address
}

export type SealedRecord = {
  readonly number: number
  readonly sealed: Uint8Array
  readonly entries: readonly Uint8Array[]
  readonly previous: SealedRecord | undefined
  readonly sealEpoch: number
  readonly mark: Mark
  /** The host has it. Without that nobody outside the enclave can use it. */
  delivered: boolean
  /** On the honest host's disk: written may be torn by a crash, synced may not. */
  stored: 'no' | 'written' | 'synced'
}

/** The state after record `after`, in chunks. */
export type Snapshot = { readonly after: SealedRecord; readonly chunks: readonly Uint8Array[] }

export type Archive = { readonly records: SealedRecord[]; snapshots: Snapshot[] }

/** What a load hands over: a snapshot's chunks if any, then the deltas after it. */
export type LoadPlan = { readonly tip: SealedRecord; readonly blobs: Uint8Array[] }

export type AnchorClaim = { readonly head: Hash; readonly epoch: number; readonly bitmap: bigint | null }

/**
 * From the newest snapshot below `tip`, or from record 0 where that holds the genesis: a ledger that was rebuilt begins
 * another chain, which nothing but a snapshot of its own can start. Undefined when a blob is missing.
 */
export function planLoad(archive: Archive, tip: SealedRecord, useSnapshots: boolean): LoadPlan | undefined {
  const snapshots = useSnapshots ? new Map(archive.snapshots.map((snapshot) => [snapshot.after, snapshot])) : new Map()
  let index = tip.mark.node.index + 1
  const deltas: Uint8Array[] = []
  let record: SealedRecord | undefined = tip
  for (; record !== undefined; record = record.previous) {
    const snapshot: Snapshot | undefined = snapshots.get(record)
    if (snapshot !== undefined) return { tip, blobs: [...snapshot.chunks, ...deltas.reverse()] }
    if (!record.delivered) return undefined
    deltas.push(record.sealed)
    index -= record.entries.length
  }
  return index === 0 ? { tip, blobs: deltas.reverse() } : undefined
}

/** The claim under which this prefix is the chain's, by the load rule of protocol section 5; undefined when there is none. */
export function claimFor(record: SealedRecord, chain: AnchorClaim): AnchorClaim | undefined {
  const { mark, sealEpoch } = record
  if (mark.epoch > chain.epoch || sealEpoch > chain.epoch + 1) return undefined
  const { unlanded } = mark
  if (unlanded === null) return mark.head === chain.head ? { ...chain, bitmap: null } : undefined
  if (unlanded.prev === chain.head) return { ...chain, bitmap: null }
  if (unlanded.payouts === 0) return unlanded.hash === chain.head ? { ...chain, bitmap: null } : undefined
  if (chain.bitmap === null || chain.bitmap >> BigInt(unlanded.payouts) !== 0n) return undefined
  return foldHead(unlanded.hash, chain.bitmap) === chain.head ? chain : undefined
}
