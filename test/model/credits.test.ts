import { expect } from 'chai'
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { aGenesis, anAddress, aPolicy, audited, type Boot, refusalOf, type World } from '../builders/boot.ts'
import { aSigner, GOVERNED, REPORTERS, type Signer, signedFor } from '../builders/governors.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'

const [FIRST, SECOND] = REPORTERS as readonly [Signer, Signer]
const ETHER_WEI = 10n ** 18n

function governed(over: Partial<Policy> = {}): World {
  return aWorld(aGenesis({ policy: aPolicy({ ...GOVERNED, ...over }) }))
}

function aLedger(over: Partial<Policy> = {}) {
  const world = governed(over)
  return { world, boot: world.active(), by: signedFor(world.configuration) }
}

function balanceOf(boot: Boot, id: string): bigint {
  return BigInt(boot.call('balance', { orchestrator_id: id }).balance_wei)
}

describe('signed credits', function () {
  this.timeout(60_000)
  after(closeWorlds)

  it('count once, in the order of their reporter, and a repetition is known', () => {
    const { boot, by } = aLedger()
    const credits = [by.credit(FIRST, 1), by.credit(FIRST, 2)]
    const taken = boot.store('credit_signed', { credits, receipts: true })
    expect(taken.outcomes.map(({ kind }: { kind: string }) => kind)).to.deep.equal(['applied', 'applied'])
    expect(taken.receipts).to.have.length(2)
    expect(boot.store('credit_signed', { credits }).outcomes[1].kind).to.equal('known')
    expect(balanceOf(boot, 'orch-0')).to.equal(2n * ETHER_WEI)
    expect(audited(boot.entries).creditedWei).to.equal(2n * ETHER_WEI)
  })

  it('are refused whole when one field differs from what was signed', () => {
    const { boot, by } = aLedger()
    const honest = by.credit(FIRST, 1)
    const flips: object[] = [
      { amountWei: '1000000000000000001' },
      { orchestratorId: 'orch-1' },
      { recipient: anAddress(5) },
      { eventId: 'other' },
      { workHash: `0x${'01'.repeat(32)}` },
      { notAfter: honest.notAfter - 1 },
      { reporter: SECOND.address },
      { rseq: 2 },
      { signature: by.credit(SECOND, 1).signature },
    ]
    for (const flip of flips)
      expect(
        refusalOf(() => boot.call('credit_signed', { credits: [{ ...honest, ...flip }] })),
        Object.keys(flip)[0],
      ).to.equal('SIGNER_MISMATCH')
    expect(boot.store('credit_signed', { credits: [honest] }).outcomes[0].kind).to.equal('applied')
  })

  it('of another ledger are refused', () => {
    const { boot } = aLedger()
    const elsewhere = signedFor({ chainId: 1, anchor: anAddress(0xa1) })
    const attempt = () => boot.call('credit_signed', { credits: [elsewhere.credit(FIRST, 1)] })
    expect(refusalOf(attempt)).to.equal('SIGNER_MISMATCH')
  })

  it('of a reporter that the policy does not name are refused', () => {
    const { boot, by } = aLedger()
    const attempt = () => boot.call('credit_signed', { credits: [by.credit(aSigner('nobody'), 1)] })
    expect(refusalOf(attempt)).to.equal('REPORTER_UNKNOWN')
  })

  it('show a hole as a gap, which only the reporter can close', () => {
    const { boot, by } = aLedger()
    const [outcome] = boot.store('credit_signed', { credits: [by.credit(FIRST, 3)] }).outcomes
    expect(outcome).to.deep.include({ kind: 'gap', expected: 1 })
    expect(refusalOf(() => boot.call('skip_sequence', { ...by.skip(SECOND, 1, 2), reporter: FIRST.address }))).to.equal(
      'SIGNER_MISMATCH',
    )
    expect(refusalOf(() => boot.call('skip_sequence', by.skip(FIRST, 2, 2)))).to.equal('COUNTER_MISMATCH')
    expect(boot.store('skip_sequence', by.skip(FIRST, 1, 2)).nextSeq).to.equal(3)
    expect(boot.store('credit_signed', { credits: [by.credit(FIRST, 3)] }).outcomes[0].kind).to.equal('applied')
    audited(boot.entries)
  })

  it('that came too late may be signed again under the same number', () => {
    const { world, boot, by } = aLedger()
    const late = by.credit(FIRST, 1, { notAfter: world.nowSeconds - 1 })
    expect(boot.store('credit_signed', { credits: [late] }).outcomes[0].kind).to.equal('expired')
    expect(boot.store('credit_signed', { credits: [by.credit(FIRST, 1)] }).outcomes[0].kind).to.equal('applied')
  })

  it('use their number up when policy refuses them, and the log says why', () => {
    const { boot, by } = aLedger()
    const credits = [
      by.credit(FIRST, 1, { recipient: anAddress(0x77) }),
      by.credit(FIRST, 2, { amountWei: wei(0n) }),
      by.credit(FIRST, 3, { amountWei: wei(2n ** 96n) }),
      by.credit(FIRST, 4, { orchestratorId: 'orch-x', recipient: anAddress(0xa1) }),
      by.credit(FIRST, 5),
    ]
    const { outcomes } = boot.store('credit_signed', { credits })
    expect(outcomes.map(({ code }: { code?: string }) => code)).to.deep.equal([
      'RECIPIENT_MISMATCH',
      'AMOUNT_ZERO',
      'AMOUNT_TOO_LARGE',
      'RECIPIENT_FORBIDDEN',
      undefined,
    ])
    expect(balanceOf(boot, 'orch-0')).to.equal(ETHER_WEI)
    audited(boot.entries)
  })

  it('pin the recipient of an account that has none, and only where policy allows it', () => {
    const pinning = aLedger()
    const credit = (by: ReturnType<typeof signedFor>) =>
      by.credit(FIRST, 1, { orchestratorId: 'fresh', recipient: anAddress(0x99) })
    pinning.boot.store('credit_signed', { credits: [credit(pinning.by)] })
    expect(pinning.boot.call('balance', { orchestrator_id: 'fresh' }).recipient).to.equal(anAddress(0x99))
    const strict = aLedger({ registration: { registrar: true, self: true, credit: false } })
    const [outcome] = strict.boot.store('credit_signed', { credits: [credit(strict.by)] }).outcomes
    expect(outcome.code).to.equal('RECIPIENT_MISMATCH')
    audited(pinning.boot.entries)
  })

  it('stop at the caps of their reporter, and go on when the window has passed', () => {
    const { world, boot, by } = aLedger({
      windowSeconds: 3_600,
      reporters: REPORTERS.map(({ address }) => ({
        address,
        windowWeiMax: wei(3n * ETHER_WEI),
        lifetimeWeiMax: wei(5n * ETHER_WEI),
      })),
    })
    const next = (rseq: number) =>
      boot.store('credit_signed', { credits: [by.credit(FIRST, rseq)] }).outcomes[0].code ?? 'applied'
    expect([1, 2, 3, 4].map(next)).to.deep.equal(['applied', 'applied', 'applied', 'CREDIT_CAP'])
    expect(boot.store('credit_signed', { credits: [by.credit(SECOND, 1)] }).outcomes[0].kind).to.equal('applied')
    world.nowSeconds += 3_601
    expect([5, 6, 7].map(next)).to.deep.equal(['applied', 'applied', 'CREDIT_CAP'])
    audited(boot.entries)
  })

  it('are recorded as refused where the journal is the route', () => {
    const { boot, by } = aLedger({ credits: 'host-trusted' })
    const [outcome] = boot.store('credit_signed', { credits: [by.credit(FIRST, 1)] }).outcomes
    expect(outcome.code).to.equal('ROUTE_CLOSED')
    expect(boot.ledger.creditedWei).to.equal('0')
  })

  it('go through thousands under one signature, each counted or recorded with its code', () => {
    const { boot, by } = aLedger({ accountsMax: 10_000 })
    const items = Array.from({ length: 3_000 }, (_, at) => ({
      orchestratorId: `orch-${at % 700}`,
      amountWei: wei(at === 1_234 ? 0n : BigInt(at + 1)),
    }))
    const batch = by.batch(FIRST, 1, items)
    const taken = boot.store('credit_batch', { ...batch, receipts: true })
    expect(taken).to.deep.include({ kind: 'ack', nextSeq: 3_001, applied: 2_999 })
    expect(taken.refused).to.deep.equal([{ rseq: 1_235, code: 'AMOUNT_ZERO' }])
    expect(taken.receipts).to.have.length(Math.ceil(3_000 / 64))
    expect(boot.store('credit_batch', batch)).to.deep.equal({ kind: 'known', nextSeq: 3_001 })
    expect(BigInt(boot.ledger.creditedWei)).to.equal((3_000n * 3_001n) / 2n - 1_235n)
    audited(boot.entries)
  })

  it('of a batch are taken whole or not at all', () => {
    const { boot, by } = aLedger()
    const batch = by.batch(FIRST, 1, [{}, {}, {}])
    const cut = { ...batch, credits: batch.credits.slice(0, 2) }
    const swapped = { ...batch, credits: [batch.credits[1], batch.credits[0], batch.credits[2]] }
    for (const forged of [cut, swapped, { ...batch, firstSeq: 2 }, { ...batch, notAfter: 1 }])
      expect(refusalOf(() => boot.call('credit_batch', forged))).to.equal('SIGNER_MISMATCH')
    expect(boot.call('credit_batch', by.batch(FIRST, 2, [{}]))).to.deep.equal({ kind: 'gap', expected: 1 })
    expect(refusalOf(() => boot.call('credit_batch', by.batch(FIRST, 1, [{}, { notAfter: 1 }])))).to.equal(
      'SIGNATURE_EXPIRED',
    )
    boot.store('credit_signed', { credits: [by.credit(FIRST, 1)] })
    expect(refusalOf(() => boot.call('credit_batch', batch))).to.equal('BATCH_INVALID')
    boot.store('credit_batch', by.batch(FIRST, 2, [{}, {}]))
    expect(balanceOf(boot, 'orch-0')).to.equal(3n * ETHER_WEI)
  })

  it('are refused whole past the last number, so that no call stops half way and leaves a hole in the log', () => {
    const last = Number.MAX_SAFE_INTEGER - 1
    const { world, boot, by } = aLedger()
    expect(refusalOf(() => boot.call('skip_sequence', by.skip(FIRST, 1, last + 1)))).to.equal('SEQUENCE_SPENT')
    boot.store('skip_sequence', by.skip(FIRST, 1, last - 2))
    const past = [
      () => boot.call('credit_signed', { credits: [by.credit(FIRST, last - 1), by.credit(FIRST, last + 1)] }),
      () => boot.call('credit_batch', by.batch(FIRST, last - 1, [{}, {}, {}])),
      () => boot.call('credit_batch', by.batch(FIRST, last + 1, Array(100).fill({}))),
    ]
    for (const attempt of past) expect(refusalOf(attempt)).to.equal('SEQUENCE_SPENT')
    expect(boot.ledger.logSize).to.equal(boot.entries.length)
    expect(boot.store('credit_batch', by.batch(FIRST, last - 1, [{}, {}])).nextSeq).to.equal(last + 1)
    expect(balanceOf(boot, 'orch-0')).to.equal(2n * ETHER_WEI)
    audited(boot.entries)
    const again = world.provisioned()
    again.load(boot, { head: boot.ledger.head, epoch: 1, bitmap: null })
    expect(again.call('reporter', { reporter: FIRST.address }).nextSeq).to.equal(last + 1)
  })

  it('survive a reload with their counters and windows', () => {
    const { world, boot, by } = aLedger({ windowSeconds: 3_600 })
    boot.store('credit_batch', by.batch(FIRST, 1, [{}, {}]))
    const chunk = boot.call('export_snapshot', { chunk: 0 }).chunk
    for (const records of [boot.sealed, [chunk]]) {
      const again = world.provisioned()
      again.call('load_state', { records, claimed: { head: `0x${'00'.repeat(32)}`, epoch: 1, bitmap: null } })
      expect(again.call('reporter', { reporter: FIRST.address })).to.deep.equal({
        reporter: FIRST.address,
        named: true,
        nextSeq: 3,
        creditedWei: (2n * ETHER_WEI).toString(),
      })
    }
  })
})
