/** Commands that change something. Each is written to the operators' log before it acts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import { bootEnclave } from '../../host/boot.ts'
import { prepareCommit, type Ready, resignCommit, type SigningFacts } from '../../host/commits.ts'
import type { Context } from '../../host/context.ts'
import { PAUSED } from '../../host/control.ts'
import { bumpedWei } from '../../host/fees.ts'
import { openDoorbell } from '../../queues/doorbell.ts'
import { STAGES, type Stage } from '../../queues/names.ts'
import { type Answer, EXIT_FAILED } from './answer.ts'
import { recordCommand } from './context.ts'

export const DRAIN_SECONDS = 600
const DRAIN_POLL_MS = 500
const MS_PER_SECOND = 1_000

/** A pause is a file: workers read it before each look, and the loss of Redis does not undo it. */
export async function pauseAnswer(context: Context, stage: string, reason: string): Promise<Answer> {
  await recordCommand(context, 'pause', { stage, reason })
  await context.control.set(stage, PAUSED, reason, context.now())
  return said(
    'pause',
    { stage, reason },
    `${stage} stands still after what it has in hand; go on with: anchorhold resume ${stage}`,
  )
}

export async function resumeAnswer(context: Context, stage: string): Promise<Answer> {
  await recordCommand(context, 'resume', { stage })
  await context.control.clear(stage, context.now())
  const rung = await ringAll(
    context,
    STAGES.filter((name) => name === stage),
  )
  return said('resume', { stage, rung }, `${stage} goes on`)
}

/** Stops new lines and new commits, and waits until the chain and the ledger have nothing open between them. */
export async function drainAnswer(context: Context, timeoutMs: number): Promise<Answer> {
  await recordCommand(context, 'drain', { timeoutMs })
  for (const stage of ['ingest', 'prepare'] as const) await context.control.set(stage, PAUSED, 'drain', context.now())
  const untilMs = context.now() + timeoutMs
  let open = await openWork(context)
  while (!open.drained && context.now() < untilMs) {
    await sleep(DRAIN_POLL_MS)
    open = await openWork(context)
  }
  const text = open.drained
    ? 'drained: no commit is on its way; go on with: anchorhold resume ingest, then resume prepare'
    : `not drained within ${timeoutMs / MS_PER_SECOND} s: ${open.unlanded === null ? '' : `commit ${open.unlanded} is on its way, `}${open.calls} calls are open`
  return { ...said('drain', open, text), exitCode: open.drained ? 0 : EXIT_FAILED }
}

async function openWork({ enclave, outbox }: Context) {
  const { ledger } = await enclave.call('status', {})
  const calls = (await outbox.open()).length
  const unlanded = ledger?.unlanded?.sequence ?? null
  return { drained: unlanded === null && calls === 0, unlanded, calls }
}

/** Puts the timers and limits back and rings every stage once, as after the loss of Redis. */
export async function ringAnswer(context: Context): Promise<Answer> {
  await recordCommand(context, 'ring')
  const rung = await ringAll(context, STAGES)
  const text = rung ? 'every queue has its timers again and was rung' : 'Redis did not take the ring'
  return { ...said('ring', { rung, stages: STAGES }, text), exitCode: rung ? 0 : EXIT_FAILED }
}

async function ringAll({ config }: Context, stages: readonly Stage[]): Promise<boolean> {
  const doorbell = openDoorbell({ url: config.redisUrl, shard: config.shard, onError: () => undefined })
  try {
    let rung = await doorbell.keepTicking(STAGES)
    for (const stage of stages) rung = (await doorbell.ring(stage)) && rung
    return rung
  } finally {
    await doorbell.close()
  }
}

/** Signs the commit that is on its way again, at a higher fee. Policy bounds how often. */
export async function bumpAnswer(context: Context): Promise<Answer> {
  const { facts, ledger } = await signing(context)
  const { unlanded } = ledger
  if (unlanded === null) throw new CodedError('NO_UNLANDED_COMMIT', 'expected a commit on its way, there is none')
  await recordCommand(context, 'commit bump', { epoch: ledger.epoch, sequence: unlanded.sequence })
  const story = await context.outbox.read({ epoch: ledger.epoch, sequence: unlanded.sequence })
  if (story.live === undefined)
    throw new CodedError(
      'NO_UNLANDED_COMMIT',
      'expected a commit that may be sent, got one that prepare still has in hand',
    )
  const floorWei = bumpedWei(story.live.maxFeeWei)
  const ready = await resignCommit(context, facts, story, unlanded.payouts, floorWei)
  return readyAnswer('commit-bump', context, ready, `commit ${unlanded.sequence}`)
}

/** A commit without payouts, now: it anchors everything that is in the log. */
export async function anchorNowAnswer(context: Context): Promise<Answer> {
  const { facts, ledger } = await signing(context)
  if (ledger.unlanded !== null) {
    throw new CodedError(
      'COMMIT_UNLANDED',
      `expected no commit on its way, got ${ledger.unlanded.sequence}; wait, or: anchorhold commit bump`,
    )
  }
  await recordCommand(context, 'anchor now', { epoch: ledger.epoch, sequence: ledger.sequence + 1 })
  const ready = await prepareCommit(context, facts, { mode: 'bare', budgetWei: facts.anchor.treasuryWei, payouts: 0 })
  return readyAnswer('anchor-now', context, ready, `commit ${ledger.sequence + 1}`)
}

async function readyAnswer(command: string, context: Context, ready: Ready, what: string): Promise<Answer> {
  if (ready.kind === 'refused') {
    const text = `${what} would revert: ${ready.error} ${ready.reason}`
    return { ...said(command, ready, text), exitCode: EXIT_FAILED }
  }
  const rung = await ringAll(context, ['broadcast'])
  return said(
    command,
    { ...ready, rung },
    `${what} is signed and stored as ${ready.hash}; the broadcast stage sends it`,
  )
}

async function signing(context: Context): Promise<{ facts: SigningFacts; ledger: LedgerStatus }> {
  const { phase, address, session, ledger } = await context.enclave.call('status', {})
  if (phase !== 'active' || address === undefined || session === undefined || ledger === undefined) {
    throw new CodedError('PHASE_FORBIDS', `expected an active enclave, got one that is ${phase}`)
  }
  return { facts: { ...(await chainFacts(context, address)), session }, ledger }
}

async function chainFacts({ chain, policy }: Context, authority: Address) {
  const anchor = await chain.facts(authority)
  return { anchor, round: policy.strategy === 'ticket' ? await chain.round() : undefined }
}

/** Takes a running enclave the rest of the way to an open session. Refuses PHASE_FORBIDS when it has one. */
export async function sessionOpenAnswer(context: Context): Promise<Answer> {
  const { phase } = await context.enclave.call('status', {})
  if (phase === 'active') {
    throw new CodedError(
      'PHASE_FORBIDS',
      'expected an enclave without a session, got an active one; a new session takes a restart: anchorhold halt',
    )
  }
  await recordCommand(context, 'session open', { phase })
  const { session, ledger } = await bootEnclave(context)
  return said('session-open', { session, epoch: ledger?.epoch }, `session ${session} is open, epoch ${ledger?.epoch}`)
}

/** Ends this boot of the enclave for good: it signs nothing more. The supervisor starts another, which opens a new session. */
export async function haltAnswer(context: Context, reason: string): Promise<Answer> {
  await recordCommand(context, 'halt', { reason })
  const { phase } = await context.enclave.call('halt', { reason })
  return said('halt', { phase, reason }, 'halted; the supervisor loads a fresh enclave at the head of the chain')
}

function said(command: string, value: object, text: string): Answer {
  return { format: `anchorhold-${command}/1`, value: { ...value }, text }
}
