/** Every prefix and every snapshot of a history with each kind of ending, against every head that was ever told. */
import { expect } from 'chai'
import { replay } from '../../enclave/core/ledger.ts'
import { decideLoad } from '../../enclave/core/settle.ts'
import { decodeSnapshot, encodeSnapshot } from '../../enclave/core/snapshot.ts'
import type { State } from '../../enclave/core/state.ts'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { foldHead } from '../../enclave/protocol/header.ts'
import { type Hash, toHash, toHex, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { unpackRecords } from '../../enclave/seal/record-file.ts'
import { aLine, aPolicy, audited, type Boot, bitmapHash, refusalOf, type World } from '../builders/boot.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'

type Claim = { readonly head: Hash; readonly epoch: number; readonly bitmap: Hash | null }

/** What a host has after one step: so many records and entries, the state as the enclave would seal it, and a snapshot. */
type Moment = {
  readonly records: number
  readonly entries: number
  readonly state: string
  readonly snapshot: Uint8Array[]
}

type History = { readonly world: World; readonly last: Boot; readonly moments: readonly Moment[] }

const SNAPSHOT_RECORDS_MAX = 64
/** Prefixes that each snapshot is read with, beside the longest one. */
const NEXT_MAX = 4
/** Later than every epoch of the history: an epoch must never be what decides here. */
const EPOCH = 20

/** Three boots: a settlement, a bare commit that is void, payouts that landed while nobody told, and a payout that is open. */
function aHistory(): History {
  const world = aWorld({ policy: aPolicy({ cadenceSeconds: 0, payoutsPerCommitMax: 3 }) })
  const moments: Moment[] = []
  const keep = (boot: Boot, ...acts: readonly (() => unknown)[]): void => {
    for (const act of acts) {
      world.nowSeconds += 7
      act()
      moments.push(momentOf(boot))
    }
  }
  const first = world.begun()
  keep(
    first,
    () => undefined,
    () => first.openSession(1),
    () => first.offer(aLine('orch-0', '1'), aLine('orch-1', '2'), aLine('late', '1'), aLine('orch-2', '0.5')),
    () => first.prepare(),
    () => first.offer(aLine('orch-0', '-0.0'), aLine('orch-0', '0.25')),
    () => first.confirm(1, 0b101n),
    () => first.prepare({ mode: 'bare' }),
    () => first.offer(aLine('late-b', '1'), aLine('orch-3', '1')),
  )
  const second = world.provisioned()
  const settled = toHash(Uint8Array.from(Buffer.from(first.ledger.head.slice(2), 'hex')))
  keep(
    second,
    () => second.load(first, { head: settled, epoch: 1, bitmap: null }),
    () => second.openSession(2),
    () => second.offer(),
    () => second.prepare(),
    () => second.offer(aLine('orch-0', '3')),
  )
  const { headerHash } = second.ledger.unlanded
  const third = world.provisioned()
  keep(
    third,
    () => third.load(second, { head: foldHead(headerHash, 0b10n), epoch: 2, bitmap: bitmapHash(0b10n) }),
    () => third.openSession(3),
    () => third.prepare({ mode: 'bare' }),
    () => third.confirm(3, null),
    () => third.prepare(),
  )
  return { world, last: third, moments }
}

function momentOf(boot: Boot): Moment {
  const { blob_b64 } = boot.call('export_state', {})
  return {
    records: boot.sealed.length,
    entries: boot.entries.length,
    state: toHex(encodeSnapshot(boot.instance.state as State)),
    snapshot: unpackRecords(Buffer.from(blob_b64, 'base64'), SNAPSHOT_RECORDS_MAX),
  }
}

type Standing = { head: Hash; unlanded: { hash: Hash; prev: Hash; payouts: number } | null }

/** Where a prefix stands, read from its entries alone. */
function standingOf(entries: readonly Uint8Array[]): Standing {
  const standing: Standing = { head: ZERO_HASH, unlanded: null }
  let payouts = 0
  for (const entry of entries.map(decodeEntry)) {
    if (entry.type === 'reserve') payouts = entry.body.payouts.length
    else if (entry.type === 'commit') {
      standing.unlanded = { hash: entry.body.hash, prev: entry.body.header.prev, payouts }
      payouts = 0
    } else if (entry.type === 'settle' || entry.type === 'void') {
      standing.head = entry.body.head
      standing.unlanded = null
    }
  }
  return standing
}

/** The load rule of the protocol, section 5, in its own words. */
function allows({ head, unlanded }: Standing, claim: Claim): boolean {
  if (unlanded === null) return claim.head === head && claim.bitmap === null
  if (claim.bitmap === null)
    return claim.head === unlanded.prev || (unlanded.payouts === 0 && claim.head === unlanded.hash)
  const bits = BigInt(claim.bitmap)
  return unlanded.payouts > 0 && bits < 2n ** BigInt(unlanded.payouts) && claim.head === foldHead(unlanded.hash, bits)
}

/** Every head that the history passed or could have passed, with each bitmap. */
function claimsOf({ last, moments }: History): Claim[] {
  const bitmaps = [null, 0n, 0b10n, 0b101n, 0b111n, 0b1000n]
  const heads = new Set<Hash>()
  for (const { entries } of moments) {
    const { head, unlanded } = standingOf(last.entries.slice(0, entries))
    heads.add(head)
    if (unlanded === null) continue
    heads.add(unlanded.hash)
    for (const bits of bitmaps) if (bits !== null) heads.add(foldHead(unlanded.hash, bits))
  }
  return [...heads].flatMap((head) =>
    bitmaps.map((bits) => ({ head, epoch: EPOCH, bitmap: bits === null ? null : bitmapHash(bits) })),
  )
}

describe('prefixes and snapshots of one history', function () {
  this.timeout(60_000)
  let history: History
  before(() => {
    history = aHistory()
  })
  after(closeWorlds)

  it('give by replay, and by a snapshot read back, the very bytes that the live enclave would seal', () => {
    const { last, moments } = history
    let state: State | undefined
    for (const [index, entry] of last.entries.entries()) {
      state = replay(state, entry)
      const moment = moments.find(({ entries }) => entries === index + 1)
      if (moment === undefined) continue
      const bytes = encodeSnapshot(state)
      expect(toHex(bytes), `after entry ${index}`).to.equal(moment.state)
      state = index % 2 === 0 ? decodeSnapshot(bytes) : state
      expect(toHex(encodeSnapshot(state)), `read back after entry ${index}`).to.equal(moment.state)
    }
  })

  it('load under a claim that follows from their newest header, and under no other', () => {
    const { world, last, moments } = history
    const claims = claimsOf(history)
    for (const { records, entries } of moments) {
      const prefix = { sealed: last.sealed.slice(0, records), entries: last.entries.slice(0, entries) }
      const standing = standingOf(prefix.entries)
      const state = prefix.entries.reduce<State | undefined>(replay, undefined) as State
      const allowed = claims.filter((claim) => allows(standing, claim))
      for (const claim of claims) {
        if (allowed.includes(claim)) continue
        expect(() => decideLoad(state, claim), JSON.stringify(claim))
          .to.throw()
          .with.property('code', 'CLAIM_MISMATCH')
      }
      for (const claim of allowed) {
        const boot = world.provisioned()
        boot.load(prefix, claim)
        expect(boot.ledger.head).to.equal(claim.head)
        audited(boot.entries)
      }
      expect(allowed.length).to.be.above(0)
      const refused = claims.find((claim) => !allowed.includes(claim)) as Claim
      expect(refusalOf(() => world.provisioned().load(prefix, refused))).to.equal('CLAIM_MISMATCH')
    }
  })

  it('lead from any snapshot over the records after it to the same state as from the first record', () => {
    const { world, last, moments } = history
    for (const [from, { snapshot, records: taken }] of moments.entries()) {
      for (const { records, entries } of [...moments.slice(from, from + NEXT_MAX), ...moments.slice(-1)]) {
        const { head, unlanded } = standingOf(last.entries.slice(0, entries))
        const claimed = { head: unlanded?.prev ?? head, epoch: EPOCH, bitmap: null }
        const whole = world.provisioned()
        whole.call('load_state', { records: last.sealed.slice(0, records), claimed })
        const cut = world.provisioned()
        cut.call('load_state', { records: [...snapshot, ...last.sealed.slice(taken, records)], claimed })
        const bytes = [whole, cut].map(({ instance }) => toHex(encodeSnapshot(instance.state as State)))
        expect(bytes[1], `snapshot after ${taken}, up to ${records}`).to.equal(bytes[0])
      }
    }
  })

  it('refuse a snapshot with records that do not follow it', () => {
    const { world, last, moments } = history
    const claimed = { head: standingOf(last.entries).unlanded?.prev, epoch: EPOCH, bitmap: null }
    for (const { snapshot, records } of moments.slice(1, -1)) {
      for (const from of [records - 1, records + 1]) {
        const offered = [...snapshot, ...last.sealed.slice(from)]
        if (from >= last.sealed.length) continue
        expect(refusalOf(() => world.provisioned().call('load_state', { records: offered, claimed }))).to.equal(
          'SEAL_ORDER',
        )
      }
    }
  })

  it('of two clones from one prefix do not mix, and each alone is whole', () => {
    const { world, last, moments } = history
    const { records, entries } = moments[2] as Moment
    const prefix = { sealed: last.sealed.slice(0, records), entries: last.entries.slice(0, entries) }
    const clones = [world.provisioned(), world.provisioned()] as [Boot, Boot]
    for (const clone of clones) {
      clone.load(prefix, { head: ZERO_HASH, epoch: 1, bitmap: null })
      clone.openSession(2)
      clone.prepare()
      audited(clone.entries)
    }
    const mixed = [...clones[0].sealed.slice(0, records + 1), ...clones[1].sealed.slice(records + 1)]
    const claimed = { head: ZERO_HASH, epoch: 2, bitmap: null }
    expect(refusalOf(() => world.provisioned().call('load_state', { records: mixed, claimed }))).to.equal('SEAL_ORDER')
    for (const clone of clones) expect(world.provisioned().load(clone, claimed).ledger.unlanded).to.equal(null)
  })
})
