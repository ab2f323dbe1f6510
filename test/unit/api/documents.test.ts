import { expect } from 'chai'
import {
  DOCUMENT_AGE_MS_MAX,
  DOCUMENT_SERVED_MS_MAX,
  NONCE_CALLS_MAX,
  NONCE_KEPT_MS_MAX,
  NONCE_SPAN_MS,
  NONCES_KEPT_MAX,
} from '../../../api/documents.ts'
import { waitMsOf } from '../../../api/refused.ts'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { codeOfCall, type Outcome } from '../../builders/refusals.ts'
import { aRecordedAttester, START_MS } from './recorded-attester.ts'

/** Of a question that is answered at once, or later. */
function codeOfAsked(ask: () => unknown): Promise<Outcome> {
  return codeOfCall((async () => ask())())
}

function nonceOf(number: number): Uint8Array {
  return Uint8Array.of(number >> 8, number & 255)
}

describe('the kept document', () => {
  it('is drawn by our own look alone, however often it is asked for', async () => {
    const recorded = aRecordedAttester()
    expect(await codeOfAsked(() => recorded.documents.newest())).to.equal('DOCUMENT_NONE')
    expect([recorded.looks, recorded.drawn]).to.deep.equal([0, []])
    await recorded.documents.look()
    const kept = recorded.documents.newest()
    for (let ask = 0; ask < 1_000; ask++) expect(recorded.documents.newest()).to.equal(kept)
    for (let look = 0; look < 10; look++) await recorded.documents.look()
    expect([recorded.looks, recorded.drawn]).to.deep.equal([11, ['none']])
  })

  it('is drawn anew when it has aged, and not a moment before', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    recorded.nowMs += DOCUMENT_AGE_MS_MAX - 1
    await recorded.documents.look()
    expect(recorded.drawn).to.have.length(1)
    recorded.nowMs += 1
    await recorded.documents.look()
    expect(recorded.drawn).to.have.length(2)
    expect(recorded.documents.newest().atMs).to.equal(recorded.nowMs)
  })

  it('is drawn anew at once for another session, epoch, head, policy, key, phase or connection', async () => {
    const ledger = { epoch: 1, head: '0xaa', policyHash: '0xbb' }
    const before = { provisioned: true, attestation_available: true, connection: 1, phase: 'active', session: '0x01' }
    const changes = [
      { session: '0x02' },
      { phase: 'halted' },
      { connection: 3 },
      { address: '0x03' },
      { ledger: { ...ledger, epoch: 2 } },
      { ledger: { ...ledger, head: '0xab' } },
      { ledger: { ...ledger, policyHash: '0xbc' } },
    ]
    for (const change of [{}, { balances: 7, pending: 1 }, ...changes]) {
      const recorded = aRecordedAttester()
      recorded.status = { ...before, ledger } as never
      await recorded.documents.look()
      recorded.status = { ...before, ledger, ...change } as never
      await recorded.documents.look()
      const expected = changes.includes(change as never) ? 2 : 1
      expect(recorded.drawn, JSON.stringify(change)).to.have.length(expected)
    }
  })

  it('outlives an enclave that is gone by an hour, and not one that says it attests no longer', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    recorded.failing = { status: new CodedError('ENCLAVE_GONE', 'gone') }
    recorded.nowMs += DOCUMENT_SERVED_MS_MAX - 1
    await recorded.documents.look()
    await recorded.documents.look()
    expect(recorded.troubles, 'told once').to.have.length(1)
    expect(await codeOfAsked(() => recorded.documents.newest())).to.equal('accepted')
    expect(await codeOfAsked(() => recorded.documents.status())).to.equal('ENCLAVE_GONE')
    recorded.nowMs += 1
    expect(await codeOfAsked(() => recorded.documents.newest())).to.equal('ENCLAVE_GONE')

    const other = aRecordedAttester()
    await other.documents.look()
    other.status = { ...other.status, connection: 3, attestation_available: false }
    await other.documents.look()
    expect(await codeOfAsked(() => other.documents.newest())).to.equal('ATTESTATION_NONE')
    expect(other.documents.status().provisioned).to.equal(true)
  })
})

describe('documents for a nonce alone', () => {
  it('cost one call for each new nonce and none for one that is known', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    const first = await recorded.documents.forNonce(nonceOf(1), 'public')
    for (let ask = 0; ask < 100; ask++) expect(await recorded.documents.forNonce(nonceOf(1), 'public')).to.equal(first)
    await Promise.all([2, 2, 2].map((number) => recorded.documents.forNonce(nonceOf(number), 'public')))
    expect(recorded.drawn).to.deep.equal(['none', '0x0001', '0x0002'])
  })

  it('are refused above the budget, for holders of a token by a budget of their own', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    const ask = (number: number, lane: 'public' | 'holder') =>
      codeOfAsked(() => recorded.documents.forNonce(nonceOf(number), lane))
    for (let number = 0; number < NONCE_CALLS_MAX; number++) expect(await ask(number, 'public')).to.equal('accepted')
    for (let number = 100; number < 200; number++) expect(await ask(number, 'public')).to.equal('NONCES_SPENT')
    expect(await ask(0, 'public'), 'known').to.equal('accepted')
    for (let number = 200; number < 200 + NONCE_CALLS_MAX; number++)
      expect(await ask(number, 'holder')).to.equal('accepted')
    expect(await ask(300, 'holder')).to.equal('NONCES_SPENT')
    expect(recorded.drawn).to.have.length(1 + 2 * NONCE_CALLS_MAX)
    const refusal = await recorded.documents.forNonce(nonceOf(400), 'public').catch((error: unknown) => error)
    expect(waitMsOf(refusal)).to.equal(NONCE_SPAN_MS)
    recorded.nowMs += NONCE_SPAN_MS
    expect(await ask(400, 'public')).to.equal('accepted')
  })

  it('are made one after the other, with those of our own and of batches', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    recorded.nowMs += DOCUMENT_AGE_MS_MAX
    const nonces = [1, 2, 3, 4].map((number) => recorded.documents.forNonce(nonceOf(number), 'public'))
    await Promise.all([...nonces, recorded.documents.inBatch(nonceOf(9)), recorded.documents.look()])
    expect(recorded.drawn).to.have.length(7)
    expect(recorded.atWorkMost).to.equal(1)
  })

  it('call no enclave that is not there or has no NSM', async () => {
    const recorded = aRecordedAttester()
    const both = async () => [
      await codeOfAsked(() => recorded.documents.forNonce(nonceOf(1), 'public')),
      await codeOfAsked(() => recorded.documents.inBatch(nonceOf(1))),
    ]
    expect(await both()).to.deep.equal(['DOCUMENT_NONE', 'DOCUMENT_NONE'])
    recorded.status = { ...recorded.status, attestation_available: false }
    await recorded.documents.look()
    expect(await both()).to.deep.equal(['ATTESTATION_NONE', 'ATTESTATION_NONE'])
    recorded.failing = { status: new CodedError('ENCLAVE_GONE', 'gone') }
    await recorded.documents.look()
    expect(await both()).to.deep.equal(['ENCLAVE_GONE', 'ENCLAVE_GONE'])
    expect(recorded.drawn).to.deep.equal([])
  })

  it('keep nothing of a call that failed: the nonce may come again', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    recorded.failing = { document: new CodedError('ENCLAVE_GONE', 'gone') }
    expect(await codeOfAsked(() => recorded.documents.forNonce(nonceOf(1), 'public'))).to.equal('ENCLAVE_GONE')
    recorded.failing = {}
    expect(await codeOfAsked(() => recorded.documents.forNonce(nonceOf(1), 'public'))).to.equal('accepted')
  })

  it('are kept for a bounded time and in a bounded number', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    await recorded.documents.forNonce(nonceOf(0), 'public')
    recorded.nowMs += NONCE_KEPT_MS_MAX - 1
    await recorded.documents.forNonce(nonceOf(0), 'public')
    expect(recorded.drawn).to.have.length(2)
    recorded.nowMs += 1
    await recorded.documents.forNonce(nonceOf(0), 'public')
    expect(recorded.drawn).to.have.length(3)
    const full = aRecordedAttester()
    await full.documents.look()
    const ask = (number: number) => full.documents.forNonce(nonceOf(number), number % 2 === 0 ? 'public' : 'holder')
    for (let number = 0; number <= NONCES_KEPT_MAX; number++) {
      await ask(number)
      full.nowMs += NONCE_SPAN_MS / NONCE_CALLS_MAX / 2
    }
    full.nowMs += NONCE_SPAN_MS
    expect(full.nowMs - START_MS, 'the oldest would be young enough').to.be.below(NONCE_KEPT_MS_MAX)
    const before = full.drawn.length
    await ask(NONCES_KEPT_MAX)
    await ask(1)
    expect(full.drawn).to.have.length(before)
    await ask(0)
    expect(full.drawn).to.have.length(before + 1)
  })

  it('are no longer made once the api closes', async () => {
    const recorded = aRecordedAttester()
    await recorded.documents.look()
    recorded.documents.close()
    expect(await codeOfAsked(() => recorded.documents.forNonce(nonceOf(1), 'public'))).to.equal('DOCUMENT_NONE')
    expect(await codeOfAsked(() => recorded.documents.inBatch(nonceOf(1)))).to.equal('DOCUMENT_NONE')
    await recorded.documents.keepLooking(1)
    expect([recorded.looks, recorded.drawn.length]).to.deep.equal([1, 1])
  })
})
