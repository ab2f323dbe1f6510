/** Signers as processes: the demonstration of the command line, and the enclave of a development machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { MAIN } from './cli-run.ts'

export type SignerProcess = {
  readonly endpoint: string
  /** What it said on standard error so far. */
  said(): string
  /** Ends it and gives its exit code. */
  stop(): Promise<number | null>
}

const ENCLAVE = 'enclave/development/main.ts'
const DEMONSTRATION = 'enclave/development/signer.ts'
const READY_MS_MAX = 30_000

/** `anchorhold signer` with these words and this environment. */
export function startDemonstration(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<SignerProcess> {
  return start([MAIN, 'signer', '--listen', 'tcp://127.0.0.1:0', ...words], { ...process.env, ...environment })
}

/** An enclave process that waits to be told what it is for. */
export function startEnclaveProcess(socket: string, wrappingKey: string): Promise<SignerProcess> {
  return start([ENCLAVE, '--listen', `unix://${socket}`, '--wrapping-key', wrappingKey], process.env)
}

/** The demonstration's own process where it must not start: its exit code and what it said. */
export async function refusedStart(endpoint: string, line: object): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [DEMONSTRATION, '--listen', endpoint], { stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  // It may end before it has read the line.
  child.stdin.on('error', () => undefined)
  child.stdin.end(`${JSON.stringify(line)}\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

async function start(words: readonly string[], env: NodeJS.ProcessEnv): Promise<SignerProcess> {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], env })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    return exit
  }
  try {
    const line = await firstLine(child)
    return { endpoint: JSON.parse(line).listen, said: () => said, stop }
  } catch (cause) {
    await stop()
    throw new Error(`the signer did not start: ${said}`, { cause })
  }
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('no standard output')
  const lines = createInterface({ input: stdout })
  const signal = AbortSignal.timeout(READY_MS_MAX)
  const [line] = (await Promise.race([once(lines, 'line', { signal }), once(lines, 'close')])) as [string | undefined]
  lines.close()
  stdout.resume()
  if (line === undefined) throw new Error('it ended')
  return line
}
