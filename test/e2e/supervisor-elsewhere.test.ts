import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { hostConfigOf } from '../../host/config.ts'
import type { Context } from '../../host/context.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { openLog } from '../../host/log.ts'
import { superviseEnclave } from '../../host/supervisor.ts'
import { until } from './pipeline-world.ts'

const WAIT_MS_MAX = 120_000

describe('a supervisor whose enclave the operator runs', function () {
  this.timeout(2 * WAIT_MS_MAX)
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elsewhere-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** Nobody listens at the endpoint: each run of the words leaves a letter. */
  async function lives(script: string, isEnough: () => boolean): Promise<void> {
    const words = [process.execPath, '-e', script, join(folder, 'runs')]
    const config = hostConfigOf(folder, {
      chainId: 1,
      anchor: `0x${'11'.repeat(20)}`,
      rpcUrls: ['http://127.0.0.1'],
      enclaveEndpoint: `unix://${join(folder, 'none.sock')}`,
      enclaveProcess: 'none',
      enclaveRestart: words,
    })
    const enclave = openEnclaveClient(config.enclaveEndpoint)
    const log = openLog({ level: 'silent', name: 'test' })
    const supervisor = superviseEnclave({ config, enclave, log, now: Date.now } as unknown as Context)
    await until('the words were run', async () => (isEnough() ? true : undefined), WAIT_MS_MAX)
    await supervisor.stop()
    enclave.close()
  }
  const runs = () => (existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').length : 0)

  it('starts it anew by the operator’s own words where nothing answers', () =>
    lives("require('fs').appendFileSync(process.argv[1], 'x')", () => runs() >= 1))

  it('tries again when the words fail, and ends when it is told to', () =>
    lives("require('fs').appendFileSync(process.argv[1], 'x'); process.exit(3)", () => runs() >= 2))

  it('refuses words that are none', () => {
    const settings = {
      chainId: 1,
      anchor: `0x${'11'.repeat(20)}`,
      rpcUrls: ['http://127.0.0.1'],
      enclaveEndpoint: 'tcp://h:1',
    }
    writeFileSync(join(folder, 'host.json'), '{}')
    expect(() => hostConfigOf(folder, { ...settings, enclaveRestart: [''] })).to.throw(/enclaveRestart/)
  })
})
