import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { openControl } from '../../host/control.ts'
import { FrameLog } from '../../host/frame-log.ts'
import { openOutbox } from '../../host/outbox.ts'
import { pathsOf } from '../../host/paths.ts'
import { codeOfCall } from '../builders/refusals.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}` as Hash

describe('files of the host under faults', function () {
  this.timeout(120_000)
  let root = ''
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'host-files-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  describe('a log of numbered frames', () => {
    const logs: FrameLog[] = []
    const openLog = (first = 5) => {
      const log = new FrameLog(join(root, 'x.log'), first)
      logs.push(log)
      return log
    }
    afterEach(async () => {
      for (const log of logs.splice(0)) await log.close()
    })
    const payloads = ['one', 'two', 'three'].map((text) => new Uint8Array(Buffer.from(text)))
    const fill = async (log: FrameLog) => {
      for (const [at, payload] of payloads.entries()) await log.write(5 + at, payload)
    }
    const texts = async (log: FrameLog) => {
      const found: string[] = []
      for await (const payload of log.read(5, log.next)) found.push(Buffer.from(payload).toString())
      return found
    }

    it('reads back in another process what one wrote', async () => {
      await fill(openLog())
      const other = openLog()
      expect(await other.refresh()).to.equal(8)
      expect(await texts(other)).to.deep.equal(['one', 'two', 'three'])
    })

    it('holds each frame once when two writers write all of them in any order', async () => {
      const [left, right] = [openLog(), openLog()]
      await left.write(5, payloads[0] as Uint8Array)
      await fill(right)
      await fill(left)
      const size = statSync(join(root, 'x.log')).size
      const reader = openLog()
      await reader.refresh()
      expect(await texts(reader)).to.deep.equal(['one', 'two', 'three'])
      expect(size).to.equal('onetwothree'.length + 3 * 14)
    })

    it('drops a frame torn at any byte and takes it again', async () => {
      await fill(openLog())
      const whole = readFileSync(join(root, 'x.log'))
      const start = whole.length - ('three'.length + 14)
      for (let size = start; size < whole.length; size++) {
        writeFileSync(join(root, 'x.log'), whole.subarray(0, size))
        const log = openLog()
        expect(await log.refresh(), `cut at ${size}`).to.equal(7)
        await log.write(7, payloads[2] as Uint8Array)
        expect(readFileSync(join(root, 'x.log'))).to.deep.equal(whole)
      }
    })

    it('stops before a frame with a flipped bit, wherever it is', async () => {
      await fill(openLog())
      const whole = readFileSync(join(root, 'x.log'))
      const start = 'one'.length + 14
      for (let at = start; at < start + 'two'.length + 14; at++) {
        const bent = Buffer.from(whole)
        bent[at] = (bent[at] as number) ^ 1
        writeFileSync(join(root, 'x.log'), bent)
        expect(await openLog().refresh(), `byte ${at}`).to.equal(6)
      }
    })

    it('refuses a frame whose predecessor is missing', async () => {
      expect(await codeOfCall(openLog().write(6, new Uint8Array(1)))).to.equal('SEALED_STORE')
    })
  })

  describe('the outbox', () => {
    const id = { epoch: 3, sequence: 9 }
    const attempt = (digit: string) => ({
      kind: 'attempt' as const,
      hash: hash(digit),
      raw: '0x01',
      call: '0x02',
      accountNonce: 4,
      gas: 100,
      maxFeeWei: wei(7n),
      atMs: 1,
      header: hash('e'),
      logSize: null,
      payouts: [{ payoutId: 1, orchestratorId: 'orch-é', recipient: '0x', wei: wei(5n), skipped: false }],
    })
    const file = () => join(root, 'outbox', '000000000000003-000000000000009.log')

    it('keeps every attempt of a commit, an older one too, and counts a doubled one once', async () => {
      const outbox = openOutbox(pathsOf(root))
      for (const digit of ['1', '2', '1']) await outbox.append(id, attempt(digit))
      const story = await openOutbox(pathsOf(root)).read(id)
      expect(story.attempts.map((one) => one.hash)).to.deep.equal([hash('1'), hash('2')])
      expect(story.attempts[0]).to.deep.equal(attempt('1'))
    })

    it('sends nothing that was not made ready, and nothing that has reverted', async () => {
      const outbox = openOutbox(pathsOf(root))
      await outbox.append(id, attempt('1'))
      expect((await outbox.read(id)).live).to.equal(undefined)
      await outbox.append(id, { kind: 'ready', hash: hash('1'), atMs: 2 })
      expect((await outbox.read(id)).live?.hash).to.equal(hash('1'))
      await outbox.append(id, { kind: 'reverted', hash: hash('1'), atMs: 3 })
      expect((await outbox.read(id)).live).to.equal(undefined)
    })

    it('drops a record torn at any byte, and keeps those before and after it', async () => {
      const outbox = openOutbox(pathsOf(root))
      await outbox.append(id, attempt('1'))
      const start = statSync(file()).size
      await outbox.append(id, attempt('2'))
      const whole = readFileSync(file())
      for (let size = start; size < whole.length - 1; size += 7) {
        writeFileSync(file(), whole.subarray(0, size))
        await outbox.append(id, attempt('3'))
        const hashes = (await outbox.read(id)).attempts.map((one) => one.hash)
        expect(hashes, `cut at ${size}`).to.deep.equal([hash('1'), hash('3')])
      }
    })

    it('archives a final commit without losing a byte, however often', async () => {
      const outbox = openOutbox(pathsOf(root))
      await outbox.append(id, attempt('1'))
      const bytes = readFileSync(file())
      await Promise.all([outbox.archive(id), outbox.archive(id)])
      expect(await outbox.open()).to.deep.equal([])
      expect((await outbox.read(id)).attempts).to.have.length(1)
      expect(readFileSync(join(root, 'outbox', 'archive', '000000000000003-000000000000009.log'))).to.deep.equal(bytes)
    })

    it('keeps a line that came after the archiving with the rest of its story, and archives it too', async () => {
      const outbox = openOutbox(pathsOf(root))
      await outbox.append(id, attempt('1'))
      await outbox.archive(id)
      await outbox.append(id, { kind: 'settled', checkpoint: 'note', atMs: 3 })
      for (const open of [[id], []]) {
        expect(await outbox.open()).to.deep.equal(open)
        const { attempts, checkpoint } = await outbox.read(id)
        expect([attempts.length, checkpoint]).to.deep.equal([1, 'note'])
        await outbox.archive(id)
      }
    })

    it('finishes an archiving that a crash cut after the first of its two steps', async () => {
      const outbox = openOutbox(pathsOf(root))
      await outbox.append(id, attempt('1'))
      const bytes = readFileSync(file())
      mkdirSync(join(root, 'outbox', 'archive'))
      linkSync(file(), join(root, 'outbox', 'archive', '000000000000003-000000000000009.log'))
      await outbox.archive(id)
      expect(await outbox.open()).to.deep.equal([])
      expect(readFileSync(join(root, 'outbox', 'archive', '000000000000003-000000000000009.log'))).to.deep.equal(bytes)
    })

    it('lists open calls oldest first, openings among them, and no stray file', async () => {
      const outbox = openOutbox(pathsOf(root))
      for (const open of [
        { epoch: 10, sequence: 2 },
        { epoch: 9, sequence: 11 },
        { epoch: 10, sequence: null },
      ])
        await outbox.append(open, attempt('1'))
      appendFileSync(join(root, 'outbox', 'notes.txt'), 'x')
      expect(await outbox.open()).to.deep.equal([
        { epoch: 9, sequence: 11 },
        { epoch: 10, sequence: 2 },
        { epoch: 10, sequence: null },
      ])
    })
  })

  describe('control flags', () => {
    it('keep a stage still over a restart, until they are cleared, and log both acts', async () => {
      await openControl(pathsOf(root)).set('prepare', 'PAUSED', 'maintenance', 5)
      const control = openControl(pathsOf(root))
      expect((await control.flagOf('prepare'))?.reason).to.equal('maintenance')
      expect(await control.flagOf('ingest')).to.equal(undefined)
      await control.clear('prepare', 6)
      expect(await control.flags()).to.deep.equal([])
      const acts = readFileSync(join(root, 'control', 'operators.log'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).action)
      expect(acts).to.deep.equal(['stop', 'resume'])
    })

    it('refuse a stage that does not exist', async () => {
      expect(await codeOfCall(openControl(pathsOf(root)).set('../x', 'PAUSED', '', 1))).to.equal('CONFIG_INVALID')
    })
  })
})
