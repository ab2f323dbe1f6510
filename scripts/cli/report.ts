/** `anchorhold report`: a reporter's own command. It signs here and sends through the enclave of the data folder. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { CodedError, isCoded, refuse } from '../../enclave/protocol/errors.ts'
import { type Address, toAddress } from '../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import type { HostConfig } from '../../host/config.ts'
import type { Context } from '../../host/context.ts'
import { type Endpoints, openEndpoints, STRIKES_MAX } from '../../host/endpoints.ts'
import { type CreditEvent, parseEventLine } from '../../reporter/event.ts'
import { type ChainWord, noteFinality, openChainWord, type Rpc } from '../../reporter/finality.ts'
import { type Key, readKey } from '../../reporter/key.ts'
import type { Form } from '../../reporter/messages.ts'
import { type Door, type Report, sendWaiting } from '../../reporter/reporter.ts'
import { openStore, type ReporterStore } from '../../reporter/store.ts'
import { openTiles } from '../../reporter/tiles.ts'
import { type Answer, EXIT_FAILED, ether, type Terminal, tableOf } from './answer.ts'
import type { Typed } from './command.ts'
import { recordCommand } from './context.ts'

export const REPORTER_KEY_VARIABLE = 'ANCHORHOLD_REPORTER_KEY'
/** Lines of one run. */
export const EVENTS_MAX = 1_000_000
const MS_PER_SECOND = 1_000
const SHOWN_MAX = 20

export type ReportWords = {
  readonly file: string
  readonly keyFile: string | undefined
  readonly store: string | undefined
  readonly batch: boolean
  readonly dryRun: boolean
}

export async function reportAnswer(context: Context, words: ReportWords, terminal: Terminal): Promise<Answer> {
  const key = await keyOf(words.keyFile, terminal)
  const events = await readEvents(words.file, terminal)
  const store = await storeOf(context, key.address, words.store, terminal)
  try {
    return words.dryRun ? dryRun(store, events) : await send(context, { key, store, events, batch: words.batch })
  } finally {
    await store.close()
  }
}

function keyOf(file: string | undefined, { environment, typedIn }: Terminal): Promise<Key> {
  return readKey({
    file: file === undefined ? undefined : resolve(typedIn, file),
    text: environment[REPORTER_KEY_VARIABLE],
  })
}

function storeOf({ config }: Context, reporter: Address, path: string | undefined, { typedIn }: Terminal) {
  const place = path === undefined ? join(config.paths.root, 'reporter', `${reporter}.log`) : resolve(typedIn, path)
  return openStore(place, { ledgerId: ledgerIdOf(config), reporter })
}

/** All lines are read and judged before the first gets a number. Refuses EVENT_INVALID. */
async function readEvents(file: string, { typedIn }: Terminal): Promise<CreditEvent[]> {
  const input = file === '' || file === '-' ? process.stdin : createReadStream(resolve(typedIn, file))
  if (input !== process.stdin)
    await once(input, 'open').catch((cause: unknown) => {
      throw new CodedError('EVENT_INVALID', `expected events in ${file}, it cannot be read`, { cause })
    })
  const events: CreditEvent[] = []
  let number = 0
  for await (const line of createInterface({ input })) {
    number += 1
    if (line.trim() !== '') events.push(parseEventLine(line, number))
    if (events.length > EVENTS_MAX) refuse('EVENT_INVALID', `at most ${EVENTS_MAX} events of one run`, 'more')
  }
  return events
}

/** What would be signed, and under which numbers. Nothing is written, nothing is sent. */
function dryRun(store: ReporterStore, events: readonly CreditEvent[]): Answer {
  const planned = store.plan(events)
  const sumWei = planned.reduce((sum, { event }) => sum + (event.amountWei as bigint), 0n)
  const rows = planned
    .slice(0, SHOWN_MAX)
    .map(({ rseq, event }) => [`${rseq}`, event.orchestratorId, ether(event.amountWei), event.eventId])
  const text = `${tableOf(rows, ['number', 'orchestrator', 'amount', 'event'])}\n${planned.length} new credits of ${ether(sumWei)} in all would be signed; ${events.length - planned.length} events have their numbers already`
  const credits = planned.map(({ rseq, event }) => ({ rseq, ...event }))
  return { format: 'anchorhold-report/1', value: { dryRun: true, credits, sumWei }, text }
}

type Work = {
  readonly key: Key
  readonly store: ReporterStore
  readonly events: readonly CreditEvent[]
  readonly batch: boolean
}

async function send(context: Context, { key, store, events, batch }: Work): Promise<Answer> {
  const { added } = await store.add(events)
  const { chainId, anchor } = context.config
  const form: Form = batch ? 'batch' : 'single'
  const door = doorOf(context, await activeSession(context))
  const now = () => Math.floor(context.now() / MS_PER_SECOND)
  const report = await sendWaiting({ ledger: { chainId, anchor }, key, store, door, form, now })
  const finalSeq = await settle(context, store)
  return reportedAnswer(store, report, added, finalSeq)
}

/** What the enclave releases is stored before the answer counts, as any process of the host does. */
function doorOf({ enclave, records }: Context, session: Address): Door {
  const kept = async <T extends { readonly records: Parameters<typeof records.store>[1] }>(call: Promise<T>) => {
    const result = await call
    await records.store(session, result.records)
    return result
  }
  return {
    reporter: (reporter) => enclave.call('reporter', { reporter }),
    creditSigned: (params) => kept(enclave.call('credit_signed', params)),
    creditBatch: async (params) => {
      const result = await enclave.call('credit_batch', params)
      if (result.kind === 'ack') await records.store(session, result.records)
      return result
    },
    skipSequence: (params) => kept(enclave.call('skip_sequence', params)),
  }
}

/** Refuses PHASE_FORBIDS without an active enclave. */
export async function activeSession({ enclave }: Pick<Context, 'enclave'>): Promise<Address> {
  const { phase, session } = await enclave.call('status', {})
  if (phase === 'active' && session !== undefined) return session
  throw new CodedError('PHASE_FORBIDS', `expected an active enclave, got one that is ${phase}`)
}

function settle({ config }: Context, store: ReporterStore): Promise<number> {
  const { chainId, anchor, paths } = config
  return noteFinality({ chainId, anchor }, store, chainWordOf(config), openTiles(paths.audit))
}

/** Of the host's own endpoints, by the host's own rules. Refuses RPC_FAILED and RPC_TIMEOUT when none of them answers. */
export function chainWordOf({ rpcUrls, chainId, anchor, finality, fromBlock }: ChainSettings): ChainWord {
  const endpoints = openEndpoints(rpcUrls, chainId)
  return openChainWord((question) => askInTurn(endpoints, rpcUrls.length, question), anchor, finality, fromBlock)
}

type ChainSettings = Pick<HostConfig, 'rpcUrls' | 'chainId' | 'anchor' | 'finality' | 'fromBlock'>

/** Stages ask again by themselves; a command runs once, so it asks until one that fails rests and the next is asked. */
async function askInTurn<T>({ use }: Endpoints, count: number, question: (rpc: Rpc) => Promise<T>): Promise<T> {
  for (let attempt = 1; attempt < STRIKES_MAX * count; attempt++) {
    try {
      return await use(question)
    } catch (error) {
      if (!isCoded(error)) throw error
    }
  }
  return use(question)
}

function reportedAnswer(store: ReporterStore, report: Report, added: number, finalSeq: number): Answer {
  const { sent, refused, nextSeq } = report
  const rows = [
    ['new events', `${added}`],
    ['taken by the ledger', `${sent}`],
    ['refused', refused.length === 0 ? 'none' : refused.slice(0, SHOWN_MAX).map(refusalText).join('\n')],
    ['final', `up to number ${finalSeq}; ${store.nextSeq - 1 - finalSeq} wait for a final commit`],
  ]
  const value = { added, sent, refused, nextSeq, finalSeq }
  return {
    format: 'anchorhold-report/1',
    value,
    text: tableOf(rows),
    exitCode: refused.length === 0 ? 0 : EXIT_FAILED,
  }
}

function refusalText({ rseq, code }: { readonly rseq: number; readonly code: string }): string {
  return `number ${rseq}: ${code}`
}

/** Where a reporter stands: its file, the ledger, and what is final. Needs no key when --reporter names it. */
export async function reportStatusAnswer(context: Context, words: Typed, terminal: Terminal): Promise<Answer> {
  const reporter = words['reporter'] === undefined ? undefined : toAddress(words['reporter'])
  const address = reporter ?? (await keyOf(words['keyFile'], terminal)).address
  const store = await storeOf(context, address, words['store'], terminal)
  try {
    const finalSeq = await settle(context, store)
    const ledger = await context.enclave.call('reporter', { reporter: address })
    const value = { ...ledger, file: { nextSeq: store.nextSeq, holes: store.holes, refused: store.refusals }, finalSeq }
    const rows = [
      ['reporter', `${address}${ledger.named ? '' : ', which the policy in force does not name'}`],
      ['ledger', `waits for number ${ledger.nextSeq}; ${ether(ledger.creditedWei)} credited`],
      ['file', `next number ${store.nextSeq}; ${store.refusals.length} refused, ${store.holes.length} holes`],
      ['final', `up to number ${finalSeq}`],
    ]
    return { format: 'anchorhold-report-status/1', value, text: tableOf(rows) }
  } finally {
    await store.close()
  }
}

/** Numbers that the file lost are given up for ever, and the ledger goes on behind them. */
export async function reportSkipAnswer(context: Context, words: Typed, terminal: Terminal): Promise<Answer> {
  const key = await keyOf(words['keyFile'], terminal)
  const store = await storeOf(context, key.address, words['store'], terminal)
  try {
    const toSeq = Number(words['to'])
    await recordCommand(context, 'report skip', { reporter: key.address, toSeq })
    const ranges = await store.giveUp(toSeq)
    const text = ranges.map(({ fromSeq, toSeq: end }) => `numbers ${fromSeq} to ${end} are given up`).join('\n')
    const answer = await send(context, { key, store, events: [], batch: true })
    return { ...answer, value: { ...answer.value, givenUp: ranges }, text: `${text}\n${answer.text}` }
  } finally {
    await store.close()
  }
}
