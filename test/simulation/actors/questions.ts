/** What anybody may ask an enclave at any moment, and what the world knows about the answer. Dice of their own: to ask changes nothing. */
import { judgeStatement, parseStatement } from '../../../auditor/balance-statement.ts'
import { type Address, toHash, toHex, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { leafHash } from '../../../enclave/protocol/log-tree.ts'
import { parseCheckpoint, parseNote } from '../../../enclave/protocol/note.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import { unpackRecords } from '../../../enclave/seal/record-file.ts'
import { ask, type Reply } from '../boot.ts'
import { ripened } from '../payees.ts'
import type { Random } from '../random.ts'
import type { Boot, Landing, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count } from '../world.ts'

type Question = (world: World, boot: Boot, dice: Random) => void

const TRUE = 'answers are true'
const QUESTIONS: readonly Question[] = [
  askStatus,
  askBalance,
  askBalance,
  askProof,
  askProof,
  askReporter,
  askLog,
  askCheckpoint,
  askState,
  askVouching,
  askKeys,
]
const ASKED_PERMILLE = 150
const RECORDS_MAX = 64

export function question(world: World, dice: Random): void {
  if (world.boots.length === 0 || !dice.chance(ASKED_PERMILLE)) return
  const boot = dice.pick(world.boots)
  dice.pick(QUESTIONS)(world, boot, dice)
}

function result(world: World, boot: Boot, method: string, params: object = {}): Reply {
  const answer = ask(world, boot, method, params)
  return answer.kind === 'result' ? answer.result : undefined
}

function same(what: string, got: unknown, expected: unknown): void {
  claim(TRUE, String(got) === String(expected), () => `${what} is ${expected}, told was ${got}`)
}

/** Beside what was observed to leave this enclave. */
function askStatus(world: World, boot: Boot): void {
  const { phase, nextRecord, ledger } = result(world, boot, 'status')
  same('the phase', phase, boot.instance.phase)
  if (boot.records.size > 0) same('the next record', nextRecord, (boot.tip?.number ?? 0) + 1)
  if (ledger === undefined || boot.tip === undefined || boot.node === undefined) return
  same('the head', ledger.head, boot.tip.mark.head)
  same('the size of the log', ledger.logSize, boot.node.index + 1)
}

/** Whom a payout of now would go to, and when whoever waits comes. */
function askBalance(world: World, boot: Boot, dice: Random): void {
  const id = dice.pick(world.ids)
  const told = result(world, boot, 'balance', { orchestrator_id: id })
  const { state } = boot.instance
  const account = state?.byId.get(id)
  if (told === undefined || state === undefined || account === undefined) return
  const { recipient, pending, regSeq, creditedWei, paidWei, reservedWei } = account
  const at = Math.max(state.at, world.nowSeconds + boot.skewSeconds)
  const payee = ripened(
    { recipient, waiting: pending ?? undefined, isHeir: false, regSeq },
    { sequence: state.sequence, at },
  )
  same(`the recipient of ${id}`, told.recipient ?? ZERO_ADDRESS, payee.recipient)
  same(`who waits for ${id}`, told.pending_recipient?.recipient, payee.waiting?.recipient)
  same(`the balance of ${id}`, told.balance_wei, creditedWei - paidWei - reservedWei)
}

/** As somebody judges it who trusts the chain alone; and of a header that landed, what its log really says. */
function askProof(world: World, boot: Boot, dice: Random): void {
  const id = dice.pick(world.ids)
  const told = result(world, boot, 'prove_balance', { orchestrator_id: id })
  if (told === undefined) return
  const statement = parseStatement(told)
  const { list } = world.checks.landings
  const at = list.findIndex(({ event }) => event.next === statement.headerHash)
  const committed = list.map(({ event }) => event)
  const landing = { from: 'events', committed, finalBlock: world.chain.final.number } as const
  const verdict = judgeStatement({ statement, orchestratorId: id, ledger: boot.instance.ledger, landing })
  if (verdict.kind === 'invalid') {
    const isAbsent = verdict.fault === 'NOT_LANDED' && at < 0
    claim(TRUE, isAbsent, () => `a balance statement for ${id} is ${verdict.fault}, got ${verdict.got}`)
    return count(world, 'balance statement of a header that is not on chain')
  }
  const { inputs } = list[at] as Landing
  const payee: Address = inputs.payees.get(id)?.recipient ?? ZERO_ADDRESS
  same(`what was credited to ${id}`, verdict.creditedWei, inputs.creditedWei.get(id) ?? 0n)
  same(`what ${id} was paid`, verdict.paidWei, list[at - 1]?.paidWei.get(id) ?? 0n)
  same(`the recipient of ${id}`, verdict.recipient, payee)
  count(world, `balance statement ${verdict.kind}`)
}

function askReporter(world: World, boot: Boot, dice: Random): void {
  const desk = world.governance === undefined ? undefined : dice.pick(world.governance.desks)
  if (desk === undefined) return
  const told = result(world, boot, 'reporter', { reporter: desk.address })
  if (told === undefined) return
  const taken = told.nextSeq - 1
  claim(TRUE, taken <= desk.credits.length, () => `${taken} credits are known of ${desk.credits.length} reported`)
  same(`the credits of ${desk.address}`, told.nextSeq, boot.instance.state?.reporters.get(desk.address)?.nextSeq ?? 1)
}

function askLog(world: World, boot: Boot): void {
  const told = result(world, boot, 'audit_status')
  const { node } = boot
  if (told === undefined || node === undefined) return
  same('the size of the log', told.audit_seq, node.index + 1)
  same('the newest entry', told.audit_head_hash, toHash(leafHash(node.bytes)))
}

/** Of a header that stands in this enclave's log, landed or not. */
function askCheckpoint(world: World, boot: Boot): void {
  const { chainId } = world.configuration
  const told = result(world, boot, 'audit_checkpoint', { chain_id: chainId })
  if (told === undefined) return
  const { size, root } = parseCheckpoint(parseNote(utf8(told.checkpoint)).text)
  const rootHex = toHex(root)
  let { node } = boot
  while (node !== undefined && node.index > size) node = node.parent
  const entry = node?.parent?.index === size - 1 ? node.entry : undefined
  const isOwn = entry?.type === 'commit' && entry.body.header.logSize === size && entry.body.header.logRoot === rootHex
  claim(TRUE, isOwn, () => `a checkpoint of ${size} entries that no header of its log has`)
}

/** The whole state in one blob, as clients of the replaced system take it. */
function askState(world: World, boot: Boot): void {
  const told = result(world, boot, 'export_state')
  if (told === undefined) return
  for (const record of unpackRecords(Buffer.from(told.blob_b64, 'base64'), RECORDS_MAX)) world.checks.sealed(record)
  same('the head', told.ledger_root, boot.instance.state?.head)
}

/** There is no hardware here that could vouch for anything: whoever asks is told so. */
function askVouching(world: World, boot: Boot): void {
  const told = result(world, boot, 'address')
  if (told !== undefined) claim(TRUE, world.keys.authorities.includes(told.address), () => `${told.address} is nobody`)
  const answer = ask(world, boot, 'attestation', {})
  claim(TRUE, answer.kind === 'refused', () => 'an enclave without hardware attests')
}

/** Before it has keys an enclave makes some for whoever asks, keeps none of them, and says what it was started for. */
function askKeys(world: World, boot: Boot): void {
  const made = result(world, boot, 'generate')
  if (made !== undefined) same('the phase after keys were made', boot.instance.phase, 'cold')
  const told = result(world, boot, 'configure', { configuration: world.configuration })
  if (told !== undefined) same('the ledger', told.ledgerId, boot.instance.ledgerId)
}
