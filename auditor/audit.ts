/** One audit: the published log, its replay, the chain, and the journal where it is given. */
import { createHash } from 'node:crypto'
import { keccak256 } from 'viem'
import type { Payout } from '../enclave/protocol/entry.ts'
import { CodedError } from '../enclave/protocol/errors.ts'
import { installHashes } from '../enclave/protocol/hash.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { judgeAttestations, readTerms, SESSIONS_MAX, type TermFiles } from './attestation-files.ts'
import { type Report as Attested, type BlockTimes, sessionsOf, type Terms } from './attestations.ts'
import { readBlockTimes, readChain } from './chain.ts'
import type { ChainFacts, Committed, Notice } from './chain-facts.ts'
import { judgeCounters, type ReporterCounter } from './counters.ts'
import { judgeJournal } from './journal.ts'
import type { LogSource } from './log-source.ts'
import { openLogSource } from './log-source.ts'
import type { Finding, Findings } from './naive/finding.ts'
import { newFindings } from './naive/finding.ts'
import type { Ledger, Replay } from './naive/ledger.ts'
import { isPaid } from './payments.ts'
import type { SignedCheckpoint } from './published-log.ts'
import { judgeCheckpoint, judgeTiles, readCheckpoint, readEntries } from './published-log.ts'
import type { ReplayedHeader, Treasury } from './reconcile.ts'
import { reconcile } from './reconcile.ts'
import type { LedgerSummary } from './replay.ts'
import { expectedHeader, newReplay, step, summary } from './replay.ts'

export type AuditOptions = TermFiles & {
  readonly rpcUrl: string
  readonly anchor: Address
  /** A folder or a web address with `checkpoint` and `tile/`. */
  readonly log: string
  /** Audit as of this sequence. */
  readonly at?: number
  /** Payments up to this sequence were looked at in an earlier audit. */
  readonly since?: number
  readonly journal?: string
  readonly fromBlock?: number
  readonly depthBlocks?: number
  /** What reporters say of themselves: the number that each would sign next. */
  readonly reporters?: readonly ReporterCounter[]
}

/** What an audit says. `format` changes with its shape; amounts are decimal text of wei once it is JSON. */
export type AuditReport = {
  readonly format: 'anchorhold-audit/1'
  readonly verdict: 'clean' | 'findings'
  readonly anchor: Address
  readonly chainId: number
  /** Height of the chain at which it was audited. */
  readonly block: number
  /** Newest sequence on chain that was audited, and how many commits were. */
  readonly sequence: number
  readonly commits: number
  readonly entries: number
  readonly logRoot: Hash
  /** After the newest audited commit, as the chain settled it. */
  readonly ledger: LedgerSummary | null
  readonly treasury: Treasury | null
  readonly findings: readonly Finding[]
  readonly findingsDropped: number
  readonly notices: readonly Notice[]
}

/**
 * Audits once. Refuses RPC_FAILED, CONFIG_INVALID, AUDIT_STORE, JOURNAL_UNREADABLE, ATTESTATION_EXPECTATION or _DEBUG: it
 * could not check.
 */
export async function runAudit(options: AuditOptions): Promise<AuditReport> {
  useFastHashes()
  const terms = await readTerms(options)
  const facts = await readChain({ ...options, since: options.since ?? 0 })
  requireReached(options, facts.state.sequence)
  const at = options.at ?? facts.state.sequence
  const commits = facts.events.filter((event) => event.kind === 'committed').filter(({ sequence }) => sequence <= at)
  const source = openLogSource(options.log)
  const published = newFindings()
  // Before the first commit there is nothing to publish, and nothing to miss.
  const signed = await readCheckpoint(source, facts.state.sequence === 0 ? newFindings() : published)
  const sizePublished = signed?.checkpoint.size ?? commits.at(-1)?.logSize ?? 0
  const size = options.at === undefined ? sizePublished : Math.min(sizePublished, commits.at(-1)?.logSize ?? 0)
  const replayed = await replayLog(source, size, sizePublished, commits, published)
  await judgePublished(source, replayed.replay, { size, sizePublished }, signed, facts, published)
  const times = await timesOf(options, terms, facts)
  const attested = await judgeAttestations(source, sessionsOf(facts, replayed.replay.ledger, times), terms)
  return judgeLedger({ options, facts, at, commits, published, attested, ...replayed })
}

/** Without terms no document is believed, nor its time. */
async function timesOf(
  { rpcUrl }: AuditOptions,
  terms: Terms | undefined,
  { events }: ChainFacts,
): Promise<BlockTimes> {
  if (terms === undefined) return new Map()
  const sessions = events.filter(({ kind }) => kind === 'session').slice(-SESSIONS_MAX)
  return readBlockTimes(
    rpcUrl,
    sessions.map(({ block }) => block),
  )
}

/** Nothing can be said of commits that have not happened: "clean" up to one of them would be a promise. */
function requireReached({ at = 0, since = 0 }: AuditOptions, sequence: number): void {
  const asked = Math.max(at, since)
  if (asked <= sequence) return
  throw new CodedError('CONFIG_INVALID', `expected a sequence of at most ${sequence}, got ${asked}`)
}

type Replayed = { readonly replay: Replay; readonly headers: ReadonlyMap<number, ReplayedHeader> }

/** Replays the log, and notes what each commit on chain has to say at its size. */
async function replayLog(
  source: LogSource,
  size: number,
  sizePublished: number,
  commits: readonly Committed[],
  findings: Findings,
): Promise<Replayed> {
  const replay = newReplay()
  const headers = new Map<number, ReplayedHeader>()
  const sizes = new Set(commits.map(({ logSize }) => logSize))
  const note = (): void => {
    const header = sizes.has(replay.size) ? expectedHeader(replay) : undefined
    if (header !== undefined) headers.set(replay.size, header)
  }
  for await (const bytes of readEntries(source, size, sizePublished, findings)) {
    note()
    step(replay, bytes, replay.size)
  }
  note()
  return { replay, headers }
}

async function judgePublished(
  source: LogSource,
  replay: Replay,
  sizes: { readonly size: number; readonly sizePublished: number },
  signed: SignedCheckpoint | undefined,
  facts: ChainFacts,
  findings: Findings,
): Promise<void> {
  const commits = facts.events.filter((event) => event.kind === 'committed')
  const anchored = commits.find(({ logSize }) => logSize === replay.size)
  // Where bundles are missing, the tiles over them cannot be recomputed, and the missing file is named already.
  if (replay.size === sizes.size) {
    await judgeTiles(source, replay.log, sizes.sizePublished, anchored?.logRoot, findings)
  }
  if (signed === undefined || replay.ledger === null) return
  // As of an earlier sequence the log does not name the checkpoint's key yet: the audit without --at judges it.
  const logKey = replay.size === signed.checkpoint.size ? replay.ledger.logKey : null
  judgeCheckpoint(signed, replay.ledger, logKey, commits, findings)
}

type Gathered = Replayed & {
  readonly options: AuditOptions
  readonly facts: ChainFacts
  readonly at: number
  readonly commits: readonly Committed[]
  readonly published: Findings
  readonly attested: Attested
}

async function judgeLedger(gathered: Gathered): Promise<AuditReport> {
  const { options, facts, at, commits, published, attested, replay, headers } = gathered
  const { ledger } = replay
  const journal = newFindings()
  const notices: Notice[] = []
  if (ledger !== null && options.journal !== undefined) await judgeJournal(options.journal, ledger, journal)
  if (options.journal === undefined)
    notices.push({ code: 'JOURNAL_UNREAD', subject: 'journal', text: 'give --journal' })
  const chain =
    ledger === null ? null : reconcile({ ledger, size: replay.size, headers, facts, at, since: options.since ?? 0 })
  const told = summary(replay)
  const counters = newFindings()
  if (ledger !== null) judgeCounters(options.reporters ?? [], ledger, counters, notices)
  const own = { list: told.findings, dropped: told.findingsDropped }
  const all = [published, own, ...(chain === null ? [] : [chain.findings]), journal, counters, attested.findings]
  const findings = all.flatMap(({ list }) => list)
  return {
    format: 'anchorhold-audit/1',
    verdict: findings.length === 0 ? 'clean' : 'findings',
    anchor: facts.anchor,
    chainId: facts.chainId,
    block: facts.block,
    sequence: Math.min(at, facts.state.sequence),
    commits: commits.length,
    entries: told.entries,
    logRoot: told.logRoot,
    ledger: told.ledger === null || ledger === null ? null : landed(told.ledger, ledger, replay.size, gathered),
    treasury: chain?.treasury ?? null,
    findings,
    findingsDropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
    notices: [...(chain?.notices ?? []), ...notices, ...attested.notices],
  }
}

/**
 * The log is published up to the entry before its newest commit: what that commit did stands on the chain alone, and is
 * added here, so that a report's figures are those of one moment.
 */
function landed(told: LedgerSummary, ledger: Ledger, size: number, { facts, commits }: Gathered): LedgerSummary {
  const commit = commits.find(({ logSize }) => logSize === size)
  if (commit === undefined) return told
  const settled = facts.events.find((event) => event.kind === 'settled' && event.sequence === commit.sequence)
  const bitmap = settled?.kind === 'settled' ? settled.bitmap : 0n
  const payouts = ledger.reserve?.payouts ?? []
  const sum = (list: readonly Payout[]): bigint => list.reduce((total, { wei }) => total + wei, 0n)
  return {
    ...told,
    sequence: commit.sequence,
    head: settled?.kind === 'settled' ? settled.head : commit.next,
    paidWei: told.paidWei + sum(payouts.filter((_, position) => isPaid(bitmap, position))),
    reservedWei: told.reservedWei - sum(payouts),
  }
}

/** Node's own SHA-256 is ten times the pure one. */
function useFastHashes(): void {
  installHashes({
    sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
    keccak256: (bytes) => keccak256(bytes, 'bytes'),
  })
}
