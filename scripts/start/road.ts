/** Watches the road until it is quiet: every line read, everything that can be paid is paid, everything is anchored. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import { formatEther, type Wei, wei } from '../../enclave/protocol/money.ts'
import type { AnchorFacts } from '../../host/chain.ts'
import { readIfThere } from '../../host/durable-file.ts'
import { callRpc } from '../chain/rpc.ts'
import { fundTreasury, setBalance } from '../chain/setup.ts'
import type { Progress } from './progress.ts'
import { TREASURY_OWNER } from './provision.ts'
import type { Release } from './release.ts'
import type { Stack } from './stack.ts'
import type { Watched } from './watched.ts'

export type Look = {
  readonly ledger: LedgerStatus
  readonly facts: AnchorFacts
  readonly isDue: boolean
  /** Nothing is on its way and the newest header covers all that was said. */
  readonly isQuiet: boolean
}

const POLL_MS = 150
const IDLE_POLL_MS = 2_000
const PURSE_WEI = 10n ** 18n
const STEP_MS_MAX = 40_000
const QUIET_MS_MAX = 300_000
/** A round that must turn while payouts wait comes within one round length. */
const TURN_MS_MAX = 60_000
/** Entries that a commit and its settlement write after their own header. */
const ENTRIES_OF_A_COMMIT = 2
/** An enclave that restarts is away for seconds. */
const AWAY_MS_MAX = 120_000

export type Road = {
  look(): Promise<Look>
  /** Until `done` says so; false when the time is over. */
  until(done: (look: Look) => boolean, msMax: number): Promise<boolean>
}

export function openRoad(stack: Stack, watched: Watched, save: () => Promise<void>, show: (look: Look) => void): Road {
  const turns = watcherOf(stack, watched, save)
  let seenAtMs = Date.now()
  const look = async (): Promise<Look | undefined> => {
    const found = await lookOnce(stack).catch((error: unknown) => (isCoded(error) ? undefined : Promise.reject(error)))
    if (found !== undefined) {
      seenAtMs = Date.now()
      await turns(found)
      show(found)
    } else if (Date.now() > seenAtMs + AWAY_MS_MAX) {
      throw new CodedError('ENCLAVE_GONE', `expected an active enclave within ${AWAY_MS_MAX} ms; see the folder logs/`)
    }
    return found
  }
  const until: Road['until'] = async (done, msMax) => {
    for (const endAtMs = Date.now() + msMax; Date.now() < endAtMs; await sleep(POLL_MS)) {
      const found = await look()
      if (found !== undefined && done(found)) return true
    }
    return false
  }
  return {
    until,
    look: async () => {
      let found: Look | undefined
      while (found === undefined) {
        found = await look()
        if (found === undefined) await sleep(POLL_MS)
      }
      return found
    },
  }
}

/** Header 1 is landed and public: what the auditor looks at before any money comes. */
export async function awaitFirstHeader(road: Road, stack: Stack): Promise<void> {
  const there = await road.until(({ ledger }) => ledger.sequence >= 1 && ledger.unlanded === null, QUIET_MS_MAX)
  if (!there) throw new CodedError('RPC_TIMEOUT', `expected the first header on chain within ${QUIET_MS_MAX} ms`)
  // More bare headers may follow while nobody is paid: any published one will do, since the audit covers what it covers.
  await awaitPublished(road, stack, () => 1)
}

/** Releases the journal step by step, each as soon as the one before it is read and paid from. */
export async function releaseAndPay(
  road: Road,
  stack: Stack,
  release: Release,
  { counts, watched, progress }: { counts: readonly number[]; watched: Watched; progress: Progress },
): Promise<void> {
  const left = counts.filter((count) => count > release.linesOut())
  for (const [at, count] of left.entries()) {
    const { ledger } = await road.look()
    // The round has to turn on somebody who waits; if no step met a turn by itself, one waits for it.
    if (watched.roundsWhileDue === 0 && at >= left.length - 2) await awaitGap(stack, progress)
    await release.to(count)
    await road.until((look) => look.ledger.journalSize >= count && look.ledger.paidWei > ledger.paidWei, STEP_MS_MAX)
  }
}

/** Funds what becomes due on the way. Refuses RPC_TIMEOUT when it does not become quiet. */
export async function awaitQuiet(road: Road, stack: Stack, lines: number): Promise<void> {
  if (!(await becomesQuiet(road, stack, lines))) {
    throw new CodedError(
      'RPC_TIMEOUT',
      `expected the ledger to be quiet within ${QUIET_MS_MAX} ms; see the folder logs/`,
    )
  }
  await awaitPublished(road, stack, ({ isQuiet, ledger }) => (isQuiet ? ledger.logSizeCommitted : undefined))
}

/** The time runs anew with each payment: a long journal takes what it takes. */
async function becomesQuiet(road: Road, stack: Stack, lines: number): Promise<boolean> {
  let [endAtMs, sequence] = [Date.now() + QUIET_MS_MAX, 0]
  while (Date.now() < endAtMs) {
    const look = await road.look()
    if (look.isQuiet && look.ledger.journalSize >= lines) return true
    if (look.ledger.sequence !== sequence) [endAtMs, sequence] = [Date.now() + QUIET_MS_MAX, look.ledger.sequence]
    await fundDue(stack, look)
    await sleep(POLL_MS)
  }
  return false
}

/** The embedded treasury follows what is due, with as much again to come. */
async function fundDue(stack: Stack, { ledger, facts }: Look): Promise<void> {
  if (ledger.dueWei > facts.treasuryWei) await topUp(stack, wei(ledger.dueWei * 2n))
}

/** Fills the treasury from the owner's purse of the embedded world, up to `wantedWei`. */
export async function topUp(stack: Stack, wantedWei: Wei): Promise<void> {
  const { treasuryWei } = await stack.context.chain.facts(stack.authority)
  if (treasuryWei >= wantedWei) return
  const amountWei = wei(wantedWei - treasuryWei)
  // The purse is as deep as the embedded chain likes; its other purpose is gas.
  await setBalance(stack.url, TREASURY_OWNER, wei(amountWei + PURSE_WEI))
  await fundTreasury(stack.url, stack.deployment.anchor, amountWei)
}

/** While it stays up: new lines of the journal are paid, so the treasury follows what is due. Never returns. */
export async function keepFunded(stack: Stack): Promise<never> {
  while (true) {
    const look = await lookOnce(stack).catch((error: unknown) => (isCoded(error) ? undefined : Promise.reject(error)))
    if (look !== undefined) await fundDue(stack, look)
    await sleep(IDLE_POLL_MS)
  }
}

export function paidText({ paidWei }: LedgerStatus): string {
  return `${formatEther((paidWei / SHOWN_WEI) * SHOWN_WEI)} ETH`
}

const SHOWN_WEI = 10n ** 12n

/** Until the published checkpoint covers the size that is wanted; undefined asks for another look first. */
async function awaitPublished(
  road: Road,
  { context }: Stack,
  sizeWanted: (look: Look) => number | undefined,
): Promise<void> {
  const path = join(context.config.paths.audit, 'checkpoint')
  for (const endAtMs = Date.now() + QUIET_MS_MAX; Date.now() < endAtMs; await sleep(POLL_MS)) {
    const wanted = sizeWanted(await road.look())
    if (wanted !== undefined && sizeIn(await readIfThere(path)) >= wanted) return
  }
  throw new CodedError('AUDIT_STORE', `expected a published checkpoint within ${QUIET_MS_MAX} ms; see the folder logs/`)
}

/** A C2SP checkpoint has the log's size in its second line; 0 where there is none. */
function sizeIn(checkpoint: Buffer | undefined): number {
  return Number(checkpoint?.toString('utf8').split('\n')[1] ?? 0)
}

/** The next step is released into the gap between two rounds: who becomes due in it waits for the turn. */
async function awaitGap({ context }: Stack, progress: Progress): Promise<void> {
  progress.step('waiting for a round to end, so that one turns while payouts wait')
  for (const endAtMs = Date.now() + TURN_MS_MAX; Date.now() < endAtMs; await sleep(POLL_MS)) {
    if (!(await context.chain.round()).initialized) return
  }
}

async function lookOnce({ context, authority }: Stack): Promise<Look | undefined> {
  const { phase, ledger } = await context.enclave.call('status', {})
  if (phase !== 'active' || ledger === undefined) return undefined
  const facts = await context.chain.facts(authority)
  const entriesNew = ledger.logSize - ledger.logSizeCommitted - ENTRIES_OF_A_COMMIT
  const isDue = ledger.dueAccounts > 0 || ledger.unlanded !== null
  return { ledger, facts, isDue, isQuiet: !isDue && entriesNew <= 0 && facts.head === ledger.head }
}

/** Counts the gaps between two rounds in which somebody waits, and the faults that the chain has played. */
function watcherOf(
  { context, url }: Stack,
  watched: Watched,
  save: () => Promise<void>,
): (look: Look) => Promise<void> {
  let wasOpen = true
  const sum = () => watched.roundsWhileDue + watched.dropped.size + watched.doubled.size
  return async ({ isDue }) => {
    const before = sum()
    const { initialized } = await context.chain.round()
    if (!initialized && wasOpen && isDue) watched.roundsWhileDue++
    // A gap counts once, and only from the first look at which somebody waits.
    wasOpen = initialized || !isDue
    const faults = (await callRpc(url, 'anchorhold_faults')) as readonly { fault: 'drop' | 'double'; hash: string }[]
    for (const { fault, hash } of faults) (fault === 'drop' ? watched.dropped : watched.doubled).add(hash)
    // At once: the chain plays each fault once, and nobody else remembers it.
    if (sum() !== before) await save()
  }
}
