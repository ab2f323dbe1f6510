import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { assert } from 'chai'
import { main } from '../../auditor/main.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { addressOf, rebodied } from '../unit/auditor/log-builder.ts'
import { LINES, livedLedger, type Stage, writeTiles } from './auditor-stage.ts'
import { chainWorkshop } from './chain-harness.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'

describe('auditor: a ledger on the embedded chain', function () {
  this.timeout(120_000)
  const workshop = chainWorkshop()
  let stage: Stage
  let root: string
  let published: string
  let copies = 0

  before(async function () {
    if (!existsSync(ARTIFACT)) {
      process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
      return this.skip()
    }
    root = await mkdtemp(join(tmpdir(), 'anchorhold-audit-'))
    published = join(root, 'log')
    const chain = await workshop.start({ dataDir: await workshop.folder() })
    stage = await livedLedger(chain.url)
    await stage.publish(published)
    await writeFile(join(root, 'journal'), concatBytes(...stage.log.lines))
  })

  after(async () => {
    await workshop.clear()
    if (root !== undefined) await rm(root, { recursive: true, force: true })
  })

  type Texts = { [name: string]: string }
  type Told = {
    verdict: string
    code?: string
    findings: { code: string; subject: string; entry: number | null }[]
    notices: { code: string; subject: string }[]
  }

  async function audit(folder: string, ...words: string[]): Promise<{ exit: number; told: Told }> {
    let text = ''
    const say = (part: string): void => {
      text += part
    }
    const fixed = ['--rpc', stage.url, '--anchor', stage.anchor, '--log', folder, '--depth', '0', '--json']
    const exit = await main([...fixed, ...words], { out: say, err: say })
    return { exit, told: JSON.parse(text) as Told }
  }

  async function copyOf(change: (folder: string) => Promise<void>): Promise<string> {
    const folder = join(root, `copy-${copies++}`)
    await cp(published, folder, { recursive: true })
    await change(folder)
    return folder
  }

  /** The finding that names this subject, among those of an audit that must have some. */
  async function finds(folder: string, code: string, subject: string, ...words: string[]): Promise<void> {
    const { exit, told } = await audit(folder, ...words)
    const found = told.findings.map((finding) => `${finding.code} ${finding.subject}`)
    assert.equal(exit, 1, `${code} ${subject}`)
    assert.include(found, `${code} ${subject}`)
  }

  async function files(): Promise<string[]> {
    const names = await readdir(published, { recursive: true, withFileTypes: true })
    return names
      .filter((name) => name.isFile())
      .map((name) => join(name.parentPath, name.name).slice(published.length + 1))
      .sort()
  }

  it('finds nothing, with the journal too, and ends with 0', async () => {
    const { exit, told } = await audit(published, '--journal', join(root, 'journal'))
    assert.deepEqual(told.findings, [])
    assert.equal(exit, 0)
    assert.deepInclude(told as object, { format: 'anchorhold-audit/1', verdict: 'clean', sequence: 5, commits: 5 })
  })

  it('tells people the same, as a program of its own', async () => {
    const words = ['auditor/main.ts', '--rpc', stage.url, '--anchor', stage.anchor, '--log', published, '--depth', '0']
    const { stdout } = await promisify(execFile)(process.execPath, words)
    assert.match(stdout, /CLEAN/)
    assert.match(stdout, /5 commits, up to sequence 5/)
  })

  it('says that treasury is what came in less what was paid', async () => {
    const { told } = await audit(published)
    const { treasury, ledger } = told as unknown as { treasury: Texts; ledger: Texts }
    assert.equal(BigInt(treasury['fundedWei'] ?? ''), 20n * 10n ** 18n)
    assert.notEqual(treasury['outflowWei'], '0')
    assert.deepInclude(ledger as object, {
      paidWei: treasury['outflowWei'],
      reservedWei: '0',
      sequence: 5,
      head: stage.log.state.head,
    })
  })

  it('lists the payout that was skipped and the commit that never landed', async () => {
    const { told } = await audit(published)
    const notices = told.notices.map(({ code, subject }) => `${code} ${subject}`)
    assert.include(notices, 'PAYOUT_SKIPPED sequence 3 payout 4')
    assert.include(notices, 'COMMIT_VOID sequence 4')
  })

  it('audits as of an earlier sequence, and payments after one only', async () => {
    const { exit, told } = await audit(published, '--at', '2')
    assert.equal(exit, 0)
    assert.deepInclude(told as object, { sequence: 2, commits: 2 })
    const late = await audit(published, '--since', '4')
    assert.equal(late.exit, 0)
    // What was not looked at is no stray.
    for (const { notices } of [told, late.told]) assert.notInclude(JSON.stringify(notices), 'STRAY_TICKET')
    for (const option of ['--at', '--since']) assert.equal((await audit(published, option, '99999')).exit, 2)
  })

  it('reads the same log from a web address', async () => {
    const server = createServer((request, response) => {
      readFile(join(published, request.url ?? '')).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      )
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as { port: number }
    const { exit } = await audit(`http://127.0.0.1:${port}/`)
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    assert.equal(exit, 0)
  })

  it('names the file of one flipped byte: every tile and bundle, at four places', async () => {
    const paths = (await files()).filter((path) => path !== 'checkpoint')
    assert.isAtLeast(paths.length, 7)
    for (const path of paths) {
      const bytes = await readFile(join(published, path))
      for (const at of [0, 1, bytes.length >> 1, bytes.length - 1]) {
        const folder = await copyOf(async (copy) => {
          const flipped = Buffer.from(bytes)
          flipped[at] = (flipped[at] as number) ^ 0x10
          await writeFile(join(copy, path), flipped)
        })
        await finds(folder, path.includes('entries') ? 'LOG_BUNDLE' : 'LOG_TILE', path)
        await rm(folder, { recursive: true })
      }
    }
  })

  it('names a file that is missing', async () => {
    for (const path of await files()) {
      await finds(await copyOf((copy) => rm(join(copy, path))), 'LOG_FILE_MISSING', path)
    }
  })

  it('refuses a checkpoint with one flipped character, another key, or a size that is not anchored', async () => {
    const text = await readFile(join(published, 'checkpoint'), 'utf8')
    const withText = (other: string) => copyOf((copy) => writeFile(join(copy, 'checkpoint'), other))
    await finds(await withText(text.replace('anchorhold/', 'anchorhole/')), 'CHECKPOINT_SYNTAX', 'checkpoint')
    await finds(await withText('nothing'), 'CHECKPOINT_SYNTAX', 'checkpoint')
    const lines = text.split('\n')
    const signature = lines[4] as string
    const flipped = signature.slice(0, -6) + (signature.at(-6) === 'A' ? 'B' : 'A') + signature.slice(-5)
    await finds(await withText(text.replace(signature, flipped)), 'CHECKPOINT_SIGNATURE', 'checkpoint')
    await finds(
      await withText(text.replace(`\n${lines[1]}\n`, `\n${Number(lines[1]) - 1}\n`)),
      'CHECKPOINT_UNANCHORED',
      'checkpoint',
    )
  })

  it('names the commit that a truncated log hides', async () => {
    const size = stage.header?.logSize as number
    const folder = await copyOf(async (copy) => {
      await rm(join(copy, 'tile'), { recursive: true })
      await writeTiles(copy, stage.log.entries.slice(0, size - 3))
      const text = await readFile(join(copy, 'checkpoint'), 'utf8')
      await writeFile(join(copy, 'checkpoint'), text.replace(`\n${size}\n`, `\n${size - 3}\n`))
    })
    await finds(folder, 'LOG_BEHIND', 'sequence 5')
  })

  it('names the commit after which a dropped or changed entry hides, even when every tile is written anew', async () => {
    const size = stage.header?.logSize as number
    const entries = stage.log.entries.slice(0, size)
    const rewritten = (other: readonly Uint8Array[]) =>
      copyOf(async (copy) => {
        await rm(join(copy, 'tile'), { recursive: true })
        await writeTiles(copy, other)
      })
    const at = LINES - 3
    const dropped = [...entries.slice(0, at), ...entries.slice(at + 1), entries[at] as Uint8Array]
    await finds(await rewritten(dropped), 'COMMIT_HEADER', 'sequence 1 logRoot')
    const changed = rebodied(entries, at, 'credit', (body) => ({ ...body, reason: 'another' }) as typeof body)
    await finds(await rewritten(changed), 'COMMIT_HEADER', 'sequence 1 logRoot')
  })

  it('names the journal line that was changed, dropped or never written', async () => {
    const lines = stage.log.lines.map((line) => Buffer.from(line))
    const withLines = async (other: readonly Uint8Array[]): Promise<string> => {
      const path = join(root, `journal-${copies++}`)
      await writeFile(path, concatBytes(...other))
      return path
    }
    const flipped = Buffer.from(lines[7] as Buffer)
    flipped[20] = (flipped[20] as number) ^ 1
    await finds(published, 'JOURNAL_HASH', 'line 7', '--journal', await withLines(lines.with(7, flipped)))
    await finds(published, 'JOURNAL_HASH', 'line 7', '--journal', await withLines(lines.toSpliced(7, 1)))
    const short = await withLines(lines.slice(0, -1))
    await finds(published, 'JOURNAL_SHORT', short, '--journal', short)
    const longer = await withLines([...lines, Buffer.from('later\n'), Buffer.from('half')])
    assert.equal((await audit(published, '--journal', longer)).exit, 0)
  })

  it('ends with 2 when it could not check', async () => {
    const words = (rpc: string, anchor: string) => ['--rpc', rpc, '--anchor', anchor, '--log', published, '--json']
    const quiet = { out: () => undefined, err: () => undefined }
    assert.equal(await main(words('http://127.0.0.1:1', stage.anchor), quiet), 2)
    assert.equal(await main(words(stage.url, addressOf(0x1234)), quiet), 2)
    assert.equal(await main(words(stage.url, 'nonsense'), quiet), 2)
    assert.equal((await audit(published, '--journal', join(root, 'none'))).told.code, 'JOURNAL_UNREADABLE')
  })
})
