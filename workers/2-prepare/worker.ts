/** Commits: looks, decides, has one signed. What signing leaves behind, and in which order, is host/commits.ts. */
import { assertNever, CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { AnchorFacts, RoundFacts } from '../../host/chain.ts'
import { healCommit, prepareCommit, type Ready, type SigningFacts } from '../../host/commits.ts'
import { PAYOUTS_PER_COMMIT_MAX } from '../../host/config.ts'
import type { Context } from '../../host/context.ts'
import { haltEnclave } from '../../host/halt.ts'
import type { Story } from '../../host/outbox.ts'
import type { Ring } from '../../queues/doorbell.ts'
import { type PrepareDecision, type PrepareFacts, planPrepare } from './plan.ts'

/** A commit's own entry and its settlement follow its header: they alone are nothing new. */
const ENTRIES_OF_A_COMMIT = 2
const MS_PER_SECOND = 1_000

/** A commit that would revert is looked at again after this long, doubled each time: the cause lies elsewhere. */
export const REFUSED_DELAY_MS_MIN = 1_000
export const REFUSED_DELAY_MS_MAX = 60_000

export function openPrepare(context: Context, ring: Ring) {
  let lastWhy = ''
  let [delayMs, notBeforeMs] = [REFUSED_DELAY_MS_MIN, 0]
  return {
    run: async (): Promise<'again' | 'idle'> => {
      const look = await gather(context)
      if (look === undefined) return 'idle'
      const decision = planPrepare(look.facts)
      if (decision.kind === 'wait') {
        if (decision.why !== lastWhy) context.log.debug({ why: decision.why }, 'prepare waits')
        lastWhy = decision.why
        return 'idle'
      }
      lastWhy = ''
      if (context.now() < notBeforeMs) return 'idle'
      const isReady = await perform(context, look, decision, ring)
      delayMs = isReady ? REFUSED_DELAY_MS_MIN : Math.min(delayMs * 2, REFUSED_DELAY_MS_MAX)
      notBeforeMs = isReady ? 0 : context.now() + delayMs
      return 'idle'
    },
    close: async () => undefined,
  }
}

type Look = {
  readonly facts: PrepareFacts
  readonly signing: SigningFacts
  readonly ledger: LedgerStatus
  readonly story: Story | undefined
}

async function gather(context: Context): Promise<Look | undefined> {
  const { enclave, chain, outbox, control, policy } = context
  const stopped = (await control.flagOf('prepare')) !== undefined
  const { phase, ledger, session, address } = await enclave.call('status', {})
  if (stopped || phase !== 'active' || ledger === undefined || session === undefined || address === undefined)
    return undefined
  const anchor = await chain.facts(address)
  const round = policy.strategy === 'ticket' ? await chain.round() : undefined
  const story =
    ledger.unlanded === null
      ? undefined
      : await outbox.read({ epoch: ledger.epoch, sequence: ledger.unlanded.sequence })
  return {
    facts: factsOf(context, ledger, session, anchor, round, story),
    signing: { anchor, round, session },
    ledger,
    story,
  }
}

function factsOf(
  context: Context,
  ledger: LedgerStatus,
  session: string,
  anchor: AnchorFacts,
  round: RoundFacts | undefined,
  story: Story | undefined,
): PrepareFacts {
  const { config, policy, now } = context
  return {
    phase: 'active',
    stopped: false,
    unlanded: ledger.unlanded === null ? null : { live: story?.live !== undefined },
    agrees: anchor.head === ledger.head && anchor.epoch === ledger.epoch && anchor.session === session,
    frozen: anchor.frozen,
    strategy: policy.strategy,
    roundReady: round?.initialized ?? false,
    dueAccounts: ledger.dueAccounts,
    dueWei: ledger.dueWei,
    treasuryWei: anchor.treasuryWei,
    payoutWeiMin: policy.payoutWeiMin,
    baseFeeWei: anchor.baseFeeWei,
    gasPriceWeiMax: policy.gasPriceWeiMax,
    sinceCommitMs: now() - ledger.lastCommitAt * MS_PER_SECOND,
    cadenceMs: ledger.cadenceSeconds * MS_PER_SECOND,
    payoutIntervalMs: config.payoutIntervalMs,
    payoutsMin: config.payoutsMin,
    entriesNew: ledger.logSize - ledger.logSizeCommitted - (ledger.sequence === 0 ? 0 : ENTRIES_OF_A_COMMIT),
  }
}

type Act = Exclude<PrepareDecision, { kind: 'wait' }>

/** False when the commit was signed and would revert. */
async function perform(context: Context, look: Look, decision: Act, ring: Ring): Promise<boolean> {
  try {
    const ready = await sign(context, look, decision)
    report(context, look, decision.kind, ready)
    await ring('broadcast')
    return ready.kind === 'ready'
  } catch (error) {
    // Another run was faster, or policy sees it otherwise: the next look decides.
    if (isCoded(error, 'COMMIT_UNLANDED') || isCoded(error, 'NOTHING_DUE') || isCoded(error, 'CADENCE_EARLY'))
      return true
    // Nothing may be sent and nothing signed: a new session voids the commit, and its payouts come again.
    if (isCoded(error, 'SIGNATURES_SPENT')) await haltEnclave(context, 'signatures spent')
    throw error
  }
}

function sign(context: Context, { signing, ledger, story }: Look, decision: Act): Promise<Ready> {
  const payouts = Math.min(ledger.dueAccounts, context.policy.payoutsPerCommitMax, PAYOUTS_PER_COMMIT_MAX)
  switch (decision.kind) {
    case 'pay':
      return prepareCommit(context, signing, { mode: 'pay', budgetWei: decision.budgetWei, payouts })
    case 'bare':
      return prepareCommit(context, signing, { mode: 'bare', budgetWei: wei(0n), payouts: 0 })
    case 'resign': {
      if (story === undefined || ledger.unlanded === null)
        throw new CodedError('NO_UNLANDED_COMMIT', 'expected an unlanded commit')
      return healCommit(context, signing, story, ledger.unlanded.payouts)
    }
    default:
      return assertNever(decision)
  }
}

function report(context: Context, { ledger }: Look, kind: string, ready: Ready): void {
  const sequence = ledger.unlanded?.sequence ?? ledger.sequence + 1
  if (ready.kind === 'ready')
    context.log.info({ sequence, kind, hash: ready.hash, skipped: ready.skipped }, 'commit ready')
  else context.log.warn({ sequence, kind, error: ready.error, reason: ready.reason }, 'commit would revert')
}
