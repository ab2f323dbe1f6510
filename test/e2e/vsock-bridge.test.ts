import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { openLog } from '../../host/log.ts'
import { type Bridge, type BridgeOptions, endpointsOf, openBridge } from '../../scripts/cli/bridge.ts'
import { codeOf, codeOfCall } from '../builders/refusals.ts'
import { ROOT } from './pipeline-world.ts'

const BULK_BYTES = 8 * 1024 * 1024
const PROCESS_MS_MAX = 60_000

/**
 * What a bridge does with bytes is tried between a Unix socket and TCP, at whose ends a kernel without vsock neighbours can
 * play both sides. That one end may be vsock, and must be, is judged by its words; test/guest has the sockets themselves.
 */
describe('a bridge', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-'))
  const path = join(folder, 'bridge.sock')
  const log = openLog({ level: 'silent', name: 'bridge' })
  let bridge: Bridge | undefined
  let far: Server | undefined
  const sockets = new Set<Socket>()

  const farServer = async (talk: (socket: Socket) => void): Promise<BridgeOptions['to']> => {
    far = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      talk(socket)
    })
    far.listen(0, '127.0.0.1')
    await once(far, 'listening')
    return { kind: 'tcp', host: '127.0.0.1', port: (far.address() as AddressInfo).port }
  }
  const bridgeTo = async (to: BridgeOptions['to'], limits: Partial<BridgeOptions> = {}): Promise<Socket> => {
    bridge = await openBridge({ listen: { kind: 'unix', path }, to, log, ...limits })
    return connectNear()
  }
  const connectNear = async (): Promise<Socket> => {
    const socket = connect({ path, allowHalfOpen: true }).on('error', () => undefined)
    sockets.add(socket)
    await once(socket, 'connect')
    return socket
  }

  afterEach(async () => {
    await bridge?.close()
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    const closed = far === undefined ? undefined : once(far, 'close')
    far?.close()
    await closed
    bridge = far = undefined
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('carries bytes both ways and keeps their order', async () => {
    const near = await bridgeTo(await farServer((socket) => socket.pipe(socket)))
    const sent = Buffer.alloc(BULK_BYTES, 0).map((_, at) => at % 251)
    const got = collect(near)
    near.end(sent)
    expect(Buffer.compare(await got, sent)).to.equal(0)
  })

  it('lets one side end its bytes and still hear the other', async () => {
    const near = await bridgeTo(
      await farServer((socket) => {
        let heard = 0
        socket.on('data', (chunk: Buffer) => (heard += chunk.length))
        socket.on('end', () => socket.end(`heard ${heard}`))
      }),
    )
    const got = collect(near)
    near.end('12345')
    expect((await got).toString()).to.equal('heard 5')
  })

  it('lets the called side end first and still hears the caller', async () => {
    let heard: Promise<Buffer> | undefined
    const near = await bridgeTo(
      await farServer((socket) => {
        heard = collect(socket)
        socket.end('first')
      }),
    )
    expect((await collect(near)).toString()).to.equal('first')
    near.end('second')
    expect((await heard)?.toString()).to.equal('second')
  })

  it('reads no further than the other side does', async () => {
    const near = await bridgeTo(await farServer((socket) => socket.pause()))
    const chunk = Buffer.alloc(1024 * 1024)
    let accepted = 0
    // Kernel and streams hold some; a bridge without back-pressure would take all of it.
    for (let count = 0; count < 64 && near.write(chunk); count++) accepted += chunk.length
    await new Promise<void>((done) => setImmediate(done))
    expect(accepted).to.be.below(BULK_BYTES)
    near.destroy()
  })

  it('cuts the caller when the called side is not there', async () => {
    const to = await farServer(() => undefined)
    const gone = once(far as Server, 'close')
    far?.close()
    await gone
    far = undefined
    const near = await bridgeTo(to)
    expect((await collect(near)).length).to.equal(0)
  })

  it('cuts a connection on which nothing moves', async () => {
    const near = await bridgeTo(await farServer(() => undefined), { idleMsMax: 50 })
    expect((await collect(near)).length).to.equal(0)
  })

  it('cuts a connection above its limit and goes on serving those below it', async () => {
    const first = await bridgeTo(await farServer((socket) => socket.pipe(socket)), { connectionsMax: 1 })
    first.write('a')
    await once(first, 'data')
    const second = await connectNear()
    expect((await collect(second)).length).to.equal(0)
    const got = collect(first)
    first.end('b')
    expect((await got).toString()).to.equal('b')
  })

  it('gives its socket file to its owner alone, and removes it', async () => {
    const near = await bridgeTo(await farServer((socket) => socket.pipe(socket)))
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    near.destroy()
    await bridge?.close()
    bridge = undefined
    expect(existsSync(path)).to.equal(false)
  })

  it('takes over the socket file that a crash left behind, but none that answers', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    await once(spawn(process.execPath, ['-e', script]), 'exit')
    chmodSync(path, 0o600)
    const to = await farServer((socket) => socket.pipe(socket))
    const near = await bridgeTo(to)
    expect(await codeOfCall(openBridge({ listen: { kind: 'unix', path }, to, log }))).to.equal('PORT_BUSY')
    near.destroy()
  })
})

describe('the words of anchorhold bridge', () => {
  const to = 'vsock://16:5000'

  it('are an endpoint to listen at and a vsock port', () => {
    expect(endpointsOf({ listen: 'tcp://127.0.0.1:5001', to })).to.deep.equal({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 5001 },
      to: { kind: 'vsock', cid: 16, port: 5000 },
    })
  })

  it('are a vsock port to listen at and where it leads', () => {
    const { listen } = endpointsOf({ listen: 'vsock://any:8000', to: 'tcp://127.0.0.1:8000' })
    expect(listen).to.deep.equal({ kind: 'vsock', cid: 0xffff_ffff, port: 8000 })
  })

  it('are the four of the replaced system', () => {
    const words = { listenHost: '127.0.0.1', listenPort: '6001', vsockCid: '17', vsockPort: '6000' }
    expect(endpointsOf(words)).to.deep.equal({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 6001 },
      to: { kind: 'vsock', cid: 17, port: 6000 },
    })
    expect(endpointsOf({ vsockCid: '17' })).to.deep.equal({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 5001 },
      to: { kind: 'vsock', cid: 17, port: 5000 },
    })
  })

  for (const host of ['0.0.0.0', '172.17.0.1', '[::]', 'example.org', '1270.0.0.1'])
    it(`are refused for ${host}, unless other machines are meant`, () => {
      const listen = `tcp://${host}:5001`
      expect(codeOf(() => endpointsOf({ listen, to }))).to.equal('CONFIG_INVALID')
      expect(endpointsOf({ listen, to, listenAnywhere: true }).listen).to.include({ kind: 'tcp' })
    })

  const nonsense = [
    { listen: 'tcp://127.0.0.1:5001' },
    { listen: 'tcp://127.0.0.1:5001', to: 'tcp://127.0.0.1:5002' },
    { listen: 'tcp://127.0.0.1:5001', to: 'vsock://any:5000' },
    { listen: 'tcp://127.0.0.1:99999', to },
    { listen: 'unix://relative', to },
    { vsockCid: 'parent' },
  ]
  for (const words of nonsense)
    it(`are refused as ${JSON.stringify(words)}`, () => {
      expect(codeOf(() => endpointsOf(words))).to.equal('CONFIG_INVALID')
    })
})

describe('anchorhold bridge, as a process', function () {
  this.timeout(PROCESS_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'bridge-cli-'))
  let child: ChildProcess | undefined

  after(() => {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  it('says where it listens, and ends with exit code 0 on SIGTERM', async () => {
    const listen = `unix://${join(folder, 'bridge.sock')}`
    const words = ['scripts/anchorhold.ts', 'bridge', '--listen', listen, '--to', 'vsock://16:5000']
    child = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] })
    const [line] = (await once(createInterface({ input: child.stderr as NodeJS.ReadableStream }), 'line')) as [string]
    expect(JSON.parse(line)).to.include({ name: 'bridge', listen, msg: 'listening' })
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    expect((await gone)[0]).to.equal(0)
  })
})

/** Everything that comes until the other side ends or cuts. */
function collect(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((done) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    for (const end of ['end', 'close', 'error'] as const) socket.once(end, () => done(Buffer.concat(chunks)))
  })
}
