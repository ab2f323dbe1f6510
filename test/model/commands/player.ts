/** One boot of the ledger in a model run: what the host has of it, and the auditor's replay beside it. */
import { expect } from 'chai'
import { accounts, expectedHeader, newReplay, step, summary } from '../../../auditor/replay.ts'
import { closeHeader } from '../../../enclave/core/header-of.ts'
import { decodeSnapshot, encodeSnapshot } from '../../../enclave/core/snapshot.ts'
import { balanceWei, type State } from '../../../enclave/core/state.ts'
import { type Hash, toHash, toHex } from '../../../enclave/protocol/ids.ts'
import { type Boot, refusalOf } from '../../builders/boot.ts'

export type Stored = { readonly sealed: Uint8Array; readonly entries: readonly Uint8Array[] }
export type Line = Uint8Array | { readonly hash: Hash; readonly bytes: number }

type Released = Stored & { readonly record: number; readonly firstIndex: number }

export class Player {
  readonly boot: Boot
  /** Every record from the ledger's first on. */
  readonly records: Stored[] = []
  /** Lines that this boot consumed, each with the journal's head before it. */
  readonly journal: { readonly line: Line; readonly head: Hash }[] = []
  readonly replay = newReplay()

  constructor(boot: Boot, loaded: readonly Stored[] = []) {
    this.boot = boot
    for (const record of loaded) this.#take(record)
  }

  get phase(): string {
    return this.boot.call('status', {}).phase
  }

  get unacknowledged(): number {
    const { firstUnacknowledged, nextRecord } = this.boot.call('status', {})
    return nextRecord - firstUnacknowledged
  }

  get state(): State {
    return this.boot.instance.state as State
  }

  /** The bytes of the whole state: equal bytes, equal states. */
  fingerprint(): string {
    return toHex(encodeSnapshot(this.state))
  }

  /** The host has stored all that was released. */
  acknowledge(): void {
    this.collect()
    if (this.records.length > 0) this.boot.call('ack', { record: this.records.length - 1 })
  }

  /** Refused with one of these codes, and nothing has changed. */
  refuses(codes: readonly string[], attempt: () => unknown): void {
    const before = this.fingerprint()
    expect(codes).to.include(refusalOf(attempt))
    expect(this.fingerprint()).to.equal(before)
  }

  /** The newest input, sent again by a host that lost the reply: the same answer, and nothing counts twice. */
  repeats(reply: unknown, again: () => unknown): void {
    const before = this.fingerprint()
    expect(again()).to.deep.equal(reply)
    expect(this.fingerprint()).to.equal(before)
  }

  /** Reads what was released since, lost replies and all, and compares the enclave with the auditor's replay. */
  judge(): void {
    this.collect()
    const { findings, ledger } = summary(this.replay)
    expect(findings).to.deep.equal([])
    if (ledger === null) throw new Error('a ledger has begun')
    const { state } = this
    expect({
      head: state.head,
      epoch: state.epoch,
      sequence: state.sequence,
      unlanded: state.unlanded?.header.sequence ?? null,
      accounts: state.accounts.length,
      creditedWei: state.creditedWei,
      paidWei: state.paidWei,
      reservedWei: state.reservedWei,
      journalSize: state.journalSize,
      journalHead: toHash(state.journalHead),
      nextPayoutId: state.nextPayoutId,
      authority: state.authority,
      logKey: state.logKey,
      imageDigest: state.imageDigest,
      policyVersion: state.policyVersion,
      policyHash: state.policyHash,
      credits: state.policy.credits,
      adjustSeq: state.adjustSeq,
      drainSeq: state.drainSeq,
    }).to.deep.equal(pickOf(ledger))
    for (const { reporter, nextSeq, creditedWei } of ledger.reporters) {
      const use = state.reporters.get(reporter) ?? { nextSeq: 1, creditedWei: 0n }
      expect([use.nextSeq, use.creditedWei], reporter).to.deep.equal([nextSeq, creditedWei])
    }
    this.#judgeAccounts()
    this.#judgeHeader()
  }

  /** Fetches what was released since, as a host does whose reply was lost. */
  collect(): void {
    const { nextRecord } = this.boot.call('status', {})
    while (this.records.length < nextRecord) {
      const { records } = this.boot.call('outputs', { fromRecord: this.records.length })
      for (const { record, firstIndex, ...stored } of records as Released[]) {
        expect([record, firstIndex]).to.deep.equal([this.records.length, this.replay.size])
        this.#take(stored)
      }
    }
  }

  #take(record: Stored): void {
    this.records.push(record)
    for (const entry of record.entries) step(this.replay, entry, this.replay.size)
  }

  #judgeAccounts(): void {
    const mine = this.state.accounts.map((account) => ({
      index: account.index,
      id: account.id,
      recipient: account.recipient,
      creditedWei: account.creditedWei,
      paidWei: account.paidWei,
      reservedWei: account.reservedWei,
      balanceWei: balanceWei(account),
    }))
    // lastSeq stands in the leaf, and so in the root of the header below.
    expect(mine).to.deep.equal(accounts(this.replay).map(({ lastSeq: _, ...account }) => account))
  }

  /** The header that both would close now: every root, total and cursor of the ledger is in it. */
  #judgeHeader(): void {
    const copy = decodeSnapshot(encodeSnapshot(this.state))
    expect(closeHeader(copy)).to.deep.equal(expectedHeader(this.replay)?.header)
  }
}

function pickOf(ledger: NonNullable<ReturnType<typeof summary>['ledger']>): object {
  const { epoch, head, sequence, unlanded, accounts, creditedWei, paidWei, reservedWei } = ledger
  const { journalSize, journalHead, nextPayoutId, authority, logKey, imageDigest } = ledger
  const { policyVersion, policyHash, credits, adjustSeq, drainSeq } = ledger
  const money = { accounts, creditedWei, paidWei, reservedWei, journalSize, journalHead, nextPayoutId }
  const rules = { authority, logKey, imageDigest, policyVersion, policyHash, credits, adjustSeq, drainSeq }
  return { epoch, head, sequence, unlanded, ...money, ...rules }
}
