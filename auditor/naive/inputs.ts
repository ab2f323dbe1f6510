/** What comes in between two headers: journal lines and sessions; what outsiders sign is in reporters.ts and admin.ts. */
import type { Body } from '../../enclave/protocol/entry.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { fromHex, toHash, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { accountOf, addCredit, countCredit, demandCaps, knownAccount, takeBack } from './accounts.ts'
import { replayDrain, replayQuorumAdjust } from './admin.ts'
import { weiOfEtherText } from './amount.ts'
import { replayOpeningCredit } from './genesis.ts'
import type { Ledger, Replay } from './ledger.ts'
import { demand, demandEqual, note } from './ledger.ts'
import { countRefusal, replayRefused, replaySigned, replaySkip } from './reporters.ts'

export function replayCredit(replay: Replay, ledger: Ledger, body: Body<'credit'>): void {
  switch (body.source) {
    case 'journal':
      return replayJournalCredit(replay, ledger, body)
    case 'opening':
      return replayOpeningCredit(replay, ledger, body)
    case 'signed':
      return replaySigned(replay, ledger, body)
  }
}

function replayJournalCredit(replay: Replay, ledger: Ledger, body: Body<'credit'> & { source: 'journal' }): void {
  consumeLine(replay, ledger, body, { id: body.id, amount: body.amount })
  if (!demandRoute(replay, ledger, 'credit')) return
  const account = accountOf(replay, ledger, body)
  demandEqual(replay, 'AMOUNT_TEXT', body.amount, weiOfEtherText(body.amount), body.wei)
  demandCaps(replay, ledger, ledger.journalUse, ledger.policy.journal, body.wei)
  if (account === undefined || !addCredit(replay, ledger, account, body.wei)) return
  countCredit(replay, ledger, ledger.journalUse, body.wei)
}

/** A ledger of signed credits consumes no line at all, not even to refuse it. */
function demandRoute(replay: Replay, ledger: Ledger, subject: string): boolean {
  return demandEqual(replay, 'JOURNAL_ROUTE', subject, 'host-trusted', ledger.policy.credits)
}

export function replayAdjust(replay: Replay, ledger: Ledger, body: Body<'adjust'>): void {
  if (body.source === 'quorum') return replayQuorumAdjust(replay, ledger, body)
  if (body.source === 'drain') return replayDrain(replay, ledger, body)
  consumeLine(replay, ledger, body, { id: body.id, amount: body.amount })
  if (!demandRoute(replay, ledger, 'adjust')) return
  demandEqual(replay, 'AMOUNT_TEXT', body.amount, weiOfEtherText(body.amount), body.delta)
  if (!demand(replay, body.delta < 0n, 'AMOUNT_RANGE', body.id, 'less than 0 wei', body.delta)) return
  const account = knownAccount(replay, ledger, body)
  if (account !== undefined) takeBack(replay, ledger, account, -body.delta)
}

export function replayRefuse(replay: Replay, ledger: Ledger, body: Body<'refuse'>): void {
  switch (body.source) {
    case 'journal':
      consumeLine(replay, ledger, body, { id: null, amount: null })
      countRefusal(ledger, body.code)
      demandRoute(replay, ledger, 'refuse')
      return
    case 'signed':
      return replayRefused(replay, ledger, body)
    case 'skipped':
      return replaySkip(replay, ledger, body)
  }
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
  if (body.imageDigest !== ledger.imageDigest)
    note(replay, ledger, 'image', `epoch ${body.epoch} runs ${body.imageDigest}, no longer ${ledger.imageDigest}`)
  ledger.epoch = body.epoch
  ledger.session = body.session
  ledger.imageDigest = body.imageDigest
  const { authority, config, policyHash, policy } = ledger
  ledger.sessions.push({ ...body, entry: replay.entry, authority, config, policyHash, credits: policy.credits })
}
