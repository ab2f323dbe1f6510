/** Payouts and headers: reserve, commit, and what became of it (protocol sections 3 to 5). */
import type { Body, Payout } from '../../enclave/protocol/entry.ts'
import type { Header } from '../../enclave/protocol/header.ts'
import { foldHead, headerHash } from '../../enclave/protocol/header.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT } from '../../enclave/protocol/money.ts'
import { PAYOUT_ID_LIMIT } from '../../enclave/protocol/ticket.ts'
import type { Account, CommitRecord, Ledger, Replay } from './ledger.ts'
import { balanceOf, demand, demandEqual, flagEntry, headerOf } from './ledger.ts'
import { isPayable, ripen } from './recipients.ts'
import { addTo, newWindow, withinWei } from './window.ts'

/** Moves each payout from balance to reserved. A payout that breaks a rule is reported, and moves as far as there is balance. */
export function replayReserve(replay: Replay, ledger: Ledger, body: Body<'reserve'>): void {
  const { policy } = ledger
  const { payouts } = body
  demand(replay, ledger.unlanded === null, 'ENTRY_ORDER', 'reserve', 'no unlanded commit', 'reserve')
  demandEqual(replay, 'RESERVE_SEQUENCE', 'sequence', ledger.sequence + 1, body.sequence)
  const counted = payouts.length > 0 && payouts.length <= policy.payoutsPerCommitMax
  demand(replay, counted, 'RESERVE_COUNT', 'payouts', `1 to ${policy.payoutsPerCommitMax}`, payouts.length)
  const sum = sumOf(payouts)
  demand(replay, sum <= policy.commitWeiMax, 'RESERVE_SUM', 'payouts', `at most ${policy.commitWeiMax} wei`, sum)
  demandServingOrder(replay, ledger, payouts)
  demandWindows(replay, ledger, payouts)
  const seen = new Set<number>()
  for (const payout of payouts) {
    const subject = `payout ${payout.payoutId}`
    demand(replay, !seen.has(payout.account), 'PAYOUT_DOUBLED', subject, 'each account once', payout.account)
    demandEqual(replay, 'PAYOUT_KIND', subject, payout.account === 0 ? 'transfer' : policy.strategy, payout.kind)
    seen.add(payout.account)
    reserve(replay, ledger, payout)
  }
  ledger.reserve = { ...body, entry: replay.entry }
}

function sumOf(payouts: readonly Payout[]): bigint {
  return payouts.reduce((total, { wei }) => total + wei, 0n)
}

/** A drain is no payout that the ledger owes anyone: it takes no turn, and stands last, since tickets come before transfers. */
function isDrain({ account }: Payout): boolean {
  return account === 0
}

/** In order of index after the last one served, around the ring of accounts, so that nobody is served twice before another. */
function demandServingOrder(replay: Replay, ledger: Ledger, payouts: readonly Payout[]): void {
  const ring = ledger.accounts.length
  const served = ledger.servedIndex
  let last = -1
  for (const [position, payout] of payouts.entries()) {
    const { account, payoutId } = payout
    const subject = `payout ${payoutId}`
    if (isDrain(payout)) {
      demand(replay, position === payouts.length - 1, 'PAYOUT_ORDER', subject, 'the drain last', account)
      continue
    }
    const rank = (account - served - 1 + ring) % ring
    demand(replay, rank > last, 'PAYOUT_ORDER', subject, 'an account after the one before', account)
    last = Math.max(last, rank)
    ledger.servedIndex = account
  }
}

/** What went to one recipient, and to all, within the window, with what this commit adds. Drains count in neither. */
function demandWindows(replay: Replay, ledger: Ledger, payouts: readonly Payout[]): void {
  const { windowSeconds, recipientWindowWeiMax, rollingWeiMax } = ledger.policy
  const owed = payouts.filter((payout) => !isDrain(payout))
  for (const [recipient, group] of Map.groupBy(owed, (payout) => payout.recipient)) {
    const window = ledger.paidTo.get(recipient)
    const before = window === undefined ? 0n : withinWei(window, replay.at, windowSeconds)
    const sum = before + sumOf(group)
    const limit = `at most ${recipientWindowWeiMax} wei in ${windowSeconds} seconds`
    demand(replay, sum <= recipientWindowWeiMax, 'PAYOUT_WINDOW', `recipient ${recipient}`, limit, sum)
  }
  const sum = withinWei(ledger.paidToAll, replay.at, windowSeconds) + sumOf(owed)
  const limit = `at most ${rollingWeiMax} wei in ${windowSeconds} seconds`
  // A commit with a drain alone adds nothing to a window that a lower cap may have overtaken.
  demand(replay, owed.length === 0 || sum <= rollingWeiMax, 'PAYOUT_WINDOW', 'all recipients', limit, sum)
}

function reserve(replay: Replay, ledger: Ledger, payout: Payout): void {
  const subject = `payout ${payout.payoutId}`
  demandEqual(replay, 'PAYOUT_ID', subject, ledger.nextPayoutId, payout.payoutId)
  demand(replay, payout.payoutId < PAYOUT_ID_LIMIT, 'PAYOUT_ID', subject, 'less than 2^32', payout.payoutId)
  ledger.nextPayoutId = Math.max(ledger.nextPayoutId, payout.payoutId + 1)
  const account = ledger.accounts[payout.account]
  if (account === undefined) return flagEntry(replay, 'ACCOUNT_UNKNOWN', subject, 'an account', payout.account)
  ripen(replay, ledger, account)
  demandRecipient(replay, ledger, account, payout)
  demandAmount(replay, ledger, account, payout)
  const sequence = ledger.sequence + 1
  const due = sequence >= account.retrySequence
  demand(replay, due, 'PAYOUT_BACKOFF', subject, `sequence ${account.retrySequence}`, sequence)
  const covered = payout.wei <= balanceOf(account)
  if (!demand(replay, covered, 'PAYOUT_OVERDRAW', subject, `at most ${balanceOf(account)} wei`, payout.wei)) return
  account.reservedWei += payout.wei
  ledger.reservedWei += payout.wei
  ledger.touched.add(account)
}

function demandRecipient(replay: Replay, ledger: Ledger, account: Account, payout: Payout): void {
  const { recipient } = payout
  const subject = `payout ${payout.payoutId}`
  demandEqual(replay, 'PAYOUT_RECIPIENT', subject, account.recipient, recipient)
  const payable = isPayable(ledger, recipient)
  demand(replay, payable, 'PAYOUT_RECIPIENT', subject, 'not zero, anchor, broker, authority or denied', recipient)
}

/** Account 0 knows no payout maximum and no threshold: only a quorum credits it. */
function demandAmount(replay: Replay, ledger: Ledger, account: Account, payout: Payout): void {
  const { payoutWeiMin, payoutWeiMax, thresholdWei } = ledger.policy
  const subject = `payout ${payout.payoutId}`
  demand(
    replay,
    payout.wei > 0n && payout.wei < AMOUNT_WEI_LIMIT,
    'PAYOUT_AMOUNT',
    subject,
    '1 to 2^96 − 1 wei',
    payout.wei,
  )
  if (account.index === 0) return
  demand(replay, payout.wei >= payoutWeiMin, 'PAYOUT_AMOUNT', subject, `at least ${payoutWeiMin} wei`, payout.wei)
  demand(replay, payout.wei <= payoutWeiMax, 'PAYOUT_AMOUNT', subject, `at most ${payoutWeiMax} wei`, payout.wei)
  const balance = balanceOf(account)
  demand(
    replay,
    balance >= thresholdWei,
    'PAYOUT_AMOUNT',
    subject,
    `a balance of at least ${thresholdWei} wei`,
    balance,
  )
}

/** Recomputes the header, field by field, over every entry before this one. */
export function replayCommit(replay: Replay, ledger: Ledger, body: Body<'commit'>): void {
  demand(replay, ledger.unlanded === null, 'ENTRY_ORDER', 'commit', 'no unlanded commit', 'commit')
  demand(replay, ledger.session !== ZERO_ADDRESS, 'ENTRY_ORDER', 'commit', 'an open session', 'none')
  const expected = headerOf(replay, ledger)
  for (const field of Object.keys(expected) as (keyof Header)[]) {
    demandEqual(replay, 'HEADER_FIELD', field, expected[field], body.header[field])
  }
  demandEqual(replay, 'HEADER_HASH', 'hash', headerHash(body.header), body.hash)
  demandConservation(replay, ledger)
  const record: CommitRecord = {
    entry: replay.entry,
    header: body.header,
    hash: body.hash,
    payouts: ledger.reserve?.payouts ?? null,
    fate: 'unlanded',
    bitmap: null,
    head: null,
  }
  ledger.unlanded = record
  ledger.commits.push(record)
  ledger.reserve = null
  ledger.touched.clear()
}

/** credited = Σ balances + paid + reserved, and each column is the sum of its accounts. */
function demandConservation(replay: Replay, ledger: Ledger): void {
  const sums = { creditedWei: 0n, paidWei: 0n, reservedWei: 0n, balanceWei: 0n }
  for (const account of ledger.accounts) {
    sums.creditedWei += account.creditedWei
    sums.paidWei += account.paidWei
    sums.reservedWei += account.reservedWei
    sums.balanceWei += balanceOf(account)
  }
  for (const column of ['creditedWei', 'paidWei', 'reservedWei'] as const) {
    demandEqual(replay, 'CONSERVATION', column, sums[column], ledger[column])
  }
  demandEqual(
    replay,
    'CONSERVATION',
    'credited',
    ledger.creditedWei,
    sums.balanceWei + ledger.paidWei + ledger.reservedWei,
  )
}

/** Bit i says whether payout i was paid: reserved → paid, or back to balance. */
export function replaySettle(replay: Replay, ledger: Ledger, body: Body<'settle'>): void {
  const commit = unlandedOf(replay, ledger, body.sequence)
  if (commit === undefined) return
  const bits = bitsOf(replay, commit, body.bitmap)
  for (const [index, payout] of (commit.payouts ?? []).entries()) {
    const paid = (bits >> BigInt(index)) % 2n === 1n
    release(ledger, payout, paid)
    if (paid) countPaid(replay, ledger, payout)
    noteOutcome(ledger, payout, paid, commit.header.sequence)
  }
  const head = commit.payouts === null ? commit.hash : foldHead(commit.hash, bits)
  demandEqual(replay, 'SETTLE_HEAD', 'head', head, body.head)
  close(ledger, commit, 'settled', body.head)
  commit.bitmap = body.bitmap
  ledger.sequence = commit.header.sequence
}

/** Counts from the moment at which it is known to have been paid. */
function countPaid(replay: Replay, ledger: Ledger, payout: Payout): void {
  if (isDrain(payout)) return
  const window = ledger.paidTo.get(payout.recipient) ?? newWindow()
  ledger.paidTo.set(payout.recipient, window)
  addTo(window, replay.at, ledger.policy.windowSeconds, payout.wei)
  addTo(ledger.paidToAll, replay.at, ledger.policy.windowSeconds, payout.wei)
}

const BACKOFF_DOUBLINGS_MAX = 30

/** k failures in a row wait 2^k sequences, within the policy's bound. */
function noteOutcome(ledger: Ledger, payout: Payout, paid: boolean, sequence: number): void {
  const account = ledger.accounts[payout.account]
  // An outcome is that of the recipient it was for, who may have been replaced meanwhile.
  if (account === undefined || account.recipient !== payout.recipient) return
  account.failures = paid ? 0 : account.failures + 1
  const waited = Math.min(2 ** Math.min(account.failures, BACKOFF_DOUBLINGS_MAX), ledger.policy.backoffSequencesMax)
  account.retrySequence = paid ? 0 : sequence + waited
}

/** The commit never landed: everything reserved returns, and the sequence is used again. */
export function replayVoid(replay: Replay, ledger: Ledger, body: Body<'void'>): void {
  const commit = unlandedOf(replay, ledger, body.sequence)
  if (commit === undefined) return
  for (const payout of commit.payouts ?? []) release(ledger, payout, false)
  demandEqual(replay, 'SETTLE_HEAD', 'head', ledger.head, body.head)
  close(ledger, commit, 'void', body.head)
}

function unlandedOf(replay: Replay, ledger: Ledger, sequence: number): CommitRecord | undefined {
  const commit = ledger.unlanded
  if (commit === null) {
    flagEntry(replay, 'SETTLE_SEQUENCE', 'sequence', 'an unlanded commit', 'none')
    return undefined
  }
  demandEqual(replay, 'SETTLE_SEQUENCE', 'sequence', commit.header.sequence, sequence)
  return commit
}

/** A bare commit has no bitmap; another one has no bit past its last payout. */
function bitsOf(replay: Replay, commit: CommitRecord, bitmap: Hash | null): bigint {
  const count = commit.payouts?.length ?? 0
  const form = commit.payouts === null ? bitmap === null : bitmap !== null
  if (!demand(replay, form, 'SETTLE_BITMAP', 'bitmap', count === 0 ? 'null' : 'a bitmap', bitmap)) return 0n
  const bits = bitmap === null ? 0n : BigInt(bitmap)
  demand(replay, bits < 2n ** BigInt(count), 'SETTLE_BITMAP', 'bitmap', `no bit past ${count} payouts`, bitmap)
  return bits
}

function release(ledger: Ledger, payout: Payout, paid: boolean): void {
  const account = ledger.accounts[payout.account]
  // A payout that was refused at its reserve entry has nothing reserved, and was reported there.
  if (account === undefined || account.reservedWei < payout.wei) return
  account.reservedWei -= payout.wei
  ledger.reservedWei -= payout.wei
  if (paid) {
    account.paidWei += payout.wei
    ledger.paidWei += payout.wei
  }
  ledger.touched.add(account)
}

function close(ledger: Ledger, commit: CommitRecord, fate: 'settled' | 'void', head: Hash): void {
  commit.fate = fate
  commit.head = head
  ledger.head = head
  ledger.unlanded = null
}
