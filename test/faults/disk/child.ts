/** Processes on a disk that fails on order: started, told where to die, and seen dead. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from '../../e2e/pipeline-world.ts'
import { ARMED, ORDER_VARIABLE, type Order, ROOT_VARIABLE } from './orders.ts'

/** For one test and each of its hooks. As all limits here it is for a process that hangs, not for one that is slow. */
export const CELL_MS_MAX = 900_000
const DEATH_MS_MAX = 120_000
export const LYING_DISK = join(import.meta.dirname, 'lying-disk.ts')

/** Environment of such a process, and of those that it starts. */
export function diskEnvironment(root: string, order?: Order): NodeJS.ProcessEnv {
  return {
    ...process.env,
    [ROOT_VARIABLE]: root,
    ...(order === undefined ? {} : { [ORDER_VARIABLE]: JSON.stringify(order) }),
  }
}

/** Starts the program that `words` name, with `root` as the folder on the failing disk. */
export function onLyingDisk(root: string, words: readonly string[], order?: Order): ChildProcess {
  return spawn(process.execPath, ['--import', LYING_DISK, ...words], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: diskEnvironment(root, order),
  })
}

/** Puts an order in force in a running process. */
export async function arm(child: ChildProcess, order: Order): Promise<void> {
  const armed = once(child, 'message')
  child.send(order)
  const [answer] = await armed
  if (answer !== ARMED) throw new Error(`expected ${ARMED}, got ${String(answer)}`)
}

/** Waits until the process has died by its own disk; anything else is a point that was not reached. */
export async function died(child: ChildProcess, what: string): Promise<void> {
  const how = await endOf(child, what)
  if (how !== 'SIGKILL') throw new Error(`expected death by SIGKILL: ${what}, got ${how}`)
}

/** The signal or the exit code with which a process ends. */
export function endOf(child: ChildProcess, what: string): Promise<NodeJS.Signals | number> {
  return until(`an end: ${what}`, async () => child.signalCode ?? child.exitCode ?? undefined, DEATH_MS_MAX)
}
