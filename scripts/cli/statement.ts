/** What an orchestrator can hold against anyone: its balance in an anchored tree, and how to check it without us. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { judgeStatement, type Landing, parseStatement, type StatementVerdict } from '../../auditor/balance-statement.ts'
import { CodedError, refuse } from '../../enclave/protocol/errors.ts'
import { isHash, toAddress, toHex } from '../../enclave/protocol/ids.ts'
import type { Ledger } from '../../enclave/protocol/typed-data.ts'
import type { Context } from '../../host/context.ts'
import { writeDurably } from '../../host/durable-file.ts'
import { type Answer, EXIT_FAILED, ether, type Terminal, tableOf } from './answer.ts'
import type { Typed } from './command.ts'

const STATEMENT_BYTES_MAX = 65_536

/** The statement of the newest header; --out writes it for whoever wants to check it. */
export async function proveBalanceAnswer(
  context: Context,
  id: string,
  words: Typed,
  terminal: Terminal,
): Promise<Answer> {
  const proven = await context.enclave.call('prove_balance', { orchestrator_id: id })
  const statement = { ...proven, proof: proven.proof.map(toHex) }
  const { header, headerHash, landed, account } = statement
  const out = words['out'] === undefined ? undefined : resolve(terminal.typedIn, words['out'])
  const format = 'anchorhold-balance-statement/1'
  if (out !== undefined) await writeDurably(out, `${JSON.stringify(statement, amountsAsText)}\n`)
  const rows = [
    ['id', id],
    ['balance', ether(account.creditedWei - account.paidWei - account.reservedWei)],
    ['header', `${headerHash} of sequence ${header.sequence}${landed ? '' : ', which has not landed yet'}`],
    ['written to', out ?? 'nowhere: add --out FILE'],
  ]
  return { format, value: statement, text: tableOf(rows) }
}

function amountsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

/** Offline, against a `next` that the reader looked up himself. Needs no data folder. */
export async function verifyBalanceAnswer(file: string, words: Typed, { typedIn }: Terminal): Promise<Answer> {
  const path = resolve(typedIn, file)
  const statement = parseStatement(await readStatement(path))
  const verdict = judgeStatement({
    statement,
    orchestratorId: words['id'] ?? statement.account.orchestratorId,
    ledger: ledgerOf(words),
    landing: landingOf(words),
  })
  return verdictAnswer(verdict, statement.account.orchestratorId)
}

async function readStatement(path: string): Promise<unknown> {
  try {
    const bytes = await readFile(path)
    if (bytes.length > STATEMENT_BYTES_MAX) throw new Error(`expected at most ${STATEMENT_BYTES_MAX} bytes`)
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new CodedError('STATEMENT_INVALID', `expected a balance statement in ${path}`, { cause })
  }
}

function ledgerOf(words: Typed): Ledger {
  const anchor = toAddress(words['anchor'] ?? '')
  if (anchor === undefined) refuse('CONFIG_INVALID', 'an address in --anchor', words['anchor'] ?? 'nothing')
  return { chainId: Number(words['chainId']), anchor }
}

function landingOf(words: Typed): Landing {
  const next = words['next'] ?? ''
  if (!isHash(next)) refuse('CONFIG_INVALID', 'in --next the `next` of a final Committed event of the anchor', next)
  return { from: 'next', next }
}

function verdictAnswer(verdict: StatementVerdict, id: string): Answer {
  const format = 'anchorhold-verify-balance/1'
  if (verdict.kind === 'invalid') {
    const { fault, expected, got } = verdict
    const text = `STATEMENT_INVALID: ${fault}: expected ${expected}, got ${got}`
    return { format, value: { verdict: 'invalid', fault, expected, got }, text, exitCode: EXIT_FAILED }
  }
  const { sequence, recipient, balanceWei, creditedWei, paidWei, reservedWei } = verdict
  const rows = [
    ['proven', `${id} in header ${sequence}`],
    ['recipient', recipient],
    ['balance', ether(balanceWei)],
    ['credited, paid, reserved', `${ether(creditedWei)}, ${ether(paidWei)}, ${ether(reservedWei)}`],
  ]
  const { kind: _, newerCommits: __, ...amounts } = verdict
  return { format, value: { verdict: 'proven', id, ...amounts }, text: tableOf(rows) }
}
