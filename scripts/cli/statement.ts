/** What an orchestrator can hold against anyone: its balance in an anchored tree, and how to check it without us. */
import { resolve } from 'node:path'
import { judgeStatement, type Landing, parseStatement, type StatementVerdict } from '../../auditor/balance-statement.ts'
import { verifyBalance } from '../../auditor/promises.ts'
import { refuse } from '../../enclave/protocol/errors.ts'
import { type Address, isHash, toAddress, toHex } from '../../enclave/protocol/ids.ts'
import type { Ledger } from '../../enclave/protocol/typed-data.ts'
import type { Context } from '../../host/context.ts'
import { writeDurably } from '../../host/durable-file.ts'
import { type Answer, EXIT_FAILED, ether, type Terminal, tableOf } from './answer.ts'
import type { Typed } from './command.ts'
import { readForeignJson } from './foreign-json.ts'

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

/** Against the chain with --rpc, or offline against a `next` that the reader looked up himself. Needs no data folder. */
export async function verifyBalanceAnswer(file: string, words: Typed, { typedIn }: Terminal): Promise<Answer> {
  const path = resolve(typedIn, file)
  const statement = parseStatement(await readStatement(path))
  const id = words['id'] ?? statement.account.orchestratorId
  const isOffline = words['next'] !== undefined
  if (isOffline === (words['rpc'] !== undefined))
    refuse('CONFIG_INVALID', 'one of --rpc and --next', isOffline ? 'both' : 'none')
  const verdict = isOffline
    ? judgeStatement({ statement, orchestratorId: id, ledger: ledgerOf(words), landing: landingOf(words) })
    : await verifyBalance(path, id, { rpcUrl: words['rpc'] ?? '', anchor: anchorOf(words), ...rangeOf(words) })
  return verdictAnswer(verdict, id)
}

function rangeOf({ fromBlock, depth }: Typed): { readonly fromBlock?: number; readonly depthBlocks?: number } {
  return {
    ...(fromBlock === undefined ? {} : { fromBlock: Number(fromBlock) }),
    ...(depth === undefined ? {} : { depthBlocks: Number(depth) }),
  }
}

function readStatement(path: string): Promise<unknown> {
  return readForeignJson(path, {
    what: 'a balance statement',
    bytesMax: STATEMENT_BYTES_MAX,
    code: 'STATEMENT_INVALID',
  })
}

function ledgerOf(words: Typed): Ledger {
  const chainId = words['chainId']
  if (chainId === undefined) refuse('CONFIG_INVALID', 'beside --next the --chain-id', 'nothing')
  return { chainId: Number(chainId), anchor: anchorOf(words) }
}

function anchorOf(words: Typed): Address {
  const anchor = toAddress(words['anchor'] ?? '')
  if (anchor === undefined) refuse('CONFIG_INVALID', 'an address in --anchor', words['anchor'] ?? 'nothing')
  return anchor
}

function landingOf(words: Typed): Landing {
  const next = words['next'] ?? ''
  if (!isHash(next)) refuse('CONFIG_INVALID', 'in --next the `next` of a final Committed event of the anchor', next)
  return { from: 'next', next }
}

function verdictAnswer(verdict: StatementVerdict, id: string): Answer {
  const format = 'anchorhold-verify-balance/2'
  if (verdict.kind === 'invalid') {
    const { fault, expected, got } = verdict
    const text = `STATEMENT_INVALID: ${fault}: expected ${expected}, got ${got}`
    return { format, value: { verdict: 'invalid', fault, expected, got }, text, exitCode: EXIT_FAILED }
  }
  const { kind: landing, newerCommits, sequence, recipient, balanceWei, creditedWei, paidWei, reservedWei } = verdict
  const rows = [
    ['proven', `${id} in header ${sequence}`],
    ['on chain', LANDINGS[landing] + (newerCommits === null ? '' : `; ${newerCommits} newer commits`)],
    ['recipient', recipient],
    ['balance', ether(balanceWei)],
    ['credited, paid, reserved', `${ether(creditedWei)}, ${ether(paidWei)}, ${ether(reservedWei)}`],
  ]
  const { kind: _, ...rest } = verdict
  return { format, value: { verdict: 'proven', id, landing, ...rest }, text: tableOf(rows) }
}

const LANDINGS: { readonly [kind in Exclude<StatementVerdict['kind'], 'invalid'>]: string } = {
  final: 'in a final block',
  provisional: 'in a block that may still be reorganised: ask again later',
  given: 'as far as the hash of --next goes',
}
