import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { decodeMessage, encodeFrame, encodeMessage } from '../../enclave/protocol/frame.ts'
import { type Handle, listen } from '../../enclave/shell/transport.ts'
import { codeOf, echo, holds, text, textOf, useTransport } from './transport-clients.ts'

const POLL_MS = 5

describe('the transport', function () {
  this.timeout(120_000)
  const { open, client } = useTransport()
  const folder = mkdtempSync(join(tmpdir(), 'transport-'))
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
    const gate = Promise.withResolvers<void>()
    const listener = await open(async (request) => {
      await gate.promise
      order.push(textOf(request))
      return request
    })
    // One is in hand, the others wait.
    const busy = client(listener).send(...Array.from({ length: 40 }, () => 'busy'))
    await holds(listener, 39 * 'busy'.length)
    const late = client(listener).send('late')
    await holds(listener, 40 * 'busy'.length)
    gate.resolve()
    await late.answered(1)
    expect(order.indexOf('late')).to.be.within(1, 2)
    expect(await busy.answered(40)).to.have.length(40)
  })

  it('alternates between two clients that both have requests waiting', async () => {
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const listener = await open(async (request) => {
      await gate.promise
      order.push(textOf(request))
      return request
    })
    // One of each three is in hand: the others wait.
    const first = client(listener).send('a', 'a', 'a')
    await holds(listener, 2)
    const second = client(listener).send('b', 'b', 'b')
    await holds(listener, 5)
    gate.resolve()
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

  it('stops reading a client that asks faster than it is answered, and loses none of its requests', async () => {
    const requests = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(2_000))
    let heldBytesMost = 0
    const listener = await open(
      async (request) => {
        heldBytesMost = Math.max(heldBytesMost, listener.bufferedBytes())
        return sleep(1, request)
      },
      { requestsMax: 4 },
    )
    expect(
      await client(listener)
        .send(...requests)
        .answered(200),
    ).to.deep.equal(requests)
    // Its four and what two reads bring, of 400,000 bytes that were there from the first moment.
    expect(heldBytesMost).to.be.lessThan(200_000)
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
    const gate = Promise.withResolvers<void>()
    const listener = await open(async (request) => gate.promise.then(() => request), { connectionsMax: 2 })
    const busy = [client(listener).send('1'), client(listener).send('2')]
    // One request is in hand, the other waits.
    await holds(listener, 1)
    const late = client(listener)
    await late.answered(1)
    expect(codeOf(late.answers[0] as Uint8Array)).to.equal('CONNECTION_LIMIT')
    gate.resolve()
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
    const order: string[] = []
    const listener = await open(async (request) => {
      order.push(textOf(request))
      return sleep(1, request)
    })
    const gone = client(listener).send(...Array.from({ length: 50 }, () => 'gone'))
    await gone.answered(1)
    gone.socket.resetAndDestroy()
    while (listener.connectionCount() > 0) await sleep(POLL_MS)
    const left = order.length
    expect(left).to.be.lessThan(50)
    // Each would come between two of another client's, if it were still waiting for its turn.
    await client(listener).send('a', 'b', 'c').answered(3)
    expect(order.slice(left)).to.deep.equal(['a', 'b', 'c'])
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
