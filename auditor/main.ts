/**
 * `node auditor/main.ts --rpc URL --anchor 0x… --log DIR|URL`: audits a ledger without Redis, enclave or any trust in
 * the host. `balance FILE` and `receipt FILE` judge what an enclave told an orchestrator or a reporter.
 * Ends with 0 when nothing is wrong, 1 with findings, 2 when it could not check.
 */
import Table from 'cli-table3'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { isHash, toAddress, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { formatEther } from '../enclave/protocol/money.ts'
import type { AuditOptions, AuditReport } from './audit.ts'
import { runAudit } from './audit.ts'
import type { StatementVerdict } from './balance-statement.ts'
import type { ReporterCounter } from './counters.ts'
import type { ChainPlace, Offline } from './promises.ts'
import { verifyBalance, verifyReceipt } from './promises.ts'
import { readable } from './readable.ts'
import type { ReceiptVerdict } from './receipt.ts'
import type { LedgerSummary } from './replay.ts'

const MS_PER_SECOND = 1_000

export const EXIT_CLEAN = 0
export const EXIT_FINDINGS = 1
export const EXIT_UNCHECKED = 2

export type Output = { readonly out: (text: string) => void; readonly err: (text: string) => void }

type Flags = {
  readonly rpc: string
  readonly anchor: Address
  readonly log: string
  readonly at?: number
  readonly since?: number
  readonly journal?: string
  readonly fromBlock?: number
  readonly depth?: number
  readonly reporter?: readonly ReporterCounter[]
  readonly measurements?: string
  readonly enclaveConfig?: readonly string[]
  readonly json?: boolean
}

type PromiseFlags = {
  readonly rpc?: string
  readonly anchor: Address
  readonly id: string
  readonly log: string
  readonly fromBlock?: number
  readonly depth?: number
  readonly chainId?: number
  readonly next?: Hash
  readonly head?: Hash
  readonly bitmap?: Hash
}

/** Runs one audit, or judges one promise, for these words of a command line and gives the exit code. */
export async function main(words: readonly string[], terminal: Output): Promise<number> {
  const [name] = words
  const output: Output = {
    out: (text) => terminal.out(readable(text)),
    err: (text) => terminal.err(readable(text)),
  }
  const promise = name === 'balance' || name === 'receipt'
  const command = name === 'balance' ? balanceCommand() : name === 'receipt' ? receiptCommand() : auditCommand()
  const own = promise ? words.slice(1) : words
  try {
    command.exitOverride().configureOutput({ writeOut: output.out, writeErr: output.err }).parse(own, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CLEAN : EXIT_UNCHECKED
    throw error
  }
  const [file = ''] = command.args
  if (name === 'balance') return judged(() => balance(file, command.opts<PromiseFlags>()), output)
  if (name === 'receipt') return judged(() => receipt(file, command.opts<PromiseFlags>()), output)
  return audit(command.opts<Flags>(), output)
}

function auditCommand(): Command {
  return new Command('auditor')
    .description('Recompute a ledger from its public log and compare every head and payment with the chain.')
    .requiredOption('--rpc <url>', 'endpoint of the chain')
    .requiredOption('--anchor <address>', 'address of the LedgerAnchor', address)
    .requiredOption('--log <place>', 'folder or web address of the published log')
    .option('--at <sequence>', 'audit as of this sequence', whole)
    .option('--since <sequence>', 'look at payments after this sequence only', whole)
    .option('--journal <file>', 'compare every consumed line of the journal too')
    .option('--from-block <block>', FROM_BLOCK, whole)
    .option('--depth <blocks>', DEPTH, whole)
    .option('--reporter <address=number>', 'what a reporter would sign next (once for each reporter)', counter)
    .option('--measurements <file>', 'images that are allowed: judge the attestation document of every session')
    .option('--enclave-config <file>', 'what PCR16 was locked to (once for each that was in force)', oneMore)
    .option('--json', 'print the report as JSON')
}

const FROM_BLOCK = 'where to start looking for events'
const DEPTH = "blocks below the newest that are final (default: the chain's own word)"

function balanceCommand(): Command {
  return new Command('auditor balance')
    .description('Judge an answer of prove_balance: is this account so in a header that the anchor took?')
    .argument('<file>', 'the answer, as JSON')
    .requiredOption('--anchor <address>', 'address of the LedgerAnchor', address)
    .requiredOption('--id <orchestrator>', 'whose balance it should be')
    .option('--rpc <url>', 'endpoint of the chain')
    .option('--from-block <block>', FROM_BLOCK, whole)
    .option('--depth <blocks>', DEPTH, whole)
    .option('--chain-id <number>', 'without an endpoint: number of the chain', whole)
    .option('--next <hash>', 'without an endpoint: next of a Committed event', hash)
    .option('--head <hash>', "without an endpoint: the anchor's head", hash)
    .option('--bitmap <hash>', 'beside --head: bitmap of its Settled event, when it paid', hash)
}

function receiptCommand(): Command {
  return new Command('auditor receipt')
    .description('Judge a receipt: did that session sign it, and does a final commit cover it?')
    .argument('<file>', 'the receipt, as JSON')
    .requiredOption('--rpc <url>', 'endpoint of the chain')
    .requiredOption('--anchor <address>', 'address of the LedgerAnchor', address)
    .requiredOption('--log <place>', 'folder or web address of the published log')
    .option('--from-block <block>', FROM_BLOCK, whole)
    .option('--depth <blocks>', DEPTH, whole)
}

function balance(file: string, flags: PromiseFlags): Promise<StatementVerdict> {
  const { anchor, id, chainId, next, head, bitmap = null } = flags
  if (flags.rpc !== undefined) return verifyBalance(file, id, placeOf(flags, flags.rpc))
  const landing = next !== undefined ? ({ from: 'next', next } as const) : ({ from: 'head', head, bitmap } as const)
  if (chainId === undefined || (landing.from === 'head' && landing.head === undefined))
    throw new CodedError('CONFIG_INVALID', 'expected --rpc, or --chain-id with --next or --head')
  return verifyBalance(file, id, { chainId, anchor, landing: landing as Offline['landing'] })
}

async function receipt(file: string, flags: PromiseFlags): Promise<ReceiptVerdict> {
  return verifyReceipt(file, flags.log, placeOf(flags, flags.rpc ?? ''))
}

function placeOf({ anchor, fromBlock, depth }: PromiseFlags, rpcUrl: string): ChainPlace {
  const from = fromBlock === undefined ? {} : { fromBlock }
  return { rpcUrl, anchor, ...from, ...(depth === undefined ? {} : { depthBlocks: depth }) }
}

/** One line of JSON: the verdict as it is, amounts as decimal text. */
async function judged(judge: () => Promise<StatementVerdict | ReceiptVerdict>, output: Output): Promise<number> {
  try {
    const verdict = await judge()
    output.out(jsonOf(verdict))
    return verdict.kind === 'invalid' ? EXIT_FINDINGS : EXIT_CLEAN
  } catch (error) {
    if (!isCoded(error)) throw error
    output.err(`could not check: ${error.code}: ${error.message}\n${error.action}\n`)
    return EXIT_UNCHECKED
  }
}

function hash(text: string): Hash {
  const known = text.toLowerCase()
  if (!isHash(known)) throw new InvalidArgumentError('expected 32 bytes in hex')
  return known
}

function address(text: string): Address {
  const known = toAddress(text)
  if (known === undefined) throw new InvalidArgumentError('expected an address of 20 bytes in hex')
  return known
}

function whole(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : undefined
  if (value === undefined) throw new InvalidArgumentError('expected a whole number')
  return value
}

function counter(text: string, before: readonly ReporterCounter[] = []): readonly ReporterCounter[] {
  const [name = '', number = ''] = text.split('=')
  return [...before, { reporter: address(name), nextSeq: whole(number) }]
}

function oneMore(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

async function audit(flags: Flags, output: Output): Promise<number> {
  try {
    const report = await runAudit(optionsOf(flags))
    output.out(flags.json === true ? jsonOf(report) : textOf(report))
    return report.verdict === 'clean' ? EXIT_CLEAN : EXIT_FINDINGS
  } catch (error) {
    if (!isCoded(error)) throw error
    const { code, message, action } = error
    if (flags.json === true)
      output.out(`${JSON.stringify({ format: 'anchorhold-audit/1', verdict: 'unchecked', code, message })}\n`)
    else output.err(`could not check: ${code}: ${message}\n${action}\n`)
    return EXIT_UNCHECKED
  }
}

function optionsOf(flags: Flags): AuditOptions {
  const { rpc, depth, reporter: reporters, enclaveConfig: enclaveConfigs, json, ...rest } = flags
  const given = { ...(depth === undefined ? {} : { depthBlocks: depth }), ...(reporters && { reporters }) }
  return { ...rest, rpcUrl: rpc, ...given, ...(enclaveConfigs && { enclaveConfigs }) }
}

/** One line, keys in a fixed order, amounts as decimal text. */
function jsonOf(report: object): string {
  return `${JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? value.toString() : value))}\n`
}

function textOf(report: AuditReport): string {
  const parts = [tableOf(['', ''], factsOf(report)), ...tablesOf(report.ledger)]
  if (report.notices.length > 0) {
    parts.push(
      tableOf(
        ['notice', 'about', ''],
        report.notices.map(({ code, subject, text }) => [code, subject, text]),
      ),
    )
  }
  if (report.findings.length > 0) {
    const rows = report.findings.map(({ code, entry, subject, expected, got }) => [
      code,
      entry?.toString() ?? '',
      subject,
      expected,
      got,
    ])
    parts.push(tableOf(['finding', 'entry', 'about', 'expected', 'got'], rows))
  }
  parts.push(
    report.verdict === 'clean'
      ? 'CLEAN: nothing is wrong'
      : `${report.findings.length + report.findingsDropped} FINDINGS`,
  )
  return `${parts.join('\n')}\n`
}

/** Who credited, what was refused, and what admins and recipients did: what the rules allow, and a reader wants to know. */
function tablesOf(ledger: LedgerSummary | null): string[] {
  if (ledger === null) return []
  const { reporters, refusals, acts, actsDropped } = ledger
  const refused = Object.entries(refusals).map(([code, count]) => [code, `${count}`])
  const done = acts.map(({ kind, entry, at, text }) => [kind, `${entry}`, timeOf(at), text])
  const rows = reporters.map(({ reporter, named, nextSeq, creditedWei }) => [
    reporter,
    named ? 'named' : 'no longer named',
    `${nextSeq} next`,
    ether(creditedWei),
  ])
  if (actsDropped > 0) done.push(['…', '', '', `${actsDropped} more`])
  return [
    ...(rows.length === 0 ? [] : [tableOf(['reporter', 'policy', 'number', 'credited'], rows)]),
    ...(refused.length === 0 ? [] : [tableOf(['refused with', 'times'], refused)]),
    ...(done.length === 0 ? [] : [tableOf(['act', 'entry', 'time', ''], done)]),
  ]
}

/** Entries carry what the enclave's clock said; a hostile log may say a time that no calendar has. */
function timeOf(atSeconds: number): string {
  const time = new Date(atSeconds * MS_PER_SECOND)
  return Number.isNaN(time.getTime()) ? `second ${atSeconds}` : time.toISOString()
}

function governanceOf({ policyVersion, credits, admins, quorum, imageDigest, authority }: LedgerSummary): string[][] {
  const image = imageDigest === ZERO_HASH ? 'none: a development enclave, clock and image UNATTESTED' : imageDigest
  return [
    ['policy', `version ${policyVersion}, credits ${credits}, ${quorum} of ${admins} admins`],
    ['authority', authority],
    ['image', image],
  ]
}

function factsOf({
  anchor,
  chainId,
  block,
  sequence,
  commits,
  entries,
  logRoot,
  ledger,
  treasury,
}: AuditReport): string[][] {
  const rows = [
    ['anchor', `${anchor} on chain ${chainId} at block ${block}`],
    ['audited', `${entries} entries, ${commits} commits, up to sequence ${sequence}`],
    ['log root', logRoot],
  ]
  if (ledger !== null) {
    const { accounts, creditedWei, paidWei, reservedWei, openings, openingsWei } = ledger
    rows.push(
      ['accounts', `${accounts}`],
      ['credited', ether(creditedWei)],
      ['paid', ether(paidWei)],
      ['reserved', ether(reservedWei)],
    )
    rows.push(...governanceOf(ledger))
    if (openings > 0)
      rows.push(['carried over', `${ether(openingsWei)} in ${openings} openings: claimed at genesis, not earned here`])
  }
  if (treasury !== null) {
    const { fundedWei, outflowWei, balanceWei } = treasury
    rows.push(['treasury', `${ether(fundedWei)} came in − ${ether(outflowWei)} paid = ${ether(balanceWei)}`])
  }
  return rows
}

function ether(wei: bigint): string {
  return `${formatEther(wei)} ETH`
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const titled = head.some((title) => title !== '')
  const table = new Table({ ...(titled ? { head: [...head] } : {}), style: { head: [], border: [] }, wordWrap: true })
  for (const row of rows) table.push([...row])
  return table.toString()
}

if (import.meta.main) {
  const output = {
    out: (text: string) => process.stdout.write(text),
    err: (text: string) => process.stderr.write(text),
  }
  process.exitCode = await main(process.argv.slice(2), output)
}
