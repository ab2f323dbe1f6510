import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { kmsHost } from '../../enclave/shell/kms-tls.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { World } from '../builders/boot.ts'
import { issueServer, type ServerIdentity, type Span, WIDE } from '../stand-ins/kms/certificates.ts'
import { serveKms } from '../stand-ins/kms/server.ts'
import { REGION } from '../stand-ins/kms/start.ts'
import { compileSteeredClock } from './steered-clock.ts'
import type { Orders, Ready } from './steered-enclave.ts'

const DAY_MS = 86_400_000
const YEAR_SECONDS = 365 * 86_400
const DAY_SECONDS = 86_400
const PROGRAM = join(import.meta.dirname, 'steered-enclave.ts')

type Steering = { readonly aheadSeconds: number; readonly again: boolean }
type Decisions = { readonly ready: Ready; readonly genesisAt: number }

describe('N25: a host that steers the clock', function () {
  this.timeout(180_000)
  const folder = mkdtempSync(join(tmpdir(), 'steered-'))
  let library: string | undefined
  const closing: (() => void)[] = []
  const world = new World()
  let count = 0

  before(function () {
    library = compileSteeredClock(folder)
    if (library !== undefined) return
    process.stderr.write('skipped: N25: this machine has no C compiler for a clock that lies\n')
    this.skip()
  })

  after(() => {
    for (const close of closing) close()
    world.close()
    rmSync(folder, { recursive: true })
  })

  it('finds the times of a ledger and the certificates of KMS judged as on an honest machine', async () => {
    const servers = await threeServers()
    const hosts = [0, YEAR_SECONDS, -YEAR_SECONDS]
    const all = await Promise.all(hosts.map((ahead) => decisionsUnder({ aheadSeconds: ahead, again: false }, servers)))
    for (const [at, { ready, genesisAt }] of all.entries()) {
      const aheadSeconds = hosts[at] as number
      assertOff(ready.foundMs, aheadSeconds)
      assertTrue(ready.leftMs / 1_000, `the clock after boot, ${aheadSeconds} s off before,`)
      assertTrue(genesisAt, `an entry, ${aheadSeconds} s off,`)
      assert.deepEqual(ready.verdicts, ['accepted', 'KMS_TLS', 'KMS_TLS'])
    }
  })

  it('who steers it back after boot changes no time of the ledger, and has no expired certificate accepted', async () => {
    const servers = await threeServers()
    const hosts = [YEAR_SECONDS, -YEAR_SECONDS]
    const all = await Promise.all(hosts.map((ahead) => decisionsUnder({ aheadSeconds: ahead, again: true }, servers)))
    for (const [at, { ready, genesisAt }] of all.entries()) {
      const aheadSeconds = hosts[at] as number
      assertOff(ready.leftMs, aheadSeconds)
      assertTrue(genesisAt, `an entry, ${aheadSeconds} s off,`)
      // The certificate of today is refused as well then: a machine that disagrees with its NSM reaches no one.
      assert.deepEqual(ready.verdicts, ['KMS_TLS', 'KMS_TLS', 'KMS_TLS'])
    }
  })

  /** Servers under one root each, whose certificates are of this week, of last year and of next year. */
  async function threeServers(): Promise<readonly Server[]> {
    const nowMs = Date.now()
    const around = (days: number): Span => ({
      fromMs: nowMs + (days - 7) * DAY_MS,
      untilMs: nowMs + (days + 7) * DAY_MS,
    })
    const servers: Server[] = []
    for (const days of [0, -365, 365])
      servers.push(await serve(issueServer(kmsHost(REGION), { leaf: around(days), between: WIDE })))
    return servers
  }

  type Server = { readonly endpoint: string; readonly ca: string }

  async function serve(identity: ServerIdentity): Promise<Server> {
    const path = join(folder, `kms-${count++}.sock`)
    const server = serveKms(identity, () => ({ status: 200, body: {} }))
    server.listen(path)
    await once(server, 'listening')
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return { endpoint: `unix://${path}`, ca: identity.ca }
  }

  /** What an enclave decides on a machine that is steered so. */
  async function decisionsUnder(steering: Steering, servers: readonly Server[]): Promise<Decisions> {
    const endpoint = `unix://${join(folder, `enclave-${count++}.sock`)}`
    const child = start(steering, {
      listen: endpoint,
      wrappingKey: join(folder, `wrapping-${count}.key`),
      trueMs: Date.now(),
      root: servers.map(({ ca }) => ca).join(''),
      servers: servers.map((server) => server.endpoint),
    })
    const ended = once(child, 'exit')
    try {
      return { ready: await readyOf(child), genesisAt: await firstEntryAt(endpoint) }
    } finally {
      child.stdin?.end()
      await ended
    }
  }

  function start({ aheadSeconds, again }: Steering, orders: Orders): ChildProcess {
    return spawn(process.execPath, [PROGRAM, JSON.stringify(orders)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        LD_PRELOAD: library,
        STEERED_CLOCK_SECONDS: `${aheadSeconds}`,
        ...(again ? { STEERED_CLOCK_AGAIN: '1' } : {}),
      },
    })
  }

  /** Begins a ledger, and reads its first entry as anyone would. */
  async function firstEntryAt(endpoint: string): Promise<number> {
    const client = openEnclaveClient(endpoint)
    try {
      await client.call('configure', { configuration: world.configuration })
      const { ciphertext_b64, state_ciphertext_b64 } = await client.call('generate', {})
      await client.call('provision', { ciphertext_b64, state_ciphertext_b64 })
      await client.call('genesis', { ...(world.genesis as object), epoch: 0 })
      const { records } = await client.call('outputs', { fromRecord: 0 })
      const [entry] = records.flatMap(({ entries }) => entries)
      assert(entry !== undefined, 'genesis releases an entry')
      return decodeEntry(entry).at
    } finally {
      client.close()
    }
  }
})

async function readyOf(child: ChildProcess): Promise<Ready> {
  assert(child.stdout !== null)
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as Ready
  throw new Error('the enclave ended before it was ready')
}

/** Within a day of now: what was a year off would not be. */
function assertTrue(atSeconds: number, what: string): void {
  const off = Math.abs(atSeconds - Date.now() / 1_000)
  assert(off < DAY_SECONDS, `${what} is ${off} s off`)
}

function assertOff(atMs: number, aheadSeconds: number): void {
  assertTrue(atMs / 1_000 - aheadSeconds, `a machine ${aheadSeconds} s off, less what it was steered by,`)
}
