/** A Redis for as long as we run: started on a free port, writing only into its own folder, gone when we are. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { findRedis, programEnv } from './find.ts'
import { askIdentity } from './identity.ts'
import type { RedisProgram } from './program.ts'

export type RedisOptions = {
  /** Where its files go; kept when it stops. A temporary folder, removed at the end, when left out. */
  readonly dataDir?: string
  /** Where a downloaded Redis is unpacked: the project's `.cache/redis`. */
  readonly cacheDir: string
  /** A free port when left out. */
  readonly port?: number
}

export type Redis = {
  readonly url: string
  /** The server's process id; undefined for one that REDIS_URL names, which is not ours. */
  readonly pid: number | undefined
  /** Settles when the server has ended, asked or not; never for one that is not ours. */
  readonly ended: Promise<void>
  /** Ends it and returns when it has ended. Does nothing to one that is not ours. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const START_ATTEMPTS_MAX = 5
const READY_POLL_MS = 50
const READY_POLLS_MAX = 400
const NOTE_FILE = 'server.json'

// What a start leaves in the folder for the next one.
const Note = z.strictObject({ pid: z.int().positive(), port: z.int().positive() })
type Note = z.infer<typeof Note>

/**
 * Uses REDIS_URL where it is set, else starts a server of ours: append-only file on, no eviction, loopback only.
 * A server that a killed run left in the same folder is ended first.
 * Refuses REDIS_MISSING (with the line to type) and PORT_BUSY (only for a port that was asked for).
 */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const found = await findRedis(options)
  if (found.kind === 'running')
    return { url: found.url, pid: undefined, ended: new Promise(() => {}), stop: async () => {} }
  const dataDir = resolve(options.dataDir ?? mkdtempSync(join(tmpdir(), 'anchorhold-redis-')))
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  await endStale(dataDir)
  const server = await startSomewhere(found.program, dataDir, options.port)
  if (options.dataDir !== undefined) return server
  const remove = () => rmSync(dataDir, { recursive: true, force: true })
  return { ...server, stop: () => server.stop().then(remove) }
}

// Another process may take a free port between our look and the server's bind: then the next one is tried.
async function startSomewhere(program: RedisProgram, dataDir: string, port: number | undefined): Promise<Redis> {
  for (let attempt = 1; attempt <= START_ATTEMPTS_MAX; attempt++) {
    const server = await startAt(program, dataDir, port ?? (await freePort()))
    if (server !== undefined) return server
    if (port !== undefined)
      throw new CodedError('PORT_BUSY', `expected port ${port} free for Redis, it is taken; see: lsof -i :${port}`)
  }
  const log = join(dataDir, 'redis.log')
  throw new CodedError('REDIS_MISSING', `expected Redis to start within ${START_ATTEMPTS_MAX} attempts; read ${log}`)
}

async function startAt(program: RedisProgram, dataDir: string, port: number): Promise<Redis | undefined> {
  const supervisor = join(import.meta.dirname, 'supervisor.ts')
  // A group of its own: Ctrl-C in the terminal must not end Redis before the workers have drained.
  const child = spawn(process.execPath, [supervisor, program.path, ...serverWords(dataDir, port)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: programEnv(program),
    detached: true,
  })
  // Without its supervisor a server would live on: whoever notices that the supervisor is gone ends it.
  const ended = once(child, 'close').then(() => endStale(dataDir))
  const stop = async () => {
    child.stdin.destroy()
    await ended
  }
  const pid = await readPid(child)
  if (pid !== undefined && (await isReady(child, dataDir, port, pid))) {
    writeFileSync(join(dataDir, NOTE_FILE), JSON.stringify({ pid, port }))
    return { url: `redis://${HOST}:${port}`, pid, ended, stop }
  }
  await stop()
  return undefined
}

function serverWords(dataDir: string, port: number): string[] {
  const settings = {
    bind: HOST,
    port,
    dir: dataDir,
    logfile: join(dataDir, 'redis.log'),
    daemonize: 'no',
    'protected-mode': 'yes',
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
  }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
}

async function readPid(child: ChildProcess): Promise<number | undefined> {
  if (child.stdout === null) return undefined
  for await (const line of createInterface({ input: child.stdout })) return (JSON.parse(line) as { pid: number }).pid
  return undefined
}

// Whoever answers on the port may be a stranger: only our process id and our folder make it ours.
async function isReady(child: ChildProcess, dataDir: string, port: number, pid: number): Promise<boolean> {
  for (let poll = 0; poll < READY_POLLS_MAX && child.exitCode === null; poll++) {
    const who = await askIdentity(port)
    if (who !== undefined) return who.pid === pid && who.dir === dataDir
    await sleep(READY_POLL_MS)
  }
  return false
}

/** Ends a server that lost its supervisor, after it has said itself that it is the one working in this folder. */
async function endStale(dataDir: string): Promise<void> {
  const note = readNote(dataDir)
  if (note === undefined) return
  const who = await askIdentity(note.port)
  if (who?.pid !== note.pid || who.dir !== dataDir) return
  process.kill(note.pid, 'SIGTERM')
  for (let poll = 0; poll < READY_POLLS_MAX && isAlive(note.pid); poll++) await sleep(READY_POLL_MS)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function readNote(dataDir: string): Note | undefined {
  try {
    return Note.parse(JSON.parse(readFileSync(join(dataDir, NOTE_FILE), 'utf8')))
  } catch {
    // Absent after a first start, torn after a crash: then there is nothing that we could prove to be ours.
    return undefined
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail)
    server.listen(0, HOST, () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
