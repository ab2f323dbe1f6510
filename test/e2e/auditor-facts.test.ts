import { existsSync } from 'node:fs'
import { assert } from 'chai'
import { readChain } from '../../auditor/chain.ts'
import type { AnchorEvent, BrokerEvent, ChainFacts } from '../../auditor/chain-facts.ts'
import type { ReplayedHeader } from '../../auditor/reconcile.ts'
import { reconcile } from '../../auditor/reconcile.ts'
import { expectedHeader, newReplay, step } from '../../auditor/replay.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { addressOf, hashOf } from '../unit/auditor/log-builder.ts'
import { livedLedger, type Stage } from './auditor-stage.ts'
import { chainWorkshop } from './chain-harness.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'

describe('auditor: facts of the chain, changed one at a time', function () {
  this.timeout(120_000)
  const workshop = chainWorkshop()
  let stage: Stage
  let facts: ChainFacts

  before(async function () {
    if (!existsSync(ARTIFACT)) {
      process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
      return this.skip()
    }
    const chain = await workshop.start({ dataDir: await workshop.folder() })
    stage = await livedLedger(chain.url)
    facts = await readChain({ rpcUrl: stage.url, anchor: stage.anchor, depthBlocks: 0, since: 0 })
  })

  after(() => workshop.clear())

  function findings(changes: Partial<ChainFacts>): string[] {
    const replay = newReplay()
    const headers = new Map<number, ReplayedHeader>()
    const sizes = new Set(facts.events.flatMap((event) => (event.kind === 'committed' ? [event.logSize] : [])))
    const note = (): void => {
      const header = sizes.has(replay.size) ? expectedHeader(replay) : undefined
      if (header !== undefined) headers.set(replay.size, header)
    }
    for (const bytes of stage.log.entries) {
      note()
      step(replay, bytes, replay.size)
    }
    if (replay.ledger === null) throw new TypeError('expected a ledger')
    const told = reconcile({
      ledger: replay.ledger,
      size: replay.size,
      headers,
      facts: { ...facts, ...changes },
      at: 99,
      since: 0,
    })
    return told.findings.list.map(({ code, subject }) => `${code} ${subject}`)
  }

  const events = (kind: string, change: (event: never) => object, nth = 0): Partial<ChainFacts> => {
    const own = facts.events.filter((event) => event.kind === kind)[nth]
    return {
      events: facts.events.map((event) =>
        event === own ? ({ ...event, ...change(event as never) } as AnchorEvent) : event,
      ),
    }
  }
  const broker = (kind: string, change: (event: BrokerEvent) => object): Partial<ChainFacts> => {
    const own = facts.brokerEvents.find((event) => event.kind === kind)
    return {
      brokerEvents: facts.brokerEvents.map((event) => (event === own ? { ...event, ...change(event) } : event)),
    }
  }

  it('finds nothing in the facts as they are', () => {
    assert.deepEqual(findings({}), [])
  })

  it('names another chain, broker and guardian', () => {
    assert.deepEqual(findings({ chainId: 1 }), ['CHAIN_IDENTITY chainId'])
    const { state } = facts
    assert.deepEqual(findings({ state: { ...state, broker: addressOf(1) } }), ['CHAIN_IDENTITY broker'])
    assert.deepEqual(findings({ state: { ...state, guardian: addressOf(1) } }), ['CHAIN_IDENTITY guardian'])
  })

  it('names a head, sequence or epoch that the events do not lead to', () => {
    for (const change of [{ head: hashOf(1) }, { sequence: 9 }, { epoch: 9 }]) {
      assert.deepEqual(findings({ state: { ...facts.state, ...change } }), ['CHAIN_STATE head, sequence, epoch'])
    }
  })

  it('names an authority that no event has made one (seed 5, 2026-11-21)', () => {
    const state = { ...facts.state, authority: addressOf(1) }
    assert.deepEqual(findings({ state }), ['CHAIN_STATE authority'])
  })

  it('names a commit with another header, root or size', () => {
    assert.include(findings(events('committed', () => ({ next: hashOf(1) }), 4)), 'COMMIT_HEADER sequence 5 header')
    assert.deepEqual(findings(events('committed', () => ({ logRoot: hashOf(1) }))), [
      'COMMIT_HEADER sequence 1 logRoot',
    ])
    assert.deepEqual(findings(events('committed', () => ({ balanceRoot: hashOf(1) }))), [
      'COMMIT_HEADER sequence 1 balanceRoot',
    ])
    assert.include(findings(events('committed', () => ({ logSize: 3 }))), 'LOG_BEHIND sequence 1')
  })

  it('names a commit that the chain does not have', () => {
    const last = facts.events.filter(({ kind }) => kind === 'committed').at(-1)
    const found = findings({
      events: facts.events.filter((event) => event !== last && !(event.kind === 'settled' && event.sequence === 5)),
    })
    assert.include(found, 'COMMIT_MISSING sequence 5')
  })

  it('names a commit that the log calls void', () => {
    const replayed = stage.log.state
    assert.equal(replayed.sequence, 5)
    const voided = newReplay()
    for (const bytes of stage.log.entries) step(voided, bytes, voided.size)
    const record = voided.ledger?.commits.find(({ fate }) => fate === 'void')
    const change = events('committed', () => ({ next: record?.hash as Hash }), 3)
    assert.include(findings(change), 'VOID_LANDED sequence 4')
  })

  it('names a settlement with another bitmap or head', () => {
    const found = findings(events('settled', () => ({ bitmap: 1n })))
    assert.include(found, 'SETTLED_ENTRY sequence 2 bitmap')
    assert.include(findings(events('settled', () => ({ head: hashOf(1) }))), 'SETTLED_ENTRY sequence 2 head')
  })

  it('names a session that was never opened, or another one', () => {
    const sessions = facts.events.filter(({ kind }) => kind !== 'session')
    assert.include(findings({ events: sessions }), 'SESSION_MISSING epoch 1')
    assert.deepEqual(findings(events('session', () => ({ session: addressOf(1) }))), ['SESSION_FIELD epoch 1 session'])
    assert.deepEqual(findings(events('session', () => ({ attestationDigest: hashOf(1) }))), [
      'SESSION_FIELD epoch 1 attestationDigest',
    ])
  })

  it('names another authority', () => {
    assert.include(findings(events('appointed', () => ({ authority: addressOf(1) }))), 'AUTHORITY_FIELD authority')
  })

  it('names a payout that the broker did not move, moved short, or moved elsewhere', () => {
    assert.deepEqual(findings({ brokerEvents: [] }).slice(0, 2), [
      'PAYMENT_MISSING sequence 2 payout 1',
      'PAYMENT_MISSING sequence 2 payout 2',
    ])
    assert.deepEqual(findings(broker('moved', ({ amountWei }) => ({ amountWei: amountWei - 1n }))), [
      'PAYMENT_FIELD sequence 2 payout 1',
    ])
    assert.deepEqual(findings(broker('moved', () => ({ recipient: addressOf(1) }))), [
      'PAYMENT_FIELD sequence 2 payout 1',
    ])
    assert.deepEqual(findings(broker('redeemed', () => ({ sender: addressOf(1) }))), [
      'PAYMENT_FIELD sequence 2 payout 1',
    ])
  })

  it('names a payout that the broker made twice, and one that the ledger never made', () => {
    const redeemed = facts.brokerEvents.find(({ kind }) => kind === 'redeemed') as BrokerEvent
    assert.deepEqual(findings({ brokerEvents: [...facts.brokerEvents, redeemed] }), [
      'PAYMENT_DOUBLED sequence 2 payout 1',
    ])
    const extra = { ...redeemed, payoutId: 77n }
    assert.deepEqual(findings({ brokerEvents: [...facts.brokerEvents, extra] }), [
      `PAYMENT_EXTRA payout 77 in ${redeemed.transaction}`,
    ])
  })

  it('names money that the broker moved twice for one ticket (seed 88, 2026-11-21)', () => {
    const moved = facts.brokerEvents.find(({ kind }) => kind === 'moved') as BrokerEvent
    const brokerEvents = facts.brokerEvents.flatMap((event) => (event === moved ? [event, event] : [event]))
    assert.deepEqual(findings({ brokerEvents }), [`PAYMENT_EXTRA a move in ${moved.transaction}`])
  })

  it('names a call that paid something else than was reserved, or skipped something else', () => {
    const [transaction, call] = [...facts.calls][0] as [Hash, NonNullable<ReturnType<typeof facts.calls.get>>]
    const withCall = (change: Partial<typeof call>) =>
      findings({ calls: new Map(facts.calls).set(transaction, { ...call, ...change }) })
    const [first, ...rest] = call.payouts.tickets
    if (first === undefined) throw new TypeError('expected a ticket')
    const other = { ...first, recipient: addressOf(1) }
    assert.deepEqual(withCall({ payouts: { ...call.payouts, tickets: [other, ...rest] } }), [
      'CALL_PAYOUTS sequence 2 payout 1',
    ])
    assert.include(withCall({ payouts: { ...call.payouts, tickets: rest } }), 'CALL_PAYOUTS sequence 2')
    assert.include(withCall({ payouts: { ...call.payouts, firstPayoutId: 2 } }), 'CALL_PAYOUTS sequence 2 payout 1')
    assert.deepEqual(withCall({ skip: 1n }), ['CALL_SKIP sequence 2 payout 1'])
  })

  it('names a block in which the treasury fell by more than was paid, and a fall between', () => {
    const steps = facts.treasury ?? []
    assert.isAtLeast(steps.length, 3)
    const more = steps.map((one, at) => (at === 0 ? { ...one, afterWei: one.afterWei - 1n } : one))
    assert.deepEqual(findings({ treasury: more }), [`TREASURY_OUTFLOW block ${steps[0]?.block}`])
    const between = steps.map((one, at) =>
      at === 1 ? { ...one, beforeWei: one.beforeWei - 1n, afterWei: one.afterWei - 1n } : one,
    )
    assert.deepEqual(findings({ treasury: between }), [`TREASURY_OUTFLOW before block ${steps[1]?.block}`])
  })

  it('names a treasury that fell since the newest block that paid', () => {
    const newest = facts.treasury?.at(-1)
    const balanceWei = (newest?.afterWei ?? 0n) - 1n
    assert.deepEqual(findings({ state: { ...facts.state, balanceWei } }), [
      `TREASURY_OUTFLOW since block ${newest?.block}`,
    ])
  })
})
