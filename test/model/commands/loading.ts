/** New boots from any prefix of any chain, under true and false claims; and what the load rule says of each. */
import { expect } from 'chai'
import { newReplay, step } from '../../../auditor/replay.ts'
import { foldHead } from '../../../enclave/protocol/header.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash, Refused } from '../../builders/boot.ts'
import type { Of } from './commands.ts'
import type { Claim, Host, Snapshot } from './host.ts'
import { Player, type Stored } from './player.ts'

const EPOCH_AT = 2
const EPOCH_BYTES = 6
/** Entries before the session's: genesis, with all that belongs to it, is one record. */
const PREFIX_MIN = 1

type Source = { readonly prefix: readonly Stored[]; readonly snapshot: Snapshot | undefined }
type Standing = {
  readonly head: Hash
  readonly epoch: number
  readonly sealEpoch: number
  readonly unlanded: { readonly hash: Hash; readonly prev: Hash; readonly payouts: number } | null
}

export function reload(host: Host, step_: Of<'reload'>): Player | undefined {
  const source = sourceOf(host, step_)
  const standing = standingOf(source.prefix)
  const claimed = claimOf(host, standing, step_)
  const boot = host.world.provisioned()
  const { snapshot, prefix } = source
  const sealed = prefix.slice(snapshot?.count ?? 0).map((record) => record.sealed)
  const records = [...(snapshot?.chunks ?? []), ...sealed]
  const half = step_.parts ? records.splice(0, Math.ceil(records.length / 2)) : []
  if (half.length > 0) boot.call('load_state', { records: half, more: true })
  try {
    boot.call('load_state', { records, claimed })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    expect([error.code, allows(standing, claimed)]).to.deep.equal(['CLAIM_MISMATCH', false])
    expect(boot.call('status', {}).phase).to.equal('provisioned')
    return undefined
  }
  expect(allows(standing, claimed), JSON.stringify({ standing, claimed })).to.equal(true)
  const player = new Player(boot, prefix)
  player.judge()
  host.adopt(player)
  if (step_.until !== 'loaded') wake(host, player, { until: step_.until })
  return player
}

/** Opens where that has not happened, lands the Open or not, and tells the boot that it landed: a lie in the latter case. */
export function wake(host: Host, player: Player, { until }: { readonly until: 'landed' | 'told' | 'opened' }): void {
  if (player.phase !== 'recovering') return
  const { boot } = player
  player.refuses(['SESSION_CLAIM'], () => boot.call('session_landed', { epoch: 2 ** 40 }))
  host.open(player)
  if (until === 'opened') return
  if (until === 'landed') host.anchor.land(host.calls.at(-1) as Uint8Array, 0n, host.committed)
  boot.call('session_landed', { epoch: boot.ledger.epoch })
  player.acknowledge()
}

/** The whole state in chunks, to be loaded in place of the records up to here. */
export function snapshot(host: Host, player: Player): void {
  const { boot } = player
  const attempt = (chunk: number): { chunk: Uint8Array; chunks: number; record: number } =>
    boot.call('export_snapshot', { chunk })
  if (!['active', 'recovering'].includes(player.phase)) return player.refuses(['PHASE_FORBIDS'], () => attempt(0))
  const first = attempt(0)
  const chunks = Array.from({ length: first.chunks }, (_, chunk) => (chunk === 0 ? first : attempt(chunk)).chunk)
  expect(first.record).to.equal(player.records.length - 1)
  player.refuses(['RECORD_UNKNOWN'], () => attempt(first.chunks))
  host.snapshots.push({ chunks, records: player.records, count: player.records.length })
}

function sourceOf(host: Host, { from, chain, whole, cut }: Of<'reload'>): Source {
  if (from === 'landed') {
    const { records, count } = host.landedPlace()
    return { prefix: records.slice(0, count), snapshot: undefined }
  }
  const taken = from === 'snapshot' ? host.snapshots[chain % Math.max(1, host.snapshots.length)] : undefined
  const records = taken?.records ?? (host.chains[chain % host.chains.length] as readonly Stored[])
  const least = taken?.count ?? PREFIX_MIN
  const count = whole ? records.length : least + (cut % (records.length - least + 1))
  return { prefix: records.slice(0, count), snapshot: taken }
}

function claimOf(host: Host, { head, unlanded }: Standing, { claim, bits, epochs }: Of<'reload'>): Claim {
  const epoch = Math.max(0, host.anchor.epoch + epochs)
  const lie = bits & ((1n << BigInt(unlanded?.payouts ?? 1)) - 1n)
  switch (claim) {
    case 'true':
      return { ...host.truth(unlanded?.hash), epoch }
    case 'prev':
      return { head: unlanded?.prev ?? head, epoch, bitmap: null }
    case 'folded':
      return { head: foldHead(unlanded?.hash ?? head, lie), epoch, bitmap: bitmapHash(lie) }
    case 'bare':
      return { head: unlanded?.hash ?? head, epoch, bitmap: null }
    case 'own':
      return { head, epoch, bitmap: null }
    case 'other':
      return { head: bitmapHash(bits + 7n), epoch, bitmap: bits % 2n === 0n ? null : bitmapHash(bits) }
    default:
      throw new Error(`a claim of a known kind, not ${claim}`)
  }
}

/** Where a chain of records stands, by the auditor's reading. */
function standingOf(records: readonly Stored[]): Standing {
  const replay = newReplay()
  for (const { entries } of records) for (const entry of entries) step(replay, entry, replay.size)
  const { ledger } = replay
  if (ledger === null) throw new Error('a prefix holds at least genesis')
  const { unlanded } = ledger
  return {
    head: ledger.head,
    epoch: ledger.epoch,
    sealEpoch: epochOf(records.at(-1) as Stored),
    unlanded:
      unlanded === null
        ? null
        : { hash: unlanded.hash, prev: unlanded.header.prev, payouts: unlanded.payouts?.length ?? 0 },
  }
}

/** The epoch in the clear header of a record (docs/PROTOCOL.md section 7). */
function epochOf({ sealed }: Stored): number {
  return sealed.slice(EPOCH_AT, EPOCH_AT + EPOCH_BYTES).reduce((value, byte) => value * 256 + byte, 0)
}

/** The load rule of the protocol, section 5, in its own words. */
function allows({ head, epoch, sealEpoch, unlanded }: Standing, claim: Claim): boolean {
  if (claim.epoch + 1 <= epoch || claim.epoch + 1 < sealEpoch) return false
  if (unlanded === null) return claim.head === head && claim.bitmap === null
  if (claim.bitmap === null)
    return claim.head === unlanded.prev || (unlanded.payouts === 0 && claim.head === unlanded.hash)
  const bits = BigInt(claim.bitmap)
  return unlanded.payouts > 0 && bits < 2n ** BigInt(unlanded.payouts) && claim.head === foldHead(unlanded.hash, bits)
}
