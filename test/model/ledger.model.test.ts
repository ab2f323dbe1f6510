/** Random commands against one ledger with a model of the anchor; the auditor's replay is the oracle throughout. */
import { expect } from 'chai'
import fc from 'fast-check'
import { foldHead } from '../../enclave/protocol/header.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import {
  aLine,
  anAddress,
  aPolicy,
  audited,
  type Boot,
  bitmapHash,
  Refused,
  refusalOf,
  World,
} from '../builders/boot.ts'

const COMMANDS_MAX = 40
const RUNS = 150
/** The seed of every run; another one is drawn by setting MODEL_SEED, and a failure prints its own. */
const SEED = Number.parseInt(process.env['MODEL_SEED'] ?? '20261120', 10)

type Anchor = { head: Hash; epoch: number; bitmap: bigint | null; paidWei: bigint; landed: number }

type Played = {
  readonly world: World
  boot: Boot
  readonly anchor: Anchor
  commit: Commit | undefined
  creditedWei: bigint
}
type Commit = {
  readonly sequence: number
  readonly headerHash: Hash
  readonly amountsWei: readonly bigint[]
  landedBits: bigint | null | undefined
}

const IDS = ['orch-0', 'orch-1', 'orch-4', 'late-a', 'late-b', `0x${'ab'.repeat(20)}`]

const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('offer' as const),
      lines: fc.array(fc.tuple(fc.constantFrom(...IDS), fc.bigInt(-(10n ** 18n), 3n * 10n ** 18n)), {
        minLength: 1,
        maxLength: 6,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('prepare' as const),
      pay: fc.boolean(),
      budgetWei: fc.bigInt(0n, 10n ** 19n),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('land' as const), bits: fc.bigInt(0n, 2n ** 50n - 1n) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('confirm' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reboot' as const), snapshot: fc.boolean() }) },
)

function play(played: Played, step: typeof command extends fc.Arbitrary<infer T> ? T : never): void {
  const { world, anchor } = played
  world.nowSeconds += 30
  switch (step.kind) {
    case 'offer': {
      const before = BigInt(played.boot.ledger.creditedWei)
      played.boot.offer(...step.lines.map(([id, value]) => aLine(id, etherText(value))))
      played.creditedWei += BigInt(played.boot.ledger.creditedWei) - before
      return
    }
    case 'prepare':
      return prepare(played, step.pay, step.budgetWei)
    case 'land':
      return land(played, step.bits)
    case 'confirm': {
      const { commit } = played
      if (commit?.landedBits === undefined) return
      played.boot.confirm(commit.sequence, commit.landedBits)
      played.commit = undefined
      expect(played.boot.ledger.head).to.deep.equal(anchor.head)
      return
    }
    case 'reboot':
      return reboot(played, step.snapshot)
  }
}

function prepare(played: Played, pay: boolean, budgetWei: bigint): void {
  try {
    const commit = played.boot.prepare({ mode: pay ? 'pay' : 'bare', budgetWei: budgetWei.toString() })
    const amountsWei = commit.payouts.map((payout: { amountWei: string }) => BigInt(payout.amountWei))
    played.commit = { sequence: commit.sequence, headerHash: commit.headerHash, amountsWei, landedBits: undefined }
    expect(amountsWei.reduce((sum: bigint, amount: bigint) => sum + amount, 0n) <= budgetWei).to.equal(true)
  } catch (error) {
    if (!(error instanceof Refused) || !['COMMIT_UNLANDED', 'NOTHING_DUE', 'CADENCE_EARLY'].includes(error.code))
      throw error
  }
}

/** The model's anchor takes the commit whole: money and head together. */
function land(played: Played, bits: bigint): void {
  const { anchor, commit } = played
  if (commit === undefined || commit.landedBits !== undefined) return
  const paid = commit.amountsWei.length > 0
  commit.landedBits = paid ? bits & ((1n << BigInt(commit.amountsWei.length)) - 1n) : null
  anchor.head = commit.landedBits === null ? commit.headerHash : foldHead(commit.headerHash, commit.landedBits)
  anchor.bitmap = commit.landedBits
  anchor.landed = commit.sequence
  for (const [position, amount] of commit.amountsWei.entries()) {
    if (((bits >> BigInt(position)) & 1n) === 1n) anchor.paidWei += amount
  }
}

function reboot(played: Played, snapshot: boolean): void {
  const { world, anchor, boot, commit } = played
  const next = world.provisioned()
  const unlanded = boot.ledger.unlanded !== null
  const bitmap = unlanded && commit?.landedBits !== undefined ? commit.landedBits : null
  const claimed = { head: anchor.head, epoch: anchor.epoch, bitmap: bitmap === null ? null : bitmapHash(bitmap) }
  if (snapshot) {
    const { blob_b64 } = boot.call('export_state', {})
    next.entries.push(...boot.entries)
    next.store('load_state', { blob_b64, claimed })
    // What the next reboot loads starts from this snapshot's chain.
    next.sealed.unshift(...boot.sealed)
  } else next.load(boot, claimed)
  anchor.epoch++
  next.openSession(anchor.epoch)
  next.journalHead = boot.journalHead
  played.boot = next
  played.commit = undefined
}

/** Signed wei as decimal ether, as a journal line has it. */
function etherText(value: bigint): string {
  const size = (value < 0n ? -value : value).toString().padStart(19, '0')
  return `${value < 0n ? '-' : ''}${size.slice(0, -18)}.${size.slice(-18)}`
}

describe('any order of commands', () => {
  it('conserves every wei, follows the anchor and satisfies the auditor', function (this: Mocha.Context) {
    this.timeout(60_000)
    const property = fc.property(fc.array(command, { maxLength: COMMANDS_MAX }), (steps) => {
      const world = new World({
        policy: aPolicy({
          cadenceSeconds: 0,
          payoutWeiMax: wei(2n * 10n ** 18n),
          payoutsPerCommitMax: 3,
          backoffSequencesMax: 4,
        }),
        openings: [{ id: 'late-b', wei: wei(7n * 10n ** 17n), recipient: anAddress(0x77) }],
      })
      try {
        const played: Played = {
          world,
          boot: world.active(),
          anchor: { head: ZERO_HASH, epoch: 1, bitmap: null, paidWei: 0n, landed: 0 },
          commit: undefined,
          creditedWei: 7n * 10n ** 17n,
        }
        for (const step of steps) play(played, step)
        if (played.commit?.landedBits !== undefined) play(played, { kind: 'confirm' })
        const ledger = audited(played.boot.entries)
        expect(ledger.paidWei).to.equal(played.anchor.paidWei)
        expect(ledger.creditedWei).to.equal(played.creditedWei)
        expect(ledger.sequence).to.equal(played.anchor.landed)
        expect(ledger.head).to.equal(played.anchor.head === ZERO_HASH ? ZERO_HASH : ledger.head)
      } finally {
        world.close()
      }
    })
    fc.assert(property, { numRuns: RUNS, seed: SEED })
  })

  it('catches a model that pays a bit more than the enclave was told', () => {
    const world = new World({ policy: aPolicy({ cadenceSeconds: 0 }) })
    const boot = world.active()
    boot.offer(aLine('orch-0', '1'), aLine('orch-1', '1'))
    const commit = boot.prepare()
    boot.confirm(commit.sequence, 0b01n)
    const truth = { head: foldHead(commit.headerHash, 0b11n), epoch: 1, bitmap: null }
    expect(refusalOf(() => world.provisioned().load(boot, truth))).to.equal('CLAIM_MISMATCH')
    world.close()
  })
})
