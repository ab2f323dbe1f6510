/** Everything that the host of a model run has: boots and clones, every record, every signed call, and the anchor. */
import { accounts } from '../../../auditor/replay.ts'
import type { Genesis } from '../../../enclave/protocol/configuration.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash, FEES, World } from '../../builders/boot.ts'
import { Anchor, type Committed } from './anchor.ts'
import { Player, type Stored } from './player.ts'

const PLAYERS_MAX = 3

/** Where a chain of records stood when a header was closed. */
export type Place = Committed & { readonly records: readonly Stored[]; readonly count: number }
export type Snapshot = {
  readonly chunks: readonly Uint8Array[]
  readonly records: readonly Stored[]
  readonly count: number
}
export type Claim = { readonly head: Hash; readonly epoch: number; readonly bitmap: Hash | null }

export class Host {
  readonly world: World
  readonly anchor: Anchor
  readonly players: Player[] = []
  /** Chains of records, those of boots that are gone among them. */
  readonly chains: Stored[][] = []
  readonly calls: Uint8Array[] = []
  readonly snapshots: Snapshot[] = []
  readonly committed = new Map<Hash, Place>()
  /** Acts that the enclave took at least once: a run in which all is refused shows nothing. */
  readonly accepted: Set<string>

  constructor(genesis: Partial<Genesis>, accepted: Set<string>) {
    this.accepted = accepted
    this.world = new World(genesis)
    const boot = this.world.begun()
    const { configuration } = boot.instance
    this.anchor = new Anchor(configuration, boot.call('address', {}).address)
    // The ledger begins in one record: that is what the host has by now.
    const player = new Player(boot, [{ sealed: boot.sealed[0] as Uint8Array, entries: boot.entries }])
    this.adopt(player)
    this.open(player)
    this.anchor.land(this.calls.at(-1) as Uint8Array, 0n, this.committed)
    boot.call('session_landed', { epoch: 1 })
    this.judge(player)
  }

  close(): void {
    this.world.close()
  }

  player(which: number): Player {
    const holder = this.players.find(({ boot }) => boot.instance.session.address === this.anchor.session)
    return which < 6 && holder !== undefined ? holder : (this.players[which % this.players.length] as Player)
  }

  adopt(player: Player): void {
    this.chains.push(player.records)
    this.players.push(player)
    if (this.players.length > PLAYERS_MAX) this.players.shift()
  }

  /** Signs the Open, and keeps the call. */
  open(player: Player): void {
    const { call } = player.boot.call('open_session', { accountNonce: 0, fees: FEES })
    this.calls.push(call)
  }

  /** What is true of a chain's newest header: landed by this bitmap, or not. */
  truth(newest: Hash | undefined): Claim {
    const { head, epoch, landed } = this.anchor
    const last = landed.at(-1)
    const told = last !== undefined && last.next === newest ? last.bitmap : null
    return { head, epoch, bitmap: told === null ? null : bitmapHash(told) }
  }

  /** The boot against the auditor; and what its newest header commits to, before anything of it can land. */
  judge(player: Player): void {
    player.judge()
    const unlanded = player.replay.ledger?.unlanded ?? null
    if (unlanded === null || this.committed.has(unlanded.hash)) return
    const columns = accounts(player.replay)
    this.committed.set(unlanded.hash, {
      payouts: unlanded.payouts ?? [],
      creditedWei: columns.map(({ creditedWei }) => creditedWei),
      paidWei: columns.map(({ paidWei }) => paidWei),
      records: player.records,
      count: player.records.length,
    })
  }

  /** Where the landed history lies: before the first landing, the very first record. */
  landedPlace(): { readonly records: readonly Stored[]; readonly count: number } {
    const last = this.anchor.landed.at(-1)
    const place = last === undefined ? undefined : this.committed.get(last.next)
    return place ?? { records: this.chains[0] as Stored[], count: 1 }
  }
}
