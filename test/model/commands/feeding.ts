/** Journal lines in every state of affairs: fresh, repeated, rewritten, ahead, and more than the outbox holds. */
import { expect } from 'chai'
import { foldLine } from '../../../auditor/naive/inputs.ts'
import { sha256 } from '../../../enclave/protocol/hash.ts'
import { type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import { aLine } from '../../builders/boot.ts'
import type { Of } from './commands.ts'
import { codeOf, lineOf } from './lines.ts'
import type { Line, Player } from './player.ts'

export const UNACKNOWLEDGED_MAX = 64

export function offer(player: Player, { lines: specs, receipts, keep }: Of<'offer'>): void {
  const { journalSize, journalHead, creditedWei } = player.boot.ledger
  const lines = specs.map(lineOf)
  const params = { firstIndex: journalSize, head: journalHead, lines, receipts }
  if (player.phase !== 'active')
    return player.refuses(['PHASE_FORBIDS'], () => player.boot.call('apply_events', params))
  if (player.unacknowledged >= UNACKNOWLEDGED_MAX)
    return player.refuses(['BACKPRESSURE'], () => player.boot.call('apply_events', params))
  if (isClosed(player)) return player.refuses(['ROUTE_CLOSED'], () => player.boot.call('apply_events', params))
  const reply = player.boot.call('apply_events', params)
  player.repeats(reply, () => player.boot.call('apply_events', params))
  note(player, lines, journalHead)
  expect([reply.kind, reply.journalSize]).to.deep.equal(['ack', journalSize + lines.length])
  const refused = new Map<number, string>(
    reply.refused.map(({ line, code }: { line: number; code: string }) => [line, code]),
  )
  for (const [at, spec] of specs.entries()) {
    const code = codeOf(spec)
    if (code !== undefined) expect(refused.get(journalSize + at)).to.equal(code)
  }
  if (reply.applied === 0) expect(player.boot.ledger.creditedWei).to.equal(creditedWei)
  if (receipts) expect(reply.receipts.length).to.be.at.most(reply.applied)
  if (keep) player.acknowledge()
}

/** What was consumed before, once more: never a second credit. */
export function again(player: Player, { back, twist }: Of<'again'>): void {
  if (player.phase !== 'active' || isClosed(player)) return
  const { journalSize, journalHead } = player.boot.ledger
  const before = player.fingerprint()
  if (twist === 'ahead') {
    const params = { firstIndex: journalSize + back, head: journalHead, lines: [aLine('orch-0', '1')] }
    expect(player.boot.call('apply_events', params)).to.deep.equal({ kind: 'gap', expected: journalSize })
  } else {
    const tail = player.journal.slice(-back)
    const [first] = tail
    if (first === undefined) return
    const lines = tail.map(({ line }) => line)
    if (twist === 'rewritten') lines[0] = aLine('orch-1', '1000')
    const firstIndex = journalSize - tail.length
    // In the other encoding: the newest request's own bytes would be answered as they were.
    const reply = player.boot.call('apply_events', { firstIndex, head: first.head, lines }, 'json')
    if (twist === 'rewritten') expect(reply).to.deep.equal({ kind: 'fork', index: firstIndex })
    else expect([reply.kind, reply.records, reply.applied]).to.deep.equal(['ack', [], 0])
  }
  expect(player.fingerprint()).to.equal(before)
}

/** Fills the outbox without acknowledging, up to the refusal; then leaves `room` records free again. */
export function flood(player: Player, { room }: Of<'flood'>): void {
  if (player.phase !== 'active' || isClosed(player)) return
  const line = aLine('orch-4', '0.000001')
  const once = (): unknown => {
    const { journalSize, journalHead } = player.boot.ledger
    const reply = player.boot.call('apply_events', { firstIndex: journalSize, head: journalHead, lines: [line] })
    note(player, [line], journalHead)
    return reply
  }
  for (let left = UNACKNOWLEDGED_MAX - player.unacknowledged; left > 0; left--) once()
  player.refuses(['BACKPRESSURE'], once)
  player.collect()
  const { firstUnacknowledged } = player.boot.call('status', {})
  if (room > 0) player.boot.call('ack', { record: firstUnacknowledged + room - 1 })
  expect(player.unacknowledged).to.equal(UNACKNOWLEDGED_MAX - room)
}

/** Records come back byte for byte until they are acknowledged, and not one more. */
export function outputs(player: Player, { from, max }: Of<'outputs'>): void {
  const { firstUnacknowledged: first, nextRecord } = player.boot.call('status', {})
  const fromRecord = first + (from % (nextRecord - first + 1))
  const { records } = player.boot.call('outputs', { fromRecord, max })
  const expected = player.records.slice(fromRecord, fromRecord + max)
  expect(records.map(({ sealed, entries }: Player['records'][number]) => ({ sealed, entries }))).to.deep.equal(expected)
  if (first > 0) player.refuses(['RECORD_UNKNOWN'], () => player.boot.call('outputs', { fromRecord: first - 1, max }))
  player.refuses(['RECORD_UNKNOWN'], () => player.boot.call('outputs', { fromRecord: nextRecord + 1, max }))
  player.refuses(['RECORD_UNKNOWN'], () => player.boot.call('ack', { record: nextRecord }))
}

/** A ledger takes credits by one route. */
function isClosed({ state }: Player): boolean {
  return state.policy.credits !== 'host-trusted'
}

function note(player: Player, lines: readonly Line[], head: Hash): void {
  let running = head
  for (const line of lines) {
    player.journal.push({ line, head: running })
    running = foldLine(running, line instanceof Uint8Array ? toHash(sha256(line)) : line.hash)
  }
}
