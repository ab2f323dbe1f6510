/** Keeps one enclave running and active: starts it, boots it, and starts over with back-off when it dies or halts. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CodedError } from '../enclave/protocol/errors.ts'
import { bootEnclave } from './boot.ts'
import type { Context } from './context.ts'
import { type EnclaveProcess, startEnclave } from './enclave-process.ts'
import { type Log, shownError } from './log.ts'
import { snapshotIfDue } from './snapshots.ts'

export type Supervisor = {
  /** Settles when the enclave is active for the first time. */
  readonly active: Promise<void>
  readonly pid: () => number | undefined
  stop(): Promise<void>
}

export const WATCH_EVERY_MS = 500
/** A pause between boots, so that an enclave that dies at once burns no gas float on sessions. */
export const REBOOT_DELAY_MS_MIN = 200
export const REBOOT_DELAY_MS_MAX = 30_000

export function superviseEnclave(context: Context): Supervisor {
  const { promise: active, resolve, reject } = Promise.withResolvers<void>()
  active.catch(() => undefined)
  const stopping = new AbortController()
  let running: EnclaveProcess | undefined
  const life = async (): Promise<void> => {
    running = await enclaveOf(context)
    try {
      await bootEnclave(context)
      resolve()
      await watch(context, running, stopping.signal)
    } finally {
      await running.stop()
      running = undefined
    }
    if (!stopping.signal.aborted) throw new CodedError('ENCLAVE_EXITED', 'expected a live and active enclave')
  }
  const forever = lives(context, life, stopping.signal).then(() =>
    reject(new CodedError('ENCLAVE_EXITED', 'stopped before the enclave was active')),
  )
  return {
    active,
    pid: () => running?.pid,
    stop: async () => {
      stopping.abort()
      await running?.stop()
      await forever
    },
  }
}

/** A child of ours, or one that the operator keeps running: that one is started anew by his own words, where he gave any. */
async function enclaveOf(context: Context): Promise<EnclaveProcess> {
  const { config, log } = context
  if (config.enclaveProcess === 'ours') return startEnclave(config, log)
  if (config.enclaveRestart.length > 0 && (await isSpent(context))) await startAnew(config.enclaveRestart, log)
  return ELSEWHERE
}

/** Halted, or silent for a while: a live one holds a session on chain, and one lost answer must not cost it. */
async function isSpent({ enclave, now }: Context): Promise<boolean> {
  const untilMs = now() + SILENCE_MS_MAX
  do {
    const status = await enclave.call('status', {}).catch(() => undefined)
    if (status !== undefined) return status.phase === 'halted'
    await sleep(WATCH_EVERY_MS)
  } while (now() < untilMs)
  return true
}

/** Of an enclave that is not a child of ours, before it is started anew. */
export const SILENCE_MS_MAX = 5_000

/** How long an image may take to be loaded. */
export const RESTART_MS_MAX = 300_000
const RESTART_TEXT_BYTES_MAX = 65_536

async function startAnew([program = '', ...words]: readonly string[], log: Log): Promise<void> {
  log.warn({ program }, 'enclave is started anew')
  try {
    await promisify(execFile)(program, words, { timeout: RESTART_MS_MAX, maxBuffer: RESTART_TEXT_BYTES_MAX })
  } catch (cause) {
    throw new CodedError('ENCLAVE_EXITED', `expected ${program} to start the enclave anew, it failed`, { cause })
  }
}

const ELSEWHERE: EnclaveProcess = { pid: 0, ended: new Promise(() => undefined), stop: () => Promise.resolve() }

async function lives(context: Context, life: () => Promise<void>, signal: AbortSignal): Promise<void> {
  let delayMs = REBOOT_DELAY_MS_MIN
  while (!signal.aborted) {
    const bornMs = context.now()
    await life().catch((error: unknown) => {
      if (!signal.aborted) context.log.error(shownError(error), 'enclave starts over')
    })
    // One that lived long starts over at once.
    if (context.now() > bornMs + REBOOT_DELAY_MS_MAX) delayMs = REBOOT_DELAY_MS_MIN
    await sleep(delayMs, undefined, { signal }).catch(() => undefined)
    delayMs = Math.min(delayMs * 2, REBOOT_DELAY_MS_MAX)
  }
}

/** Returns when the enclave has died, halted, or is asked to stop. */
async function watch(context: Context, enclave: EnclaveProcess, signal: AbortSignal): Promise<void> {
  let isGone = false
  void enclave.ended.then(() => (isGone = true))
  while (!isGone && !signal.aborted) {
    await Promise.race([enclave.ended, sleep(WATCH_EVERY_MS)])
    if (isGone || signal.aborted) return
    const status = await context.enclave.call('status', {}).catch(() => undefined)
    if (status?.phase === 'halted') return context.log.error({ why: status.haltReason }, 'enclave halted')
    // One that is not a child of ours ends without a word: what answers next, if anything, is another boot.
    if (enclave === ELSEWHERE && status?.phase !== 'active') return context.log.error({}, 'enclave gone')
    if (status?.phase === 'active')
      await snapshotIfDue(context, status).catch((error: unknown) => context.log.warn(shownError(error), 'no snapshot'))
  }
}
