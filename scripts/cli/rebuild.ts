/** `anchorhold rebuild`: asks the next boot of the enclave to make the ledger anew from its public log, and waits for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Context } from '../../host/context.ts'
import { askForRebuild, isRebuildAsked } from '../../host/rebuild.ts'
import { superviseEnclave } from '../../host/supervisor.ts'
import { type Answer, EXIT_FAILED } from './answer.ts'
import type { Typed } from './command.ts'
import { recordCommand } from './context.ts'

export const REBUILD_SECONDS = 1_800
const POLL_MS = 500
const MS_PER_SECOND = 1_000

/** Refuses PHASE_FORBIDS while the ledger runs: there is nothing to make anew. */
export async function rebuildAnswer(context: Context, words: Typed): Promise<Answer> {
  const before = await context.enclave.call('status', {}).catch(() => undefined)
  if (before?.phase === 'active')
    throw new CodedError(
      'PHASE_FORBIDS',
      'expected a ledger that does not run, got an active one; stop it first: anchorhold halt',
    )
  await recordCommand(context, 'rebuild')
  await askForRebuild(context.config.paths, context.now())
  const supervisor = words['start'] === undefined ? undefined : superviseEnclave(context)
  try {
    const done = await waitFor(context, Number(words['timeoutSeconds'] ?? REBUILD_SECONDS) * MS_PER_SECOND)
    return done ? await doneAnswer(context) : LATE
  } finally {
    await supervisor?.stop()
  }
}

/** A boot that is done with it removes the request, and by then its session has landed. */
async function waitFor({ config, now }: Context, msMax: number): Promise<boolean> {
  const untilMs = now() + msMax
  while (now() < untilMs) {
    if (!(await isRebuildAsked(config.paths))) return true
    await sleep(POLL_MS)
  }
  return false
}

async function doneAnswer({ enclave }: Context): Promise<Answer> {
  const { session, ledger } = await enclave.call('status', {})
  const value = { done: true, session, epoch: ledger?.epoch, sequence: ledger?.sequence, logSize: ledger?.logSize }
  const text = `rebuilt from the public log: sequence ${ledger?.sequence}, ${ledger?.accounts} accounts, session ${session} is open; what came after the newest commit comes again from journal and reporters`
  return { format: 'anchorhold-rebuild/1', value, text }
}

const LATE: Answer = {
  format: 'anchorhold-rebuild/1',
  value: { done: false },
  text: 'asked, and not done yet: the supervisor does it with its next boot; where none runs, add --start',
  exitCode: EXIT_FAILED,
}
