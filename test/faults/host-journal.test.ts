import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { toHash } from '../../enclave/protocol/ids.ts'
import { LINES_BYTES_MAX } from '../../enclave/protocol/methods.ts'
import { type JournalReader, openJournal, RECHECK_MS_MIN } from '../../host/journal.ts'
import { indexFile } from '../../host/journal-index.ts'

const sha256 = (...parts: Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

/** The chain over whole lines, written from the protocol page alone. */
function headOf(text: string): string {
  const lines = text.split(/(?<=\n)/).filter((line) => line.endsWith('\n'))
  return toHash(lines.reduce((head, line) => sha256(head, sha256(Buffer.from(line))), Buffer.alloc(32)))
}

describe('the journal under faults', function () {
  this.timeout(120_000)
  let root = ''
  let nowMs = 0
  const path = () => join(root, 'ledger-events.log')
  const open = () => openJournal(path(), indexFile(join(root, 'journal.index')), () => nowMs)
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `{"line":${from + at}}\n`).join('')
  const readAll = async (journal: JournalReader, from: number) => {
    const found: string[] = []
    await journal.seek(from)
    for (let batch = await journal.next(); batch !== undefined; batch = await journal.next()) {
      for (const line of batch.lines)
        found.push(line instanceof Uint8Array ? Buffer.from(line).toString() : `${line.bytes}`)
    }
    return found.join('')
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'host-journal-'))
    nowMs = 1_000_000
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('gives every whole line once and the head that the protocol asks for', async () => {
    writeFileSync(path(), lines(0, 500))
    const journal = open()
    expect(await readAll(journal, 0)).to.equal(lines(0, 500))
    expect(await journal.seek(500)).to.deep.equal({ kind: 'at', head: headOf(lines(0, 500)) })
    expect(await open().seek(321)).to.deep.equal({ kind: 'at', head: headOf(lines(0, 321)) })
  })

  it('gives no part of a line before its newline, wherever the write was cut', async () => {
    const text = lines(0, 2)
    for (let size = 0; size <= text.length; size++) {
      writeFileSync(path(), text.slice(0, size))
      const whole = text.slice(0, text.slice(0, size).lastIndexOf('\n') + 1)
      expect(await readAll(open(), 0), `cut at ${size}`).to.equal(whole)
    }
  })

  it('takes a journal that nobody has begun for an empty one', async () => {
    expect(await open().seek(0)).to.deep.equal({ kind: 'at', head: headOf('') })
    expect(await open().seek(1)).to.deep.equal({ kind: 'short', lines: 0 })
  })

  it('keeps a batch within lines and bytes', async () => {
    writeFileSync(path(), `${'x'.repeat(30_000)}\n`.repeat(20))
    const journal = open()
    await journal.seek(0)
    const batch = await journal.next()
    const size = (batch?.lines ?? []).reduce((sum, line) => sum + (line instanceof Uint8Array ? line.length : 0), 0)
    expect(size).to.be.within(LINES_BYTES_MAX - 30_001, LINES_BYTES_MAX)
    expect((await journal.next(3))?.lines).to.have.length(3)
  })

  const tampered: readonly (readonly [string, () => void])[] = [
    [
      'an old line was changed in place',
      () => writeFileSync(path(), readFileSync(path(), 'utf8').replace('"line":3}', '"line":4}')),
    ],
    [
      'two lines were swapped',
      () =>
        writeFileSync(path(), readFileSync(path(), 'utf8').replace('{"line":1}\n{"line":2}', '{"line":2}\n{"line":1}')),
    ],
    [
      'the file was rotated',
      () => {
        renameSync(path(), `${path()}.1`)
        writeFileSync(path(), lines(1_000, 2_000))
      },
    ],
    [
      'an old line was changed before new ones came',
      () => {
        writeFileSync(path(), readFileSync(path(), 'utf8').replace('"line":3}', '"line":4}'))
        appendFileSync(path(), lines(500, 600))
        nowMs += RECHECK_MS_MIN
      },
    ],
  ]
  for (const [title, tamper] of tampered) {
    it(`shows another head, and the lines between which it begins, when ${title}`, async () => {
      writeFileSync(path(), lines(0, 500))
      const journal = open()
      expect(await readAll(journal, 0)).to.have.length.above(0)
      tamper()
      utimesSync(path(), 1_700_000_000, 1_700_000_000)
      const place = await journal.seek(500)
      expect(place.kind === 'at' && place.head === headOf(lines(0, 500))).to.equal(false)
      const difference = await journal.difference()
      expect(difference?.fromLine).to.equal(0)
      expect(difference?.toLine).to.be.within(4, 64)
    })
  }

  it('shows a change made while nobody looked, by the index that an earlier process left', async () => {
    writeFileSync(path(), lines(0, 500))
    const journal = open()
    await readAll(journal, 0)
    await journal.close()
    writeFileSync(path(), readFileSync(path(), 'utf8').replace('"line":200}', '"line":999}'))
    expect(await open().difference()).to.deep.equal({ fromLine: 192, toLine: 256 })
  })

  it('says how many lines are left when the file was shortened or is gone', async () => {
    writeFileSync(path(), lines(0, 10))
    const journal = open()
    await readAll(journal, 0)
    truncateSync(path(), lines(0, 7).length + 3)
    expect(await journal.seek(10)).to.deep.equal({ kind: 'short', lines: 7 })
    unlinkSync(path())
    expect(await journal.seek(10)).to.deep.equal({ kind: 'short', lines: 0 })
  })

  it('reads the file anew when the index is damaged or lost', async () => {
    writeFileSync(path(), lines(0, 500))
    for (const damage of ['', '[[1,2', '[[64,1,"zz"]]', 'null']) {
      writeFileSync(join(root, 'journal.index'), damage)
      const journal = open()
      expect(await journal.seek(400), damage).to.deep.equal({ kind: 'at', head: headOf(lines(0, 400)) })
      expect(await journal.difference()).to.equal(undefined)
    }
  })

  it('goes on from its cursor in a file that the ledger accepts in place of the one that was read, also after a restart', async () => {
    writeFileSync(path(), lines(0, 500))
    const journal = open()
    await readAll(journal, 0)
    expect(journal.forget()).to.equal(false)
    await journal.close()
    const other = lines(0, 500).replace('"line":3}', '"line":4}')
    writeFileSync(path(), other)
    utimesSync(path(), 1_700_000_000, 1_700_000_000)
    expect(await journal.seek(500)).to.deep.equal({ kind: 'at', head: headOf(other) })
    expect(journal.forget()).to.equal(true)
    expect(await journal.seek(500)).to.deep.equal({ kind: 'at', head: headOf(other) })
    expect(await journal.difference()).to.equal(undefined)
    await journal.close()
    expect(await open().difference()).to.equal(undefined)
    appendFileSync(path(), lines(500, 501))
    expect(await readAll(open(), 500)).to.equal(lines(500, 501))
  })

  it('reads 100 MB in bounded memory', async () => {
    const line = `{"event":"credit","orchestrator_id":"orch","amount":"0.001","metadata":{"text":"${'y'.repeat(200)}"}}\n`
    const block = line.repeat(3_700)
    for (let written = 0; written < 100_000_000; written += block.length) appendFileSync(path(), block)
    const journal = open()
    const before = process.memoryUsage().rss
    const place = await journal.seek(300_000)
    expect(place.kind).to.equal('at')
    expect(process.memoryUsage().rss - before).to.be.below(150_000_000)
  })
})
