import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { CodedError, ERRORS, type ErrorCode } from '../../enclave/protocol/errors.ts'
import type { FaultPlan } from './faults.ts'

export type StartChainOptions = {
  readonly dataDir: string
  /** 0 or none: any free one. */
  readonly port?: number
  readonly blockMs?: number
  readonly finalDepthBlocks?: number
  readonly keeperLagBlocks?: number
  readonly faults?: FaultPlan
  /** What the process says on its standard error, line by line; without it, it goes to ours. */
  readonly onLine?: (line: string) => void
}

export type RunningChain = {
  readonly url: string
  readonly pid: number
  /** The height at which it came up: 0 for a new chain. */
  readonly blockNumberAtStart: number
  /** Resolves once the process has gone, however it went. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Replaying a long chain takes its time: a day of empty blocks about a minute. */
const READY_MS_MAX = 300_000
const STOP_MS_MAX = 10_000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

const FirstLine = z.union([
  z.object({ ready: z.literal(true), url: z.string(), pid: z.int(), blockNumber: z.int() }),
  z.object({ ready: z.literal(false), code: z.string(), message: z.string() }),
])

/**
 * Starts the embedded chain of `dataDir` as a child process and returns once it answers. It ends with this process,
 * however this process ends. Refuses DATA_LOCKED, PORT_BUSY, CONFIG_INVALID (a damaged log), RPC_FAILED.
 */
export async function startChain(options: StartChainOptions): Promise<RunningChain> {
  const child = spawn(process.execPath, [MAIN, ...argumentsOf(options)], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] })
  passLines(child, options.onLine)
  const ended = once(child, 'exit').then(() => undefined)
  try {
    const line = await firstLine(child, ended)
    const { url, pid, blockNumber } = line
    return { url, pid, blockNumberAtStart: blockNumber, ended, stop: () => stop(child, ended) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

function argumentsOf(options: StartChainOptions): string[] {
  const { faults } = options
  const named: readonly (readonly [string, string | number | undefined])[] = [
    ['--data', options.dataDir],
    ['--port', options.port],
    ['--block-ms', options.blockMs],
    ['--final-depth', options.finalDepthBlocks],
    ['--keeper-lag-blocks', options.keeperLagBlocks],
    ['--fault-to', faults?.to],
    ['--drop', faults?.dropAt],
    ['--double', faults?.doubleAt],
    ['--drop-by', faults?.dropBy],
  ]
  return named.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]))
}

async function firstLine(child: ChildProcess, ended: Promise<void>) {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new CodedError('RPC_TIMEOUT', `the chain was not ready in ${READY_MS_MAX} ms`)),
    READY_MS_MAX,
  )
  try {
    const text = await Promise.race([readLine(child), late, ended.then(() => '')])
    const line = text === '' ? undefined : FirstLine.parse(JSON.parse(text))
    if (line?.ready === true) return line
    if (line === undefined) throw new CodedError('RPC_FAILED', 'the chain process ended before it answered')
    throw new CodedError(codeOf(line.code), line.message)
  } finally {
    clearTimeout(timer)
  }
}

async function readLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) return ''
  const lines = createInterface({ input: child.stdout })
  const [text] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined]
  return text ?? ''
}

function passLines(child: ChildProcess, onLine: ((line: string) => void) | undefined): void {
  if (child.stderr === null) return
  createInterface({ input: child.stderr }).on('line', onLine ?? ((line) => process.stderr.write(`${line}\n`)))
}

function codeOf(code: string): ErrorCode {
  return Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'RPC_FAILED'
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}
