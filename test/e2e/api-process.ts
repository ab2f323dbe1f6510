/** The api as an operator starts it: a process, its log, its place, and what it answers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { MAIN } from './cli-run.ts'
import { until } from './pipeline-world.ts'

export type ApiProcess = {
  readonly url: string
  /** What it wrote to its log so far. */
  said(): string
  /** Ends it by SIGTERM and gives its exit code. */
  stop(): Promise<number | null>
}

const READY_MS_MAX = 90_000

export async function startApi(dataDir: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<ApiProcess> {
  const child = spawn(process.execPath, [MAIN, 'api', '--data', dataDir, '--listen', '127.0.0.1:0', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ANCHORHOLD_LOG_LEVEL: 'info', ...env },
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  const stop = (): Promise<number | null> => {
    if (child.exitCode === null) child.kill('SIGTERM')
    return exit
  }
  const url = await until('the api listens', async () => urlIn(child, said), READY_MS_MAX).catch(async (cause) => {
    await stop()
    throw new Error(`the api did not start: ${said}`, { cause })
  })
  return { url, said: () => said, stop }
}

function urlIn(child: ChildProcess, said: string): string | undefined {
  if (child.exitCode !== null) throw new Error(`the api ended: ${said}`)
  for (const line of said.split('\n')) {
    if (line.includes('"api listens"')) return (JSON.parse(line) as { url: string }).url
  }
  return undefined
}
