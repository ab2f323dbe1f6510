import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Handle, listen } from '../../enclave/shell/transport.ts'
import { codeOfCall } from '../builders/refusals.ts'

const echo: Handle = async (request) => request

describe('an endpoint', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'endpoint-'))
  const path = join(folder, 'enclave.sock')
  after(() => rmSync(folder, { recursive: true }))

  it('of a Unix socket is for its owner alone, and is gone after close', async () => {
    const mask = process.umask()
    const listener = await listen(`unix://${path}`, echo)
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(process.umask()).to.equal(mask)
    await listener.close()
    expect(existsSync(path)).to.equal(false)
  })

  it('takes over the socket file that a crash left behind', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    await once(spawn(process.execPath, ['-e', script]), 'exit')
    expect(statSync(path).isSocket()).to.equal(true)
    await (await listen(`unix://${path}`, echo)).close()
  })

  it('is refused while somebody answers on it, and his socket stays', async () => {
    const other = createServer().listen(path)
    await once(other, 'listening')
    expect(await codeOfCall(listen(`unix://${path}`, echo))).to.equal('PORT_BUSY')
    expect(statSync(path).isSocket()).to.equal(true)
    other.close()
    await once(other, 'close')
  })

  it('is refused where another kind of file stands, which stays as it is', async () => {
    writeFileSync(path, 'precious')
    expect(await codeOfCall(listen(`unix://${path}`, echo))).to.equal('CONFIG_INVALID')
    expect(statSync(path).size).to.equal(8)
    rmSync(path)
  })

  it('is refused on a taken port and in a folder that does not exist', async () => {
    const listener = await listen('tcp://127.0.0.1:0', echo)
    expect(await codeOfCall(listen(listener.endpoint, echo))).to.equal('PORT_BUSY')
    await listener.close()
    expect(await codeOfCall(listen(`unix://${join(folder, 'none', 'x.sock')}`, echo))).to.equal('CONFIG_INVALID')
  })

  const malformed = [
    '',
    '/tmp/x.sock',
    'unix://x.sock',
    'unix:/x.sock',
    'tcp://127.0.0.1',
    'tcp://:1',
    'tcp://a:65536',
    'tcp://a:1/x',
    'http://a:1',
    'vsock://3',
    'vsock://parent:5000',
    'vsock://any:4294967295',
    'vsock://4294967296:5000',
    `unix:///${'x'.repeat(108)}`,
  ]
  for (const endpoint of malformed) {
    it(`is refused when written as "${endpoint.slice(0, 20)}"`, async () => {
      expect(await codeOfCall(listen(endpoint, echo))).to.equal('CONFIG_INVALID')
    })
  }
})
