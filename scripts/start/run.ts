/** One start from its first line to its table. */
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { PAUSED } from '../../host/control.ts'
import { demoOrchestrators, demoRecipient, rosterOf, UNREGISTERED_ID } from '../journal/roster.ts'
import { runAttacks } from './attacks/run.ts'
import { type Audit, audit } from './audit-process.ts'
import { measure } from './figures.ts'
import { type Folder, type Plan, readPlan, writePlan } from './folder.ts'
import { journalHashes, requireSameJournal, surveyJournal } from './journal-check.ts'
import { readStoredLog, type StoredLog } from './ledger-log.ts'
import type { StartOptions } from './options.ts'
import type { Progress } from './progress.ts'
import { readFacts } from './provision.ts'
import { type Check, type Figures, reconcile, shipped } from './reconcile.ts'
import { openRelease, planRelease, RELEASE_STEPS, type Release } from './release.ts'
import { awaitFirstHeader, awaitQuiet, openRoad, paidText, type Road, releaseAndPay, topUp } from './road.ts'
import { readRoster, withDemoRecipients } from './roster-file.ts'
import { type Endings, type Stack, startGround, startRoad } from './stack.ts'
import { readWatched, type Watched, writeWatched } from './watched.ts'

export type Outcome = {
  readonly stack: Stack
  readonly figures: Figures
  readonly checks: readonly Check[]
  /** Said beside the table. */
  readonly notes: readonly string[]
}

/** Enough for the shipped journal and for the attacks on its copy. */
const TREASURY_WEI: Wei = wei(40n * 10n ** 18n)
const PAUSE_REASON = 'npm start: figures and attacks'
/** Two to be paid, two others. */
const PAYEES_MAX = 4
const PAYEES_MIN = 2

export async function runStart(
  options: StartOptions,
  folder: Folder,
  endings: Endings,
  progress: Progress,
  onUp: (stack: Stack) => void,
): Promise<Outcome> {
  const stored = await readStoredLog(folder.paths)
  const plan = await decidePlan(options, folder, stored)
  const release = plan.journal === null ? await openRelease(folder) : undefined
  await requireSameJournal(journalOf(folder, plan), journalHashes(stored?.entries ?? []))
  const ground = await startGround(folder, plan, stored !== undefined, endings, progress.step)
  await requireChainAhead(ground, stored)
  const stack = await startRoad(folder, plan, ground, endings, progress.step)
  onUp(stack)
  const watched = readWatched(folder)
  await resumePrepare(stack)
  const save = () => writeWatched(folder, watched)
  const road = openRoad(stack, watched, save, (look) =>
    progress.update({
      lines: look.ledger.journalSize,
      linesTotal: release?.linesTotal ?? look.ledger.journalSize,
      commits: look.ledger.sequence,
      paidText: paidText(look.ledger),
    }),
  )
  await fundWhenClean(folder, plan, stack, road, progress)
  await pay(folder, plan, stack, road, { release, watched, progress })
  progress.end()
  return conclude(folder, plan, stack, release, watched, progress)
}

async function decidePlan(options: StartOptions, folder: Folder, stored: StoredLog | undefined): Promise<Plan> {
  const before = readPlan(folder)
  if (before !== undefined) return followPlan(options, folder, before, stored)
  const plan = options.journal === undefined ? shippedPlan() : await ownPlan(options, options.journal)
  await writePlan(folder, plan)
  return plan
}

async function followPlan(
  options: StartOptions,
  folder: Folder,
  before: Plan,
  stored: StoredLog | undefined,
): Promise<Plan> {
  if (options.journal === undefined || options.journal === before.journal) return withSameRoster(options, before)
  await requireSameJournal(options.journal, journalHashes(stored?.entries ?? []))
  const plan = { ...before, journal: options.journal }
  await writePlan(folder, plan)
  return withSameRoster(options, plan)
}

function withSameRoster(options: StartOptions, plan: Plan): Plan {
  if (options.roster === undefined) return plan
  const known = new Map(plan.roster.map(({ id, recipient }) => [id, recipient]))
  const other = readRoster(options.roster).find(({ id, recipient }) => known.get(id) !== recipient)
  if (other === undefined) return plan
  throw new CodedError(
    'CONFIG_INVALID',
    `the roster is fixed at genesis, and ${JSON.stringify(other.id)} differs; name another folder with --data`,
  )
}

function shippedPlan(): Plan {
  return {
    version: 1,
    journal: null,
    roster: rosterOf(demoOrchestrators()),
    unregistered: [demoRecipient(UNREGISTERED_ID)],
  }
}

async function ownPlan(options: StartOptions, journal: string): Promise<Plan> {
  const { paidLine, ids } = await surveyJournal(journal)
  if (paidLine !== undefined && !options.replayHistory) {
    const way = 'carry the balances over with `anchorhold import`, or say --replay-history'
    throw new CodedError(
      'JOURNAL_HAS_HISTORY',
      `line ${paidLine + 1} of ${journal} is a payout that was made already; ${way}`,
    )
  }
  const given = options.roster === undefined ? [] : readRoster(options.roster)
  return {
    version: 1,
    journal,
    roster: options.demoRecipients ? withDemoRecipients(given, ids) : given,
    unregistered: [],
  }
}

async function requireChainAhead(
  ground: Pick<Stack, 'url' | 'deployment' | 'authority'>,
  stored: StoredLog | undefined,
): Promise<void> {
  if (stored === undefined) return
  const { sequence, epoch } = await readFacts(ground.url, ground.deployment, ground.authority)
  if (sequence >= stored.settled && epoch >= stored.epochActed) return
  const expected = `sequence ${stored.settled} and session ${stored.epochActed}`
  throw new CodedError(
    'CHAIN_BEHIND',
    `expected ${expected} on the chain, got ${sequence} and ${epoch}; type: npm start -- --fresh`,
  )
}

const FIRST_SEQUENCE = 1

/** The first money comes after the auditor has accepted the first header, and no sooner. */
async function fundWhenClean(folder: Folder, plan: Plan, stack: Stack, road: Road, progress: Progress): Promise<void> {
  await awaitFirstHeader(road, stack)
  const { facts } = await road.look()
  if (facts.treasuryWei > 0n) return
  progress.step('auditor: the first header')
  const { verdict, findings } = await audit(folder, stack, journalOf(folder, plan), FIRST_SEQUENCE)
  if (verdict !== 'clean')
    throw new CodedError('AUDIT_STORE', `expected a clean first header, got ${JSON.stringify(findings[0] ?? null)}`)
  await topUp(stack, TREASURY_WEI)
  progress.step('treasury funded')
}

type Pay = { readonly release: Release | undefined; readonly watched: Watched; readonly progress: Progress }

async function pay(
  folder: Folder,
  plan: Plan,
  stack: Stack,
  road: Road,
  { release, watched, progress }: Pay,
): Promise<void> {
  const { facts, ledger } = await road.look()
  if (ledger.dueWei > facts.treasuryWei) await topUp(stack, wei(ledger.dueWei + TREASURY_WEI))
  if (release !== undefined) {
    const counts = planRelease(release.linesTotal, RELEASE_STEPS)
    await releaseAndPay(road, stack, release, { counts, watched, progress })
  }
  const lines = release === undefined ? (await surveyJournal(journalOf(folder, plan))).lines : release.linesTotal
  await awaitQuiet(road, stack, lines)
  await writeWatched(folder, watched)
}

async function conclude(
  folder: Folder,
  plan: Plan,
  stack: Stack,
  release: Release | undefined,
  watched: Watched,
  progress: Progress,
): Promise<Outcome> {
  await pausePrepare(stack)
  try {
    progress.step('auditor: the whole ledger')
    const report = await audit(folder, stack, journalOf(folder, plan))
    const before = await headOf(stack)
    const { notes, liveHeads } = await attackOnce(folder, plan, stack, watched, before, progress)
    const measured = await measure(folder, stack, report, watched)
    const journalLines = release?.linesOut() ?? (await surveyJournal(journalOf(folder, plan))).lines
    const attacks = watched.attacks?.results
    const figures: Figures = { ...measured, journalLines, attacks, liveHeads }
    const checks = [...reconcile(figures), ...(plan.journal === null ? shipped(figures) : [])]
    return { stack, figures, checks, notes: [...notes, ...findingNotes(report)] }
  } finally {
    await resumePrepare(stack)
  }
}

async function attackOnce(
  folder: Folder,
  plan: Plan,
  stack: Stack,
  watched: Watched,
  before: string,
  progress: Progress,
) {
  const none = { liveHeads: { before, after: before } }
  if (watched.attacks !== null) {
    return { ...none, notes: [`The attacks were made at sequence ${watched.attacks.sequence}, in an earlier start.`] }
  }
  const payees = payeesOf(plan)
  if (payees.length < PAYEES_MIN) return { ...none, notes: ['No attacks: they need two recipients that can be paid.'] }
  const results = await runAttacks(folder, payees, (name) => progress.step(`attack: ${name}`))
  const { sequence } = await stack.context.chain.facts(stack.authority)
  watched.attacks = { sequence, results }
  await writeWatched(folder, watched)
  return { liveHeads: { before, after: await headOf(stack) }, notes: [] }
}

function payeesOf(plan: Plan): string[] {
  const seen = new Set<string>(plan.unregistered)
  const payees = plan.roster.filter(({ recipient }) => !seen.has(recipient) && seen.add(recipient))
  return payees.slice(0, PAYEES_MAX).map(({ id }) => id)
}

function findingNotes({ findings }: Audit): string[] {
  return findings
    .slice(0, NOTES_MAX)
    .map(({ code, subject, expected, got }) => `auditor: ${code} ${subject}: expected ${expected}, got ${got}`)
}

const NOTES_MAX = 10

function journalOf(folder: Folder, plan: Plan): string {
  return plan.journal ?? folder.released
}

async function headOf({ context, authority }: Stack): Promise<string> {
  return (await context.chain.facts(authority)).head
}

async function pausePrepare({ context }: Stack): Promise<void> {
  await context.control.set('prepare', PAUSED, PAUSE_REASON, Date.now())
}

/** Takes back our own pause only: an operator's stays. */
async function resumePrepare({ context }: Stack): Promise<void> {
  const flag = await context.control.flagOf('prepare')
  if (flag?.reason === PAUSE_REASON) await context.control.clear('prepare', Date.now())
}
