import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { encodeFrame, FrameReader } from '../../enclave/protocol/frame.ts'
import { type Guest, startGuest } from '../../scripts/guest/guest.ts'
import { connectHybrid } from '../../scripts/guest/hybrid.ts'
import { ROOT, toolsOrSkip } from './tools-or-skip.ts'

const SUITE_MS_MAX = 600_000
const BOOT_MS_MAX = 240_000
const ECHO_PORT = 5_000
const PARENTS_PORT = 5_001
/** What the client of a host is made of, beside what an enclave has. */
const CLIENT = ['host/enclave-client.ts', 'host/enclave-endpoint.ts', 'host/enclave-results.ts']
const CLIENT_PACKAGES = ['cockatiel']
const PROGRAMS = ['test/guest/inside.ts', 'test/guest/echo.ts']

/** What inside.ts finds out, and what is claimed of it here. */
const CLAIMS: readonly (readonly [name: string, title: string])[] = [
  ['the cid', 'knows the CID that the machine was given'],
  ['a frame', 'carries a request to the enclave listener and its answer back'],
  ['the client of a host', 'carries the calls of the host’s own client, and tells it when the enclave has gone'],
  ['a large frame', 'carries 4 MiB in one frame, both ways'],
  ['a stranger', 'is cut without a byte when another machine than the parent calls'],
  ['peers', 'names CID and port of the other side, at both ends'],
  ['half close', 'lets one side end its bytes and still hear the other'],
  ['nobody listens', 'refuses with VSOCK_CONNECT where nobody listens'],
  ['nobody answers', 'ends a wait for a queue that is full by its own clock'],
  ['a taken port', 'refuses a port that is taken with PORT_BUSY'],
  ['no nsm', 'refuses with NSM_FAILED on a machine without the device'],
  ['the clock', 'sets the clock of the kernel to the millisecond'],
]

describe('AF_VSOCK of a kernel', function () {
  this.timeout(SUITE_MS_MAX)
  const said = new Map<string, string | null>()
  let guest: Guest

  before(async function () {
    const tools = await toolsOrSkip(this)
    const files = [...PROGRAMS, ...CLIENT].map((path) => ({
      path: `/app/${path}`,
      content: readFileSync(join(ROOT, path)),
    }))
    guest = await startGuest({
      tools,
      files,
      packages: CLIENT_PACKAGES,
      run: PROGRAMS.map((path) => `node ${path}\n`).join(''),
    })
    await guest.line('echo: ready', BOOT_MS_MAX)
    for (const line of guest.lines.filter((text) => text.startsWith('{'))) {
      const { claim, failure } = JSON.parse(line) as { claim: string; failure: string | null }
      said.set(claim, failure)
    }
  })

  after(() => guest?.stop())

  for (const [name, title] of CLAIMS) {
    it(title, () => {
      expect(said.has(name), guest.lines.join('\n')).to.equal(true)
      expect(said.get(name)).to.equal(null)
    })
  }

  it('is judged by a claim for all that the guest says', () => {
    expect([...said.keys()].sort()).to.deep.equal(CLAIMS.map(([name]) => name).sort())
  })

  for (const size of [1, 4_096, 65_536, 1_000_000]) {
    it(`carries ${size} bytes from the host into the guest, and out of it`, async () => {
      const socket = await connectHybrid(guest.hybridPath, ECHO_PORT)
      try {
        const length = Buffer.from((await answer(socket, new Uint8Array(size))) ?? [])
        expect(length.readUInt32BE()).to.equal(size)
        const order = Buffer.alloc(5)
        order.writeUInt32BE(size, 1)
        expect((await answer(socket, order))?.length).to.equal(size)
      } finally {
        socket.destroy()
      }
    })
  }

  it('is shut to the host of an ordinary guest, where only the parent of an enclave may enter', async () => {
    const socket = await connectHybrid(guest.hybridPath, PARENTS_PORT)
    expect(await answer(socket, new Uint8Array(1))).to.equal(undefined)
    socket.destroy()
  })
})

/** The answer to one frame, or undefined when the connection ends without one. */
function answer(socket: Socket, request: Uint8Array): Promise<Uint8Array | undefined> {
  const reader = new FrameReader()
  return new Promise((done) => {
    const take = (chunk: Uint8Array) => {
      for (const frame of reader.push(chunk)) {
        socket.off('data', take)
        done(frame)
      }
    }
    socket.on('data', take)
    for (const end of ['end', 'close', 'error'] as const) socket.once(end, () => done(undefined))
    socket.write(encodeFrame(request))
  })
}
