import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { decodeMessage, encodeFrame, encodeMessage, FrameReader } from '../../enclave/protocol/frame.ts'
import type { TransportLimits } from '../../enclave/shell/limits.ts'
import { type Handle, type Listener, listen } from '../../enclave/shell/transport.ts'

const POLL_MS = 5
/** Far apart, so that a busy machine confuses none with the next. */
const ROUND_MS = 300
const ROUNDS = 5
/** Less than all rounds take, and more than any one does. */
const ROUNDS_PAST_MS = 1_000
const echo: Handle = async (request) => request

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function codeOf(answer: Uint8Array): string {
  return (decodeMessage(answer).message['error'] as { code: string }).code
}

/** Until so many bytes of requests that nobody handles yet have come in. */
async function holds(listener: Listener, bytesMin: number): Promise<void> {
  while (listener.bufferedBytes() < bytesMin) await sleep(POLL_MS)
}

/** A client that sends bytes as it likes and collects the frames it gets. */
class Client {
  readonly socket: Socket
  readonly answers: Uint8Array[] = []
  ended = false
  readonly #reader = new FrameReader()

  constructor(endpoint: string) {
    const url = new URL(endpoint.replace('unix:', 'file:'))
    this.socket = endpoint.startsWith('unix:') ? connect(url.pathname) : connect(Number(url.port), url.hostname)
    this.socket.on('data', (chunk) => this.answers.push(...this.#reader.push(chunk)))
    this.socket.on('end', () => {
      this.ended = true
    })
    this.socket.on('error', () => undefined)
  }

  send(...requests: string[]): this {
    for (const request of requests) this.socket.write(encodeFrame(text(request)))
    return this
  }

  async answered(count: number): Promise<string[]> {
    while (this.answers.length < count) await once(this.socket, 'data')
    return this.answers.map(textOf)
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close')
  }
}

describe('the transport', () => {
  const listeners: Listener[] = []
  const clients: Client[] = []
  const folder = mkdtempSync(join(tmpdir(), 'transport-'))

  async function open(
    handle: Handle = echo,
    limits: Partial<TransportLimits> = {},
    endpoint = 'tcp://127.0.0.1:0',
  ): Promise<Listener> {
    const listener = await listen(endpoint, handle, limits)
    listeners.push(listener)
    return listener
  }

  function client(listener: Listener): Client {
    const made = new Client(listener.endpoint)
    clients.push(made)
    return made
  }

  afterEach(async () => {
    for (const each of clients.splice(0)) each.socket.destroy()
    for (const listener of listeners.splice(0)) await listener.close()
  })

  after(() => rmSync(folder, { recursive: true }))

  for (const endpoint of ['tcp://127.0.0.1:0', `unix://${join(folder, 'a.sock')}`]) {
    const kind = endpoint.slice(0, 4)

    it(`answers several requests on one connection, in their order (${kind})`, async () => {
      const one = client(await open(echo, {}, endpoint)).send('a', 'b', 'c')
      expect(await one.answered(3)).to.deep.equal(['a', 'b', 'c'])
      expect(await one.send('d').answered(4)).to.deep.equal(['a', 'b', 'c', 'd'])
    })

    it(`answers a client that closes its side right after its one request (${kind})`, async () => {
      const slow: Handle = async (request) => sleep(20, request)
      const one = client(await open(slow, {}, endpoint)).send('only')
      one.socket.end()
      expect(await one.answered(1)).to.deep.equal(['only'])
      await one.closed()
      expect(one.ended).to.equal(true)
    })

    it(`takes a request that comes byte by byte, and two in one piece (${kind})`, async () => {
      const one = client(await open(echo, {}, endpoint))
      for (const byte of encodeFrame(text('slow'))) {
        one.socket.write(Uint8Array.of(byte))
        await sleep(1)
      }
      one.socket.write(Buffer.concat([encodeFrame(text('x')), encodeFrame(text('y'))]))
      expect(await one.answered(3)).to.deep.equal(['slow', 'x', 'y'])
    })
  }

  it('handles one request at a time, whatever the number of connections', async () => {
    let running = 0
    let runningMax = 0
    const listener = await open(async (request) => {
      running += 1
      runningMax = Math.max(runningMax, running)
      await sleep(1)
      running -= 1
      return request
    })
    const all = Array.from({ length: 8 }, () => client(listener).send('1', '2', '3'))
    await Promise.all(all.map((each) => each.answered(3)))
    expect(runningMax).to.equal(1)
  })

  it('lets a second client wait for one request of a busy one, not for all of them', async () => {
    const order: string[] = []
    const listener = await open(async (request) => {
      order.push(textOf(request))
      return sleep(2, request)
    })
    const busy = client(listener).send(...Array.from({ length: 40 }, (_, index) => `busy ${index}`))
    await busy.answered(3)
    const late = client(listener).send('late')
    await late.answered(1)
    const before = order.length
    expect(before).to.be.lessThan(30)
    expect(await busy.answered(40)).to.have.length(40)
  })

  it('alternates between two clients that both have requests waiting', async () => {
    const order: string[] = []
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const listener = await open(async (request) => {
      await gate
      order.push(textOf(request))
      return request
    })
    // One of each three is in hand: the others wait.
    const first = client(listener).send('a', 'a', 'a')
    await holds(listener, 2)
    const second = client(listener).send('b', 'b', 'b')
    await holds(listener, 5)
    release()
    await Promise.all([first.answered(3), second.answered(3)])
    expect(order.join('')).to.equal('ababab')
  })

  it('answers a rejected handler with INTERNAL, in the encoding of the question, and goes on', async () => {
    const listener = await open(async (request) => {
      if (request.length > 1) throw new Error('secret text')
      return request
    })
    const one = client(listener)
    one.socket.write(encodeFrame(encodeMessage({ method: 'x', params: {} }, 'cbor')))
    one.send('{"method":"x"}', 'z')
    await one.answered(3)
    const [cbor, json, last] = one.answers as [Uint8Array, Uint8Array, Uint8Array]
    expect(decodeMessage(cbor).encoding).to.equal('cbor')
    expect(decodeMessage(json).encoding).to.equal('json')
    expect([codeOf(cbor), codeOf(json), textOf(last)]).to.deep.equal(['INTERNAL', 'INTERNAL', 'z'])
    expect(textOf(json)).to.not.include('secret')
  })

  it('takes a frame of the largest size, and refuses one byte more with a code after the answers before it', async () => {
    const listener = await open(echo, { frameBytesMax: 100 })
    const one = client(listener)
    one.socket.write(encodeFrame(new Uint8Array(100).fill(65)))
    await one.answered(1)
    one.socket.write(encodeFrame(new Uint8Array(101)))
    await one.answered(2)
    expect(codeOf(one.answers[1] as Uint8Array)).to.equal('FRAME_TOO_LARGE')
    await one.closed()
    expect(one.ended).to.equal(true)
  })

  it('tells a client that ends inside a frame, and one whose frame takes too long', async () => {
    const listener = await open(echo, { frameTimeoutMs: 50 })
    const cut = client(listener)
    cut.socket.end(encodeFrame(text('cut')).slice(0, -1))
    await cut.answered(1)
    expect(codeOf(cut.answers[0] as Uint8Array)).to.equal('FRAME_TRUNCATED')
    const slow = client(listener)
    slow.socket.write(Uint8Array.of(0))
    await slow.answered(1)
    expect(codeOf(slow.answers[0] as Uint8Array)).to.equal('FRAME_TIMEOUT')
    await slow.closed()
  })

  it('runs the deadline of a frame from its first byte, however busily it drips', async () => {
    const listener = await open(echo, { frameTimeoutMs: 60 })
    const one = client(listener)
    // A deadline that began anew with each byte would let the whole frame in, and its answer is no refusal.
    const drip = setInterval(() => one.socket.write(Uint8Array.of(0, 0, 0, 9)), 10)
    one.socket.write(Uint8Array.of(0, 0, 1, 0))
    await one.answered(1)
    clearInterval(drip)
    expect(codeOf(one.answers[0] as Uint8Array)).to.equal('FRAME_TIMEOUT')
  })

  it('gives each frame its own deadline', async () => {
    const listener = await open(echo, { frameTimeoutMs: ROUNDS_PAST_MS })
    const one = client(listener)
    const frame = encodeFrame(text('ab'))
    one.socket.write(frame.slice(0, 3))
    for (let round = 1; round <= ROUNDS; round++) {
      await sleep(ROUND_MS)
      // The end of one frame and the beginning of the next: the client is always inside some frame.
      one.socket.write(Buffer.concat([frame.slice(3), frame.slice(0, 3)]))
      expect(await one.answered(round)).to.have.length(round)
    }
  })

  it('ends a connection that stays idle, and keeps one that asks now and then', async () => {
    const listener = await open(echo, { idleTimeoutMs: ROUNDS_PAST_MS })
    const [silent, active] = [client(listener), client(listener)]
    for (let round = 1; round <= ROUNDS; round++) {
      await sleep(ROUND_MS)
      await active.send('x').answered(round)
    }
    await silent.closed()
    expect(silent.ended).to.equal(true)
    expect(active.ended).to.equal(false)
  })

  it('cuts a client that does not read its answers, and serves the others meanwhile', async () => {
    const large = new Uint8Array(1_000_000)
    const listener = await open(async () => large, { writeTimeoutMs: 150 })
    const deaf = client(listener)
    deaf.socket.pause()
    deaf.send(...Array.from({ length: 50 }, () => 'more'))
    // What the kernel does not take stays here: of one answer, for no second one is begun.
    await holds(listener, 1)
    expect(listener.bufferedBytes()).to.be.lessThan(3_000_000)
    await client(listener).send('x').answered(1)
    while (listener.connectionCount() > 1) await sleep(POLL_MS)
  })

  it('stops reading a client that asks faster than it is answered, and loses none of its requests', async () => {
    const listener = await open(async (request) => sleep(1, request), { requestsMax: 4 })
    const one = client(listener)
    const requests = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(2_000))
    expect(await one.send(...requests).answered(200)).to.deep.equal(requests)
  })

  it('holds a bounded part of what a client sends ahead, and nothing once it is answered', async () => {
    const gate = Promise.withResolvers<void>()
    const handle: Handle = async (request) => gate.promise.then(() => request.slice(0, 1))
    const listener = await open(handle, { connectionBytesMax: 200_000 })
    const one = client(listener)
    const request = 'x'.repeat(50_000)
    for (let index = 0; index < 400; index++) one.send(request)
    await holds(listener, 200_000)
    // Its limit and what one read brings; the rest waits on the client's side.
    expect(listener.bufferedBytes()).to.be.lessThan(400_000)
    expect(one.socket.writableLength).to.be.greaterThan(0)
    gate.resolve()
    expect(await one.answered(400)).to.have.length(400)
    expect(listener.bufferedBytes()).to.equal(0)
  })

  it('gives the place of a silent connection to a new client when all are taken', async () => {
    const listener = await open(echo, { connectionsMax: 3 })
    const useful = client(listener)
    await useful.send('first').answered(1)
    const silent = [client(listener), client(listener)]
    while (listener.connectionCount() < 3) await sleep(POLL_MS)
    const late = client(listener)
    expect(await late.send('late').answered(1)).to.deep.equal(['late'])
    await silent[0]?.closed()
    expect(await useful.send('again').answered(2)).to.deep.equal(['first', 'again'])
  })

  it('refuses a new client with CONNECTION_LIMIT when all places are owed an answer', async () => {
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const listener = await open(async (request) => gate.then(() => request), { connectionsMax: 2 })
    const busy = [client(listener).send('1'), client(listener).send('2')]
    // One request is in hand, the other waits.
    await holds(listener, 1)
    const late = client(listener)
    await late.answered(1)
    expect(codeOf(late.answers[0] as Uint8Array)).to.equal('CONNECTION_LIMIT')
    release()
    await Promise.all(busy.map((each) => each.answered(1)))
  })

  it('cuts the connection that holds most when all together hold too much', async () => {
    const listener = await open(echo, { bufferedBytesMax: 50_000 })
    const [small, large] = [client(listener), client(listener)]
    small.socket.write(encodeFrame(new Uint8Array(20_000)).slice(0, 10_000))
    large.socket.write(encodeFrame(new Uint8Array(100_000)).slice(0, 48_000))
    await large.closed()
    small.socket.write(encodeFrame(new Uint8Array(20_000)).slice(10_000))
    expect(await small.answered(1)).to.have.length(1)
  })

  it('drops what a client asked when the client is gone', async () => {
    let handled = 0
    const listener = await open(async (request) => {
      handled += 1
      return sleep(5, request)
    })
    const gone = client(listener).send(...Array.from({ length: 50 }, () => 'x'))
    await gone.answered(1)
    gone.socket.resetAndDestroy()
    while (listener.connectionCount() > 0) await sleep(POLL_MS)
    const before = handled
    await sleep(30)
    expect(handled - before).to.be.lessThan(2)
    expect(handled).to.be.lessThan(50)
  })

  it('waits on close for the request that is being handled', async () => {
    let finished = false
    const begun = Promise.withResolvers<void>()
    const listener = await listen('tcp://127.0.0.1:0', async (request) => {
      begun.resolve()
      await sleep(50)
      finished = true
      return request
    })
    client(listener).send('x')
    await begun.promise
    await listener.close()
    expect(finished).to.equal(true)
  })
})
