/** Commands that are processes of their own: start, worker, enclave, and the auditor. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { loadHostConfig } from '../../host/config.ts'
import { openContext } from '../../host/context.ts'
import { openLog, shownError } from '../../host/log.ts'
import { superviseEnclave } from '../../host/supervisor.ts'
import { EXIT_FAILED, type Terminal } from './answer.ts'
import { ROOT } from './context.ts'

const PASSED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type PassOn = { readonly stdin?: 'inherit' | 'ignore'; readonly typedIn?: string }

/** Runs one of our scripts in our place: our terminal, our signals, and its exit code is ours. */
export async function passOn(
  script: string,
  words: readonly string[],
  { stdin = 'ignore', typedIn }: PassOn = {},
): Promise<number> {
  const child = spawn(process.execPath, [join(ROOT, script), ...words], {
    stdio: [stdin, 'inherit', 'inherit'],
    // As npm does: the script itself runs in the project.
    env: typedIn === undefined ? process.env : { ...process.env, INIT_CWD: typedIn },
  })
  const forward = (signal: NodeJS.Signals) => {
    // A terminal gives Ctrl-C to the child as well; a second one would mean "at once" to it.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  for (const signal of PASSED_SIGNALS) process.on(signal, forward)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? EXIT_FAILED
  } finally {
    for (const signal of PASSED_SIGNALS) process.off(signal, forward)
  }
}

/** Keeps an enclave process running and active until a signal. Refuses CONFIG_INVALID, POLICY_INVALID. */
export async function runEnclave(dataDir: string, terminal: Terminal): Promise<number> {
  const config = loadHostConfig(dataDir, terminal.environment)
  const log = openLog({ level: config.logLevel, name: 'enclave' })
  const context = openContext(config, log)
  const supervisor = superviseEnclave(context)
  supervisor.active.then(
    () => log.info({ pid: supervisor.pid() }, 'enclave is active'),
    (error: unknown) => log.warn(shownError(error), 'enclave never became active'),
  )
  const signal = await firstSignal()
  log.info({ signal }, 'stopping')
  await supervisor.stop()
  await context.close()
  return 0
}

/** Resolves with the name of the first signal that asks us to end. */
export function firstSignal(): Promise<string> {
  return new Promise((done) => {
    for (const signal of PASSED_SIGNALS) process.once(signal, () => done(signal))
  })
}
