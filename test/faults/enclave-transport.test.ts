/** Hostile clients against the transport in a process of its own, as the host would be (threat S7). */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { CborValue } from '../../enclave/protocol/cbor.ts'
import { decodeMessage, encodeFrame, encodeMessage, FrameReader, type Message } from '../../enclave/protocol/frame.ts'
import { TRANSPORT_LIMITS, type TransportLimits } from '../../enclave/shell/limits.ts'

const ATTACKS = 1_000
const ATTACKERS_AT_ONCE = 40
const HONEST_EVERY = 100
/** What the process may grow by: the buffers it is allowed, and the collector's slack. */
const GROWTH_BYTES_MAX = 160 * 1_048_576
const SUITE_TIMEOUT_MS = 300_000
const BULK_BYTES = 1_048_576
const DEAF_MS = 150
/** An honest host that is turned away comes again, as the production client does. */
const HONEST_ATTEMPTS_MAX = 20
/** Where a client is slow on purpose. Elsewhere the limits are those of production: a busy machine is no attack. */
const IMPATIENT: Partial<TransportLimits> = { frameTimeoutMs: 100, writeTimeoutMs: 100, lingerTimeoutMs: 100 }

const ROOT = new URL('../../enclave/', import.meta.url).href
const SERVER = `
  const { listen } = await import('${ROOT}shell/transport.ts')
  const { decodeRequest, encodeMessage } = await import('${ROOT}protocol/frame.ts')
  const bulk = encodeMessage({ result: 'x'.repeat(${BULK_BYTES}) }, 'json')
  const listener = await listen('tcp://127.0.0.1:0', async (bytes) => {
    try {
      const request = decodeRequest(bytes)
      if (request.method === 'bulk') return bulk
      globalThis.gc()
      const rssBytes = process.memoryUsage.rss()
      const result = { rssBytes, bufferedBytes: listener.bufferedBytes(), connections: listener.connectionCount() }
      return encodeMessage({ result }, request.encoding)
    } catch (error) {
      return encodeMessage({ error: { code: error.code, message: error.message } }, 'json')
    }
  }, JSON.parse(process.argv[1]))
  console.log(listener.endpoint)
`

type Status = { rssBytes: number; bufferedBytes: number; connections: number }

const STATUS = encodeFrame(encodeMessage({ method: 'status', params: {} }, 'json'))
const BULK = encodeFrame(encodeMessage({ method: 'bulk', params: {} }, 'json'))

describe('the transport against a hostile host', function () {
  this.timeout(SUITE_TIMEOUT_MS)
  let server: ChildProcess
  let port = 0
  const open = new Set<Socket>()

  /** One process for the tests of a block. */
  function useServer(limits: Partial<TransportLimits>): void {
    before(async () => {
      const words = ['--expose-gc', '--input-type=module', '-e', SERVER, JSON.stringify(limits)]
      server = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
      const [line] = await once(server.stdout as NodeJS.ReadableStream, 'data')
      port = Number(new URL(String(line).trim()).port)
    })

    after(async () => {
      const exited = once(server, 'exit')
      server.kill()
      await exited
    })
  }

  afterEach(() => {
    for (const socket of open) socket.destroy()
  })

  function client(): Socket {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    return socket
  }

  /** The next answer on a connection, or undefined when it ends without one. */
  async function answer(socket: Socket): Promise<Message | undefined> {
    const reader = new FrameReader()
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      const [frame] = reader.push(chunk)
      if (frame !== undefined) return decodeMessage(frame).message
    }
    return undefined
  }

  /** Undefined when the connection ends without an answer. */
  async function status(socket: Socket): Promise<Status | undefined> {
    socket.write(STATUS)
    const message = await answer(socket).catch(() => undefined)
    return message?.['result'] as Message as Status | undefined
  }

  /**
   * One client, one request, one answer: what an honest host does after an attack. Until its request has come it is as
   * silent as the attackers, and its place may be given to a newer one of them.
   */
  async function honest(): Promise<Status> {
    for (let attempt = 1; attempt <= HONEST_ATTEMPTS_MAX; attempt++) {
      const socket = client()
      const result = await status(socket)
      socket.destroy()
      if (result !== undefined) return result
    }
    throw new Error(`expected an answer to one of ${HONEST_ATTEMPTS_MAX} honest clients`)
  }

  async function attack(strike: (index: number) => Promise<void>): Promise<void> {
    const before = await honest()
    const old = client()
    await status(old)
    let next = 0
    const attacker = async (): Promise<void> => {
      for (let index = next++; index < ATTACKS; index = next++) {
        await strike(index)
        if (index % HONEST_EVERY === 0) await honest()
      }
    }
    // All attackers have stopped before one of them is judged: none strikes into the next test.
    const ends = await Promise.allSettled(Array.from({ length: ATTACKERS_AT_ONCE }, attacker))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    const after = await honest()
    expect(after.rssBytes - before.rssBytes, 'growth').to.be.lessThan(GROWTH_BYTES_MAX)
    expect(await status(old), 'the connection from before the attack').to.have.property('connections')
    expect(server.exitCode).to.equal(null)
  }

  async function connected(): Promise<Socket> {
    const socket = client()
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    return socket
  }

  function codeOf(message: Message | undefined): CborValue | undefined {
    return (message?.['error'] as Message | undefined)?.['code']
  }

  /** Sends one payload as a frame and judges the refusal by its code. */
  function refused(payload: Uint8Array, code: string): () => Promise<void> {
    return async () => {
      const socket = await connected()
      socket.write(encodeFrame(payload))
      expect(codeOf(await answer(socket))).to.equal(code)
      socket.destroy()
    }
  }

  describe('that sends what it should not', () => {
    useServer({})

    it(`survives ${ATTACKS} connections that are reset at once, inside the head or inside the frame`, async () => {
      await attack(async (index) => {
        const socket = await connected()
        socket.write(STATUS.slice(0, [0, 2, 10, STATUS.length][index % 4]))
        socket.resetAndDestroy()
      })
    })

    it(`survives ${ATTACKS} silent connections that are left open`, async () => {
      await attack(async () => {
        await connected()
      })
      expect((await honest()).connections).to.be.at.most(TRANSPORT_LIMITS.connectionsMax)
    })

    it(`survives ${ATTACKS} announcements of 4 GiB, and refuses each with FRAME_TOO_LARGE`, async () => {
      await attack(async () => {
        const socket = await connected()
        socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
        expect(codeOf(await answer(socket))).to.equal('FRAME_TOO_LARGE')
        socket.destroy()
      })
    })

    it(`survives ${ATTACKS} array bombs of five bytes, and refuses each`, async () => {
      await attack(refused(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff), 'FRAME_SYNTAX'))
    })

    it(`survives ${ATTACKS} bombs inside a map: a huge array, a huge map, deep nesting`, async () => {
      const key = [0xa1, 0x61, 0x61]
      const bombs = [
        [...key, 0x9a, 0xff, 0xff, 0xff, 0xff],
        [...key, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [...key, 0xba, 0xff, 0xff, 0xff, 0xff],
        [...key, ...Array(100_000).fill(0x81)],
        [0xbf, ...Array(100_000).fill(0x61)],
      ].map((bytes) => refused(Uint8Array.from(bytes), 'CBOR_SYNTAX'))
      await attack(async (index) => bombs[index % bombs.length]?.())
    })

    it(`survives ${ATTACKS} requests of deeply nested JSON`, async () => {
      await attack(refused(new TextEncoder().encode(`{"a":${'['.repeat(100_000)}`), 'JSON_SYNTAX'))
    })
  })

  describe('that takes its time', () => {
    useServer(IMPATIENT)

    it(`survives ${ATTACKS} clients that announce a large frame and drip it, and ends each within the deadline`, async () => {
      let late = 0
      await attack(async () => {
        const socket = await connected()
        socket.write(Uint8Array.of(0, 0x7f, 0xff, 0xff))
        const drip = setInterval(() => socket.write(new Uint8Array(100)), 20)
        // A place may be given to another client before the deadline: then the end comes without an answer.
        const code = codeOf(await answer(socket).catch(() => undefined))
        clearInterval(drip)
        expect(code).to.be.oneOf(['FRAME_TIMEOUT', undefined])
        if (code !== undefined) late += 1
        socket.destroy()
      })
      expect(late).to.be.greaterThan(0)
    })

    it(`survives ${ATTACKS} clients that announce the largest frame, send half of it and stop`, async () => {
      const half = new Uint8Array(4_194_304)
      await attack(async (index) => {
        const socket = await connected()
        socket.write(Uint8Array.of(0, 0x80, 0, 0))
        if (index % 10 === 0) socket.write(half)
      })
      expect((await honest()).bufferedBytes).to.be.lessThan(80_000_000)
    })

    it(`survives ${ATTACKS} clients that ask for much and never read`, async () => {
      await attack(async () => {
        const socket = await connected()
        socket.pause()
        for (let request = 0; request < 20; request++) socket.write(BULK)
        // Longer than the enclave's patience. The kernel's buffers of a thousand such sockets would be the test's own load.
        await sleep(DEAF_MS)
        socket.destroy()
      })
    })
  })
})
