import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { generateJournal } from '../../scripts/journal/generate.ts'
import { typed } from './cli-run.ts'
import { verdictUnder } from './development-documents.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'scripts', 'start', 'main.ts')
const RUN_MS_MAX = 600_000
const POLL_MS = 100
const ASK_MS = 1_000
const VECTOR = join(import.meta.dirname, '..', 'vectors', 'attestation-development.json')

type Run = { readonly child: ChildProcess; out: string; err: string; readonly ended: Promise<number | null> }

function start(...words: string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const run: Run = { child, out: '', err: '', ended: once(child, 'close').then(([code]) => code as number | null) }
  child.stdout.on('data', (chunk: Buffer) => (run.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (run.err += chunk.toString()))
  return run
}

async function says(run: Run, text: RegExp): Promise<void> {
  for (const endAtMs = Date.now() + RUN_MS_MAX; Date.now() < endAtMs; await sleep(POLL_MS)) {
    if (text.test(run.out)) return
    if (run.child.exitCode !== null) break
  }
  throw new Error(`expected ${text}, got:\n${run.out}\n${run.err}`)
}

async function refusal(...words: string[]): Promise<string> {
  const run = start(...words)
  expect(await run.ended, run.out).to.equal(1)
  expect(run.err.trim().split('\n'), run.err).to.have.length(1)
  return run.err.split(':')[0] ?? ''
}

/** Processes that a start has begun, found by its process id and by the data folder in their command lines. */
function processesOf(dataDir: string): number[] {
  const mine = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return mine.map(Number).filter((pid) => commandLine(pid).includes(dataDir))
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

async function nobodyLeft(dataDir: string): Promise<number[]> {
  for (let poll = 0; poll < 300 && processesOf(dataDir).length > 0; poll++) await sleep(POLL_MS)
  return processesOf(dataDir)
}

/** Its own look may not have found the enclave yet. */
async function documentAt(url: string): Promise<Uint8Array> {
  for (const endAtMs = Date.now() + RUN_MS_MAX; Date.now() < endAtMs; await sleep(ASK_MS)) {
    const answer = await fetch(url)
    if (answer.status === 200)
      return new Uint8Array(Buffer.from(((await answer.json()) as { document_b64: string }).document_b64, 'base64'))
  }
  throw new Error(`expected a document at ${url}`)
}

/** What `attest verify` says of the document at `url`: it knows one root. */
async function codeUnderAws(url: string): Promise<string> {
  const { measurements } = JSON.parse(readFileSync(VECTOR, 'utf8')) as { measurements: unknown }
  const file = join(mkdtempSync(join(tmpdir(), 'anchorhold-images-')), 'measurements.json')
  writeFileSync(file, JSON.stringify(measurements))
  const { code, out } = await typed([
    'attest',
    'verify',
    '--url',
    url,
    '--nonce',
    'auto',
    '--measurements',
    file,
    '--json',
  ])
  rmSync(dirname(file), { recursive: true })
  return code === 1 ? (JSON.parse(out) as { code: string }).code : `exit ${code}`
}

function linesRead(out: string): number {
  return Number((/lines read\s+│\s+([\d,]+)/.exec(out)?.[1] ?? '-1').replaceAll(',', ''))
}

describe('npm start', function () {
  this.timeout(RUN_MS_MAX)
  const root = mkdtempSync(join(tmpdir(), 'anchorhold-start-'))
  const data = join(root, 'data')
  const journal = join(root, 'journal.log')
  const lines = [...generateJournal({ seed: 3, lines: 500 })]
  const own = ['--data', data, '--journal', journal]

  before(function () {
    if (process.platform !== 'linux') {
      process.stdout.write('      skipped: looks for processes under /proc, which this system does not have\n')
      this.skip()
    }
    writeFileSync(journal, Buffer.concat(lines.slice(0, 300)))
  })

  after(() => {
    for (const pid of processesOf(root)) process.kill(pid, 'SIGKILL')
    rmSync(root, { recursive: true, force: true })
  })

  it('refuses a journal that was paid from before, an unreadable one and an unknown option, each in one line', async () => {
    const paid = join(root, 'paid.log')
    const line = {
      timestamp: 'x',
      event: 'set_balance',
      orchestrator_id: 'a',
      amount: '0',
      balance: '0',
      reason: 'payout',
    }
    writeFileSync(paid, `${JSON.stringify(line)}\n`)
    const elsewhere = join(root, 'elsewhere')
    expect(await refusal('--once', '--data', elsewhere, '--journal', paid)).to.equal('JOURNAL_HAS_HISTORY')
    expect(await refusal('--once', '--data', elsewhere, '--journal', join(root, 'none'))).to.equal('JOURNAL_UNREADABLE')
    expect(await refusal('--nosuch')).to.equal('CONFIG_INVALID')
    expect(await refusal('--once', '--data', join(paid, 'below'), '--journal', paid)).to.equal('CONFIG_INVALID')
  })

  it('refuses a taken port before it starts or makes anything', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    expect(await refusal('--data', join(root, 'untouched'), '--port', String(port))).to.equal('PORT_BUSY')
    expect(existsSync(join(root, 'untouched'))).to.equal(false)
    server.close()
  })

  it("pays a journal of one's own, refuses every attack on its copies, and leaves no process behind", async () => {
    const run = start('--once', ...own, '--demo-recipients')
    expect(await run.ended, run.out + run.err).to.equal(0)
    expect(run.out).to.match(/all of \d+ comparisons hold/)
    expect(run.out.match(/refused, 0 wei lost/g)).to.have.length(5)
    expect(linesRead(run.out)).to.equal(300)
    expect(await nobodyLeft(data)).to.deep.equal([])
  })

  it('goes on where it stopped after every process was killed with SIGKILL at once', async () => {
    appendFileSync(journal, Buffer.concat(lines.slice(300, 400)))
    const killed = start('--once', ...own)
    await says(killed, /workers/)
    await sleep(1_500)
    for (const pid of processesOf(data)) process.kill(pid, 'SIGKILL')
    await killed.ended
    const run = start('--once', ...own)
    expect(await run.ended, run.out + run.err).to.equal(0)
    expect(linesRead(run.out)).to.equal(400)
    expect(run.out).to.match(/all of \d+ comparisons hold/)
  })

  it('stays up with status and documents until it is interrupted, and lets no second start into its folder', async () => {
    appendFileSync(journal, Buffer.concat(lines.slice(400)))
    const port = await freePort()
    const run = start(...own, '--port', String(port))
    await says(run, /workers/)
    expect(await refusal('--once', ...own)).to.equal('DATA_LOCKED')
    await says(run, /Ctrl-C ends it/)
    const status = (await (await fetch(`http://127.0.0.1:${port}/api/status`)).json()) as { state: string }
    expect(status.state).to.equal('reconciled')
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).to.match(/sequence \d+/)
    const url = `http://127.0.0.1:${port}/api/tee/core/attestation`
    const nonce = randomBytes(32)
    const rootFile = join(data, 'keys', 'development-root')
    expect(verdictUnder(rootFile, await documentAt(`${url}?nonce=${nonce.toString('hex')}`), nonce)).to.equal(
      'accepted',
    )
    expect(await codeUnderAws(url)).to.equal('ATTESTATION_ROOT')
    run.child.kill('SIGINT')
    expect(await run.ended).to.equal(0)
    expect(await nobodyLeft(data)).to.deep.equal([])
    expect(linesRead(run.out)).to.equal(500)
  })

  it('refuses another journal, and one that was cut, as a fork', async () => {
    const other = join(root, 'other.log')
    writeFileSync(other, Buffer.concat([...generateJournal({ seed: 4, lines: 600 })]))
    expect(await refusal('--once', '--data', data, '--journal', other)).to.equal('JOURNAL_FORK')
    writeFileSync(other, Buffer.concat(lines.slice(0, 499)))
    expect(await refusal('--once', '--data', data, '--journal', other)).to.equal('JOURNAL_FORK')
  })

  it('says so when the chain is older than the ledger, and moves the old data aside only when told', async () => {
    renameSync(join(data, 'chain'), join(root, 'chain'))
    expect(await refusal('--once', ...own)).to.equal('CHAIN_BEHIND')
    const run = start('--once', ...own, '--fresh')
    await says(run, /the old data are in/)
    run.child.kill('SIGTERM')
    expect(await run.ended).to.equal(130)
    const aside = readdirSync(dirname(data)).filter((name) => name.startsWith(`${basename(data)}.aside-`))
    expect(aside).to.have.length(1)
    expect(existsSync(join(root, aside[0] ?? '', 'keys', 'keys.json'))).to.equal(true)
    expect(existsSync(join(data, 'keys', 'keys.json'))).to.equal(false)
    expect(await nobodyLeft(data)).to.deep.equal([])
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
