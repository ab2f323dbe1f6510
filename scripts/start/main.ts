/** `npm start`: the whole road on one machine. See docs/ARCHITECTURE.md. */
import { type Attester, attesterOf } from '../../api/attester.ts'
import { Documents, LOOK_EVERY_MS } from '../../api/documents.ts'
import { type LocalView, openStatusServer, type StatusView } from '../../api/status-server.ts'
import { CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import { readStatus } from '../../host/status.ts'
import { takeFolder } from './folder.ts'
import { fundingLines } from './funding.ts'
import { readOptions, type StartOptions } from './options.ts'
import { openProgress, type RoadState } from './progress.ts'
import { allHold } from './reconcile.ts'
import { keepFunded } from './road.ts'
import { type Outcome, runStart } from './run.ts'
import { type Endings, newEndings, type Stack } from './stack.ts'
import { printTable, rowsOf } from './table.ts'

const EXIT_CLEAN = 0
const EXIT_FAILED = 1
const MS_PER_SECOND = 1_000
const EXIT_INTERRUPTED = 130
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const PARENT_POLL_MS = 1_000

let isUp = false
let isStopping = false

await main()

async function main(): Promise<void> {
  const endings = newEndings()
  try {
    const options = readOptions(process.argv.slice(2), process.env['INIT_CWD'] ?? process.cwd())
    if (options === undefined) return
    onSignal(endings)
    const code = await start(options, endings)
    await endings.run()
    process.exit(code)
  } catch (error) {
    // What breaks while it is being taken down is no news.
    if (isStopping) return
    await endings.run()
    process.stderr.write(`${lineOf(error)}\n`)
    process.exit(EXIT_FAILED)
  }
}

async function start(options: StartOptions, endings: Endings): Promise<number> {
  const startedAtMs = Date.now()
  let view: StatusView = { state: 'starting' }
  let stack: Stack | undefined
  if (!options.once) {
    const read = async () => ({ ...view, ...(await liveView(stack)) })
    await serve(options, endings, { read, core: new Documents(attesterOnceUp(() => stack)) })
  }
  const { folder, release, aside } = await takeFolder(options)
  endings.push(release)
  if (aside !== undefined) process.stdout.write(`the old data are in ${aside}\n`)
  const progress = openProgress(process.stdout)
  endings.push(() => progress.end())
  const step = (text: string) => {
    view = { ...view, state: text }
    progress.step(text)
  }
  const shown = {
    ...progress,
    step,
    update: (state: RoadState) => {
      view = { ...view, state: 'on the road', ...state }
      progress.update(state)
    },
  }
  const outcome = await runStart(options, folder, endings, shown, (up) => {
    stack = up
  })
  view = { state: allHold(outcome.checks) ? 'reconciled' : 'DOES NOT RECONCILE', ...tableView(outcome) }
  process.stdout.write(textOf(outcome, startedAtMs))
  if (options.once) return allHold(outcome.checks) ? EXIT_CLEAN : EXIT_FAILED
  process.stdout.write(`status and attestation on http://127.0.0.1:${options.port}; Ctrl-C ends it\n`)
  isUp = allHold(outcome.checks)
  await keepFunded(outcome.stack)
  return 0
}

async function serve(options: StartOptions, endings: Endings, local: LocalView): Promise<void> {
  try {
    const server = await openStatusServer(options.port, local)
    endings.push(() => server.close())
    void local.core.keepLooking(LOOK_EVERY_MS)
  } catch (cause) {
    if (!isCoded(cause, 'PORT_BUSY')) throw cause
    throw new CodedError('PORT_BUSY', `port ${options.port} is taken; type: npm start -- --port ${options.port + 1}`, {
      cause,
    })
  }
}

/** The port is taken before anything is made, so whoever asks early is told that there is no enclave yet. */
function attesterOnceUp(stackNow: () => Stack | undefined): Attester {
  const attester = (): Attester => {
    const stack = stackNow()
    if (stack !== undefined) return attesterOf(stack.context.enclave)
    throw new CodedError('DOCUMENT_NONE', 'expected an enclave, got none yet: it is being started')
  }
  return { status: async () => attester().status(), document: async (nonce) => attester().document(nonce) }
}

function textOf(outcome: Outcome, startedAtMs: number): string {
  const table = printTable(rowsOf(outcome.figures, outcome.checks))
  const seconds = ((Date.now() - startedAtMs) / MS_PER_SECOND).toFixed(1)
  return `${[table, ...outcome.notes, ...fundingLines(outcome.stack), `${seconds} s`].join('\n')}\n`
}

/** What the host says now; amounts as text. */
async function liveView(stack: Stack | undefined): Promise<StatusView> {
  if (stack === undefined) return {}
  const plain = JSON.stringify(await readStatus(stack.context), (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return { live: JSON.parse(plain) as unknown, funding: fundingLines(stack) }
}

function tableView({ figures, checks }: Outcome): StatusView {
  return Object.fromEntries(rowsOf(figures, checks))
}

/** Ends in order, on a signal or when our parent is gone. A second signal ends at once; children end by their pipes. */
function onSignal(endings: Endings): void {
  const parent = process.ppid
  const stop = (): void => {
    if (isStopping) process.exit(EXIT_INTERRUPTED)
    isStopping = true
    process.stdout.write('\nstopping\n')
    // Up and reconciled, this is how it ends; before, it is an interruption.
    void endings.run().then(() => process.exit(isUp ? EXIT_CLEAN : EXIT_INTERRUPTED))
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  // npm and the set-up script stand between the terminal and us: killed by force, they cannot pass it on.
  setInterval(() => {
    if (process.ppid !== parent && !isStopping) stop()
  }, PARENT_POLL_MS).unref()
}

function lineOf(error: unknown): string {
  if (isCoded(error)) return `${error.code}: ${error.message}`
  return `INTERNAL: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
