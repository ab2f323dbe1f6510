import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis as Client } from 'ioredis'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { findRedis } from '../../scripts/redis/find.ts'
import { type Redis, startRedis } from '../../scripts/redis/redis.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CACHE_DIR = join(ROOT, '.cache', 'redis')
const FIRST_DOWNLOAD_MS = 120_000
const DEATH_POLL_MS = 50
const DEATH_POLLS_MAX = 1_200

describe('the embedded Redis', function () {
  this.timeout(FIRST_DOWNLOAD_MS)
  const givenUrl = process.env['REDIS_URL']
  let dataDir = ''
  let server: Redis | undefined
  const started: ChildProcess[] = []

  beforeEach(() => {
    // The operator's own server is none of this test's business.
    delete process.env['REDIS_URL']
    dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'redis-test-')))
  })

  afterEach(async () => {
    await server?.stop()
    server = undefined
    for (const child of started.splice(0)) child.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
    if (givenUrl !== undefined) process.env['REDIS_URL'] = givenUrl
  })

  it('answers on loopback under a policy that never evicts, with an append-only file and no snapshots', async () => {
    server = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    const settings = await withClient(server.url, async (client) => {
      expect(await client.ping()).to.equal('PONG')
      return client.config('GET', 'bind', 'maxmemory-policy', 'appendonly', 'save', 'dir')
    })
    const expected = [
      'bind',
      '127.0.0.1',
      'maxmemory-policy',
      'noeviction',
      'appendonly',
      'yes',
      'save',
      '',
      'dir',
      dataDir,
    ]
    expect(settings).to.have.members(expected)
  })

  it('keeps what was acknowledged when it is killed with SIGKILL and started again in the same folder', async () => {
    const first = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    await withClient(first.url, async (client) => {
      await client.config('SET', 'appendfsync', 'always')
      await client.set('promise', 'kept')
    })
    process.kill(first.pid ?? 0, 'SIGKILL')
    await first.ended
    server = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    expect(await withClient(server.url, (client) => client.get('promise'))).to.equal('kept')
  })

  it('has ended when stop returns', async () => {
    const { pid, stop } = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    expect(isAlive(pid)).to.equal(true)
    await stop()
    expect(isAlive(pid)).to.equal(false)
  })

  it('does not outlive a starter that is killed with SIGKILL', async () => {
    const { starter, pid } = await startInChild(dataDir)
    started.push(starter)
    expect(isAlive(pid)).to.equal(true)
    starter.kill('SIGKILL')
    await untilDead(pid)
  })

  it('ends with a supervisor that is killed under a living starter', async () => {
    const { pid, ended } = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    process.kill(await parentOf(pid ?? 0), 'SIGKILL')
    await ended
    expect(isAlive(pid)).to.equal(false)
  })

  it('ends the server that a killed supervisor left in the folder before it starts another', async () => {
    const { starter, pid } = await startInChild(dataDir)
    started.push(starter)
    const supervisor = await parentOf(pid)
    // Neither of the two that would end it is there to see it.
    starter.kill('SIGSTOP')
    process.kill(supervisor, 'SIGKILL')
    expect(isAlive(pid)).to.equal(true)
    server = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    expect(isAlive(pid)).to.equal(false)
    expect(server.pid).to.not.equal(pid)
  })

  it('refuses a port that somebody else holds, with PORT_BUSY', async () => {
    const holder = await hold()
    const { port } = holder.address() as { port: number }
    const refusal = await startRedis({ dataDir, cacheDir: CACHE_DIR, port }).catch((error: unknown) => error)
    await new Promise((done) => holder.close(done))
    expect(isCoded(refusal, 'PORT_BUSY')).to.equal(true)
  })

  it('starts no server of its own when REDIS_URL names one', async () => {
    process.env['REDIS_URL'] = 'redis://127.0.0.1:1'
    const { url, pid } = await startRedis({ dataDir, cacheDir: CACHE_DIR })
    delete process.env['REDIS_URL']
    expect({ url, pid }).to.deep.equal({ url: 'redis://127.0.0.1:1', pid: undefined })
  })

  it('refuses with REDIS_MISSING where neither PATH nor a package manager has one', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = dataDir
    const refusal = await findRedis({ cacheDir: dataDir }).catch((error: unknown) => error)
    process.env['PATH'] = path
    expect(isCoded(refusal, 'REDIS_MISSING')).to.equal(true)
  })
})

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url)
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}

async function startInChild(dataDir: string): Promise<{ starter: ChildProcess; pid: number }> {
  const code = `
    import { startRedis } from ${JSON.stringify(join(ROOT, 'scripts/redis/redis.ts'))}
    const { pid } = await startRedis(${JSON.stringify({ dataDir, cacheDir: CACHE_DIR })})
    console.log(pid)
    setInterval(() => {}, 1000)`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: starter.stdout })) return { starter, pid: Number(line) }
  throw new Error('the starter ended before it named a process id')
}

async function parentOf(pid: number): Promise<number> {
  const ps = spawn('ps', ['-o', 'ppid=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const part of ps.stdout) text += String(part)
  return Number(text.trim())
}

function hold(): Promise<Server> {
  return new Promise((done) => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1', () => done(server))
  })
}

async function untilDead(pid: number): Promise<void> {
  for (let poll = 0; poll < DEATH_POLLS_MAX && isAlive(pid); poll++) await sleep(DEATH_POLL_MS)
  expect(isAlive(pid), `process ${pid} is still running`).to.equal(false)
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
