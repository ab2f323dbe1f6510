/** What comes in between two headers: credits, adjustments, refused lines, sessions and rotations (protocol sections 5 and 6). */
import type { Body } from '../../enclave/protocol/entry.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { fromHex, toHash, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { weiOfEtherText } from './amount.ts'
import { accountOf, addCredit, replayOpeningCredit } from './genesis.ts'
import type { Ledger, Replay } from './ledger.ts'
import { balanceOf, demand, demandEqual, flagEntry } from './ledger.ts'

export function replayCredit(replay: Replay, ledger: Ledger, body: Body<'credit'>): void {
  switch (body.source) {
    case 'journal':
      return replayJournalCredit(replay, ledger, body)
    case 'opening':
      return replayOpeningCredit(replay, ledger, body)
    case 'signed':
      flagEntry(replay, 'ENTRY_UNAUTHORISED', 'credit from signed', 'a reporter that the policy names', body.reporter)
  }
}

function replayJournalCredit(replay: Replay, ledger: Ledger, body: Body<'credit'> & { source: 'journal' }): void {
  consumeLine(replay, ledger, body, { id: body.id, amount: body.amount })
  const route = ledger.genesis.policy.credits
  if (!demandEqual(replay, 'JOURNAL_ROUTE', 'credit', 'host-trusted', route)) return
  const account = accountOf(replay, ledger, body)
  demandEqual(replay, 'AMOUNT_TEXT', body.amount, weiOfEtherText(body.amount), body.wei)
  if (!demand(replay, body.wei > 0n, 'AMOUNT_RANGE', body.id, 'more than 0 wei', body.wei)) return
  if (account !== undefined) addCredit(replay, ledger, account, body.wei)
}

export function replayAdjust(replay: Replay, ledger: Ledger, body: Body<'adjust'>): void {
  if (body.source !== 'journal') {
    return flagEntry(
      replay,
      'ENTRY_UNAUTHORISED',
      `adjust from ${body.source}`,
      'admins that the policy names',
      body.source,
    )
  }
  consumeLine(replay, ledger, body, { id: body.id, amount: body.amount })
  if (!demandEqual(replay, 'JOURNAL_ROUTE', 'adjust', 'host-trusted', ledger.genesis.policy.credits)) return
  demandEqual(replay, 'AMOUNT_TEXT', body.amount, weiOfEtherText(body.amount), body.delta)
  if (!demand(replay, body.delta < 0n, 'AMOUNT_RANGE', body.id, 'less than 0 wei', body.delta)) return
  const account = ledger.byId.get(body.id)
  if (account === undefined) return flagEntry(replay, 'ACCOUNT_UNKNOWN', body.id, 'an account', 'none')
  if (!demandEqual(replay, 'ACCOUNT_INDEX', body.id, account.index, body.account)) return
  const left = balanceOf(account) + body.delta
  if (!demand(replay, left >= 0n, 'ADJUST_OVERDRAW', body.id, `at most ${balanceOf(account)} wei less`, body.delta))
    return
  account.creditedWei += body.delta
  ledger.creditedWei += body.delta
  ledger.touched.add(account)
}

export function replayRefuse(replay: Replay, ledger: Ledger, body: Body<'refuse'>): void {
  if (body.source === 'journal') return consumeLine(replay, ledger, body, { id: null, amount: null })
  flagEntry(
    replay,
    'ENTRY_UNAUTHORISED',
    `refuse from ${body.source}`,
    'a reporter that the policy names',
    body.reporter,
  )
}

/** Exactly once lives here: each line follows the one before, and its hash goes into the chain. */
function consumeLine(
  replay: Replay,
  ledger: Ledger,
  body: { readonly line: number; readonly hash: Hash },
  said: { readonly id: string | null; readonly amount: string | null },
): void {
  if (!demandEqual(replay, 'JOURNAL_LINE', 'line', ledger.journalSize, body.line)) return
  ledger.journalSize++
  ledger.journalHead = foldLine(ledger.journalHead, body.hash)
  ledger.journal.push({ entry: replay.entry, hash: body.hash, ...said })
}

/** sha256(head ‖ sha256 of the line with its newline). */
export function foldLine(head: Hash, lineHash: Hash): Hash {
  return toHash(sha256(concatBytes(fromHex(head), fromHex(lineHash))))
}

/** A session opens on the settled head, under a higher epoch and a fresh key. */
export function replayOpen(replay: Replay, ledger: Ledger, body: Body<'open'>): void {
  demand(replay, ledger.unlanded === null, 'ENTRY_ORDER', 'open', 'the unlanded commit settled or void first', 'open')
  demand(replay, body.epoch > ledger.epoch, 'OPEN_EPOCH', 'epoch', `more than ${ledger.epoch}`, body.epoch)
  demandEqual(replay, 'OPEN_HEAD', 'head', ledger.head, body.head)
  const fresh = body.session !== ZERO_ADDRESS && ledger.sessions.every(({ session }) => session !== body.session)
  demand(replay, fresh, 'OPEN_SESSION', 'session', 'a fresh key', body.session)
  ledger.epoch = body.epoch
  ledger.session = body.session
  ledger.imageDigest = body.imageDigest
  ledger.sessions.push({ ...body, entry: replay.entry })
}

/** The contract proves a new authority; a new log key or config would need a quorum. */
export function replayRotate(replay: Replay, ledger: Ledger, body: Body<'rotate'>): void {
  demand(
    replay,
    ledger.unlanded === null,
    'ENTRY_ORDER',
    'rotate',
    'the unlanded commit settled or void first',
    'rotate',
  )
  demand(replay, body.epoch >= ledger.epoch, 'OPEN_EPOCH', 'epoch', `at least ${ledger.epoch}`, body.epoch)
  demandEqual(replay, 'ROTATE_FIELD', 'logKey', ledger.genesis.logKey, body.logKey)
  demandEqual(replay, 'ROTATE_FIELD', 'config', ledger.genesis.config, body.config)
  ledger.authority = body.authority
  ledger.imageDigest = body.imageDigest
  ledger.rotations.push({ ...body, entry: replay.entry })
}
