import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const MOCHA = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js')

/** What a test leaves open, and the word under which the hook must name it. */
const LEAKS: readonly (readonly [what: string, word: string, code: string])[] = [
  ['a timer', 'Timeout', 'setTimeout(() => {}, 60_000)'],
  ['an interval', 'Timeout', 'setInterval(() => {}, 60_000)'],
  ['a listening server', 'TCPServerWrap', 'await new Promise((done) => createServer().listen(0, done))'],
  // cat ends with the pipe that feeds it, so the planted leak does not outlive the planted run.
  ['a child process', 'child process', "spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })"],
  ['a child process that it let go of', 'child process', 'letGo()'],
  ['a worker', 'worker', "new Worker('setInterval(() => {}, 1000)', { eval: true })"],
  ['a connected socket', 'TCPSocketWrap', 'leaveSocket()'],
]

const HONEST: readonly (readonly [what: string, code: string])[] = [
  [
    'closes its server',
    'const s = createServer(); await new Promise((d) => s.listen(0, d)); await new Promise((d) => s.close(d))',
  ],
  ['waits for its child', "await new Promise((done) => spawn('true').once('exit', done))"],
  ['ends its worker', "await new Worker('setInterval(() => {}, 1000)', { eval: true }).terminate()"],
  ['clears its timer', 'clearTimeout(setTimeout(() => {}, 60_000))'],
  ['fetches from a server that it then closes', 'await fetchOnce()'],
]

const HEAD = `
import { spawn } from 'node:child_process'
import { createServer, connect } from 'node:net'
import { createServer as createHttp } from 'node:http'
import { Worker } from 'node:worker_threads'
let server
const letGo = () => {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin.unref()
  child.unref()
}
const leaveSocket = async () => {
  server = createServer()
  await new Promise((done) => server.listen(0, done))
  await new Promise((done) => connect(server.address().port, done))
  server.close()
}
const fetchOnce = async () => {
  const http = createHttp((_request, response) => response.end('yes'))
  await new Promise((done) => http.listen(0, done))
  await (await fetch('http://127.0.0.1:' + http.address().port)).text()
  await new Promise((done) => { http.close(done); http.closeAllConnections() })
}
`

describe('the leak hook', function () {
  this.timeout(300_000)
  let folder = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'leaks-'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  for (const [what, word, code] of LEAKS) {
    it(`fails a suite that leaves ${what} behind`, () => {
      const { status, report } = runPlanted(folder, code)
      expect(status).to.equal(1)
      expect(report).to.match(new RegExp(`left open: .*${word}`))
    })
  }

  for (const [what, code] of HONEST) {
    it(`lets a suite pass that ${what}`, () => {
      const { status, report } = runPlanted(folder, code)
      expect(status, report).to.equal(0)
    })
  }

  it('lets what a suite opens in before and closes in after pass', () => {
    const body = `let s
      before((done) => { s = createServer().listen(0, done) })
      after((done) => { s.close(done) })`
    expect(runPlanted(folder, '', body).status).to.equal(0)
  })
})

function runPlanted(folder: string, code: string, body = ''): { status: number | null; report: string } {
  const file = join(folder, 'planted.test.mjs')
  writeFileSync(file, `${HEAD}\ndescribe('planted', () => {\n${body}\nit('does it', async () => { ${code} })\n})\n`)
  // --exit: the planted leak must not keep the run itself alive.
  const words = [MOCHA, '--config', join(ROOT, '.mocharc.json'), '--extension', 'mjs', '--exit', file]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' })
  return { status, report: stdout + stderr }
}
