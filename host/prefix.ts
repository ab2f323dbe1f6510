/**
 * Which prefix of the stored records leads to the head on chain (protocol section 5, Load). Decided from the public
 * entries alone; the enclave decides again from the sealed ones, so a mistake here costs an attempt and nothing more.
 */
import { decodeEntry, type Entry } from '../enclave/protocol/entry.ts'
import { foldHead } from '../enclave/protocol/header.ts'
import { type Hash, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { bytesEqual, utf8 } from '../enclave/protocol/words.ts'

/** What the chain says: `bitmap` is that of the paying commit which made this very head, null for every other head. */
export type Claim = { readonly head: Hash; readonly epoch: number; readonly bitmap: Hash | null }

/** Where the ledger stands after a record. */
export type Standing = {
  /** What the next `prev` must be, as far as the entries tell. */
  readonly head: Hash
  readonly unlanded: { readonly hash: Hash; readonly prev: Hash; readonly pays: boolean } | null
  /** Highest sequence that an entry `settle` has closed, 0 before the first. */
  readonly settled: number
  /** Epoch of the newest `open`, 0 before the first. */
  readonly epoch: number
}

export const STANDING_AT_GENESIS: Standing = { head: ZERO_HASH, unlanded: null, settled: 0, epoch: 0 }

/** Commits and sessions up to here are final: what follows may be undone by a reorg [G12]. */
export type Final = { readonly sequence: number; readonly epoch: number }

/** The standing after the entries of one record. Entries without bearing on the head are passed over unread. */
export function standingAfter(standing: Standing, entries: readonly Uint8Array[]): Standing {
  const read = entries.filter(bearsOnHead).map((bytes) => decodeEntry(bytes))
  const pays = new Set(
    read.flatMap((entry) => (entry.type === 'reserve' && entry.body.payouts.length > 0 ? [entry.body.sequence] : [])),
  )
  return read.reduce((before, entry) => apply(before, entry, pays), standing)
}

/** The bitmap to claim (or null) when this standing leads to the claimed head; undefined when it doesn't. */
export function matches(standing: Standing, claim: Claim): { readonly bitmap: Hash | null } | undefined {
  const { unlanded } = standing
  if (unlanded === null) return standing.head === claim.head ? { bitmap: null } : undefined
  if (unlanded.prev === claim.head) return { bitmap: null }
  if (!unlanded.pays) return unlanded.hash === claim.head ? { bitmap: null } : undefined
  if (claim.bitmap === null) return undefined
  return foldHead(unlanded.hash, BigInt(claim.bitmap)) === claim.head ? { bitmap: claim.bitmap } : undefined
}

export function isFinal(standing: Pick<Standing, 'settled' | 'epoch'>, final: Final): boolean {
  return standing.settled <= final.sequence && standing.epoch <= final.epoch
}

const CBOR_SHORT_TEXT = 0x60
const BEARING: readonly Uint8Array[] = ['commit', 'settle', 'void', 'open', 'reserve'].map(typeEnding)

/** An entry's canonical form ends with its type as text: key order is by length, then by bytes. */
function bearsOnHead(entry: Uint8Array): boolean {
  return BEARING.some(
    (ending) => entry.length >= ending.length && bytesEqual(entry.subarray(entry.length - ending.length), ending),
  )
}

function typeEnding(type: string): Uint8Array {
  const text = utf8(type)
  return Uint8Array.of(CBOR_SHORT_TEXT | text.length, ...text)
}

function apply(standing: Standing, entry: Entry, pays: ReadonlySet<number>): Standing {
  switch (entry.type) {
    case 'commit': {
      const { hash, header } = entry.body
      return { ...standing, unlanded: { hash, prev: header.prev, pays: pays.has(header.sequence) } }
    }
    case 'settle':
      return { ...standing, head: entry.body.head, unlanded: null, settled: entry.body.sequence }
    case 'void':
      return { ...standing, head: entry.body.head, unlanded: null }
    case 'open':
      return { ...standing, epoch: entry.body.epoch }
    default:
      return standing
  }
}
