/** The enclave as a child process, for machines without Nitro: started, watched, and gone when we are. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { HostConfig } from './config.ts'
import { makeFolder } from './durable-file.ts'
import type { Log } from './log.ts'

export type EnclaveProcess = {
  readonly pid: number
  /** Settles when the process has ended, however. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

export const READY_MS_MAX = 20_000
export const STOP_MS_MAX = 5_000
const ENCLAVE_MAIN = join(import.meta.dirname, '..', 'enclave', 'development', 'main.ts')

/** Starts `enclave/development/main.ts` on the configured endpoint and waits until it listens. Refuses ENCLAVE_EXITED. */
export async function startEnclave(config: HostConfig, log: Log): Promise<EnclaveProcess> {
  const socket = /^unix:\/\/(\/.+)$/.exec(config.enclaveEndpoint)?.[1]
  if (socket !== undefined) {
    await makeFolder(dirname(socket))
    await rm(socket, { force: true })
  }
  await makeFolder(dirname(config.wrappingKey))
  const words = [
    '--listen',
    config.enclaveEndpoint,
    '--config',
    config.enclaveConfig,
    '--wrapping-key',
    config.wrappingKey,
    '--nsm-root',
    join(dirname(config.wrappingKey), 'development-root'),
    '--with-parent',
  ]
  const child = spawn(process.execPath, [ENCLAVE_MAIN, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'exit').then(() => undefined)
  child.stdin.on('error', () => undefined)
  await readyLine(child, ended, log)
  log.info({ pid: child.pid }, 'enclave process started')
  return { pid: child.pid ?? 0, ended, stop: () => stop(child, ended) }
}

async function readyLine(child: ChildProcess, ended: Promise<void>, log: Log): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(
    () => reject(new CodedError('ENCLAVE_EXITED', `expected the enclave to listen within ${READY_MS_MAX} ms`)),
    READY_MS_MAX,
  )
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      log.info({ line: line.slice(0, LINE_CHARACTERS_MAX) }, 'enclave says')
      if (stream === child.stdout) resolve()
    })
  }
  void ended.then(() => reject(new CodedError('ENCLAVE_EXITED', 'expected the enclave to listen, the process ended')))
  try {
    await promise
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const LINE_CHARACTERS_MAX = 500

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const late = new AbortController()
  await Promise.race([
    ended,
    sleep(STOP_MS_MAX, undefined, { signal: late.signal })
      .then(() => child.kill('SIGKILL'))
      .catch(() => undefined),
  ])
  late.abort()
  await ended
}
