import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../../enclave/protocol/typed-data.ts'
import { parseEventLine } from '../../../reporter/event.ts'
import { readKey } from '../../../reporter/key.ts'
import { fitting } from '../../../reporter/messages.ts'
import { sendWaiting } from '../../../reporter/reporter.ts'
import { openStore } from '../../../reporter/store.ts'
import { audited } from '../../builders/boot.ts'
import { anEvent, aStage, events, KEY_TEXT, refusedWith, type Stage } from './reporter-stage.ts'

const SUITE_MS_MAX = 30_000

describe('a reporter', function () {
  this.timeout(SUITE_MS_MAX)
  let stage: Stage

  beforeEach(async () => {
    stage = await aStage()
  })
  afterEach(() => stage.close())

  const ledgerNext = () => stage.boot.call('reporter', { reporter: stage.key.address }).nextSeq
  const open = async () => stage.keep(await openStore(stage.path, owner()))
  const owner = () => ({ ledgerId: ledgerIdOf(stage.ledger), reporter: stage.key.address })

  describe('sends', () => {
    for (const form of ['single', 'batch'] as const) {
      it(`every event once by ${form} credits, however often it is told of it`, async () => {
        const reporting = await stage.reporting(form)
        await reporting.store.add(events(1, 150))
        expect(await sendWaiting(reporting)).to.deep.equal({ sent: 150, refused: [], nextSeq: 151 })
        await reporting.store.add(events(1, 160))
        expect(await sendWaiting(reporting)).to.deep.equal({ sent: 10, refused: [], nextSeq: 161 })
        const ledger = audited(stage.boot.entries)
        expect(ledger.creditedWei).to.equal(events(1, 160).reduce((sum, { amountWei }) => sum + amountWei, 0n))
      })
    }

    it('again what a rolled-back ledger lost, under the same numbers, and nothing is credited twice', async () => {
      const reporting = await stage.reporting()
      await reporting.store.add(events(1, 70))
      await sendWaiting(reporting)
      const [sealed, entries] = [[...stage.boot.sealed], [...stage.boot.entries]]
      await reporting.store.add(events(71, 90))
      await sendWaiting(reporting)
      stage.boot = stage.world.provisioned()
      stage.boot.load({ sealed, entries }, { head: ZERO_HASH, epoch: 1, bitmap: null })
      stage.boot.openSession(2)
      expect(ledgerNext()).to.equal(71)
      expect(await sendWaiting(reporting)).to.deep.equal({ sent: 20, refused: [], nextSeq: 91 })
      const ledger = audited(stage.boot.entries)
      expect(ledger.creditedWei).to.equal(events(1, 90).reduce((sum, { amountWei }) => sum + amountWei, 0n))
    })

    it('the same numbers again after an answer that was lost, which the ledger takes once', async () => {
      const reporting = await stage.reporting()
      await reporting.store.add(events(1, 10))
      const { door } = reporting
      const lossy = {
        ...door,
        creditBatch: (params: never) => door.creditBatch(params).then(() => Promise.reject(new Error('lost'))),
      }
      await sendWaiting({ ...reporting, door: lossy }).catch(() => undefined)
      await reporting.store.add(events(11, 12))
      expect(await sendWaiting(await stage.reporting())).to.deep.equal({ sent: 2, refused: [], nextSeq: 13 })
    })

    it('a later notAfter when the clock of the ledger is past the first', async () => {
      const reporting = await stage.reporting()
      await reporting.store.add(events(1, 3))
      stage.world.nowSeconds += 2 * 86_400
      const now = () => stage.world.nowSeconds - 2 * 86_400
      for (const form of ['single', 'batch'] as const) {
        await reporting.store.add(events(1, form === 'single' ? 3 : 6))
        expect((await sendWaiting({ ...reporting, form, now })).sent).to.equal(3)
      }
      await reporting.store.add(events(7, 7))
      const behind = () => stage.world.nowSeconds - 60 * 86_400
      expect(await refusedWith(sendWaiting({ ...reporting, now: behind }))).to.equal('SIGNATURE_EXPIRED')
    })

    it('what the ledger refuses once, and says by which code', async () => {
      const reporting = await stage.reporting()
      const other = `0x${'ee'.repeat(20)}`
      await reporting.store.add([anEvent(1), anEvent(2, { orchestratorId: 'orch-0', recipient: other }), anEvent(3)])
      const report = await sendWaiting(reporting)
      expect(report.refused).to.deep.equal([{ rseq: 2, code: 'RECIPIENT_MISMATCH' }])
      expect((await stage.reporting()).store.refusals).to.deep.equal(report.refused)
      expect((await sendWaiting(reporting)).sent).to.equal(0)
    })

    it('nothing to a ledger that does not name it', async () => {
      const reporting = await stage.reporting()
      const stranger = await readKey({ file: undefined, text: '22'.repeat(32) })
      await reporting.store.add(events(1, 1))
      expect(await refusedWith(sendWaiting({ ...reporting, key: stranger }))).to.equal('REPORTER_UNKNOWN')
    })

    it('nothing when the ledger counts further than its file, nor when it lost what was final', async () => {
      const reporting = await stage.reporting()
      await reporting.store.add(events(1, 5))
      const counting = (nextSeq: number) => ({
        ...reporting,
        door: {
          ...reporting.door,
          reporter: async () => ({ reporter: stage.key.address, named: true, nextSeq, creditedWei: 0n as never }),
        },
      })
      expect(await refusedWith(sendWaiting(counting(7)))).to.equal('REPORTER_COUNTER')
      await sendWaiting(reporting)
      await reporting.store.noteFinal(5)
      expect(await refusedWith(sendWaiting(counting(5)))).to.equal('REPORTER_COUNTER')
    })

    it('a receipt to nobody that is not for what it sent', async () => {
      for (const [at, form] of (['batch', 'single'] as const).entries()) {
        const reporting = await stage.reporting(form)
        await reporting.store.add(events(2 * at + 1, 2 * at + 1))
        await sendWaiting(reporting)
        await reporting.store.add(events(2 * at + 2, 2 * at + 2))
        const { door } = reporting
        // biome-ignore lint/suspicious/noExplicitAny: one receipt of another entry, as a host would slip it in.
        const slip = async (answer: Promise<any>) => {
          const result = await answer
          const [receipt] = result.receipts
          return { ...result, receipts: [{ ...receipt, leafHash: `0x${'ab'.repeat(32)}` }] }
        }
        const lying = {
          ...door,
          creditBatch: (p: never) => slip(door.creditBatch(p)),
          creditSigned: (p: never) => slip(door.creditSigned(p)),
        }
        expect(await refusedWith(sendWaiting({ ...reporting, door: lying }))).to.equal('RECEIPT_INVALID')
      }
    })
  })

  describe('keeps its file', () => {
    it('so that two processes at once never give one number to two events', async () => {
      const [one, two] = [await open(), await open()]
      await Promise.all([
        ...[1, 3, 5, 7].map((at) => one.add(events(at, at + 1))),
        ...[101, 103, 105].map((at) => two.add(events(at, at + 1))),
        two.add(events(1, 4)),
      ])
      const fresh = await open()
      expect(fresh.nextSeq).to.equal(15)
      const seen = fresh.at(1, 100)
      expect(seen?.kind === 'credits' && new Set(seen.events.map(({ eventId }) => eventId)).size).to.equal(14)
    })

    it('through a line that a crash tore, whose number goes to the next event', async () => {
      const store = await open()
      await store.add(events(1, 2))
      const whole = readFileSync(stage.path).length
      await store.add(events(3, 4))
      truncateSync(stage.path, whole + 40)
      const again = await open()
      expect(again.nextSeq).to.equal(3)
      expect((await again.add(events(9, 9))).numbers).to.deep.equal([3])
      expect((await open()).nextSeq).to.equal(4)
    })

    it('and refuses one eventId for two events', async () => {
      const store = await open()
      await store.add(events(1, 2))
      expect(await refusedWith(store.add([anEvent(3), anEvent(2, { amountWei: '7' })]))).to.equal('EVENT_INVALID')
      expect(await refusedWith(store.add([anEvent(4), anEvent(4, { amountWei: '7' })]))).to.equal('EVENT_INVALID')
      expect(store.nextSeq).to.equal(3)
    })

    it('apart from those of other reporters and ledgers', async () => {
      await open()
      const other = { ...owner(), reporter: `0x${'77'.repeat(20)}` as never }
      expect(await refusedWith(openStore(stage.path, other))).to.equal('REPORTER_STORE')
      expect(await refusedWith(openStore(stage.path, { ...owner(), ledgerId: ZERO_HASH }))).to.equal('REPORTER_STORE')
    })

    it('and stands still before a hole until somebody gives its numbers up', async () => {
      const reporting = await stage.reporting()
      for (const at of [1, 4, 7]) await reporting.store.add(events(at, at + 2))
      const lines = readFileSync(stage.path, 'utf8').split('\n')
      const damaged = lines.map((line) => (line.includes('"firstSeq":4') ? line.replace('event-5', 'event-6') : line))
      writeFileSync(stage.path, damaged.join('\n'))
      const hurt = await stage.reporting()
      expect(hurt.store.holes).to.deep.equal([{ fromSeq: 4, toSeq: 6 }])
      expect(await refusedWith(sendWaiting(hurt))).to.equal('REPORTER_STORE')
      expect(ledgerNext()).to.equal(4)
      expect(await hurt.store.giveUp(6)).to.deep.equal([{ fromSeq: 4, toSeq: 6 }])
      expect(await sendWaiting(hurt)).to.deep.equal({ sent: 3, refused: [], nextSeq: 10 })
      audited(stage.boot.entries)
    })

    it('and gives up numbers at its end that a lost file may have used', async () => {
      const reporting = await stage.reporting()
      await reporting.store.add(events(1, 2))
      await reporting.store.giveUp(9)
      await reporting.store.add(events(3, 3))
      expect(await sendWaiting(reporting)).to.deep.equal({ sent: 3, refused: [], nextSeq: 11 })
      expect(await refusedWith(reporting.store.giveUp(5))).to.equal('REPORTER_STORE')
    })

    it('and refuses a line with a right checksum that no version of ours wrote', async () => {
      await open()
      const { createHash } = await import('node:crypto')
      const text = '{"kind":"dance"}'
      const sum = createHash('sha256').update(text).digest('hex').slice(0, 16)
      appendFileSync(stage.path, `\n${sum} ${text}\n`)
      expect(await refusedWith(openStore(stage.path, owner()))).to.equal('REPORTER_STORE')
    })
  })

  describe('reads', () => {
    it('a key from a file of its owner alone, and says nothing of the key when it refuses', async () => {
      const path = join(stage.world.folder, 'key')
      writeFileSync(path, `${KEY_TEXT}\n`, { mode: 0o600 })
      expect((await readKey({ file: path, text: undefined })).address).to.equal(stage.key.address)
      const loose = join(stage.world.folder, 'loose')
      writeFileSync(loose, KEY_TEXT, { mode: 0o640 })
      const wrong = [
        { file: loose, text: undefined },
        { file: join(stage.world.folder, 'none'), text: KEY_TEXT },
        { file: undefined, text: undefined },
        { file: undefined, text: `${KEY_TEXT}11` },
        { file: undefined, text: '00'.repeat(32) },
        { file: undefined, text: 'ff'.repeat(32) },
      ]
      for (const place of wrong) {
        const error = await readKey(place).catch((reason: Error) => reason)
        expect(error).to.have.property('code', 'KEY_FILE')
        expect(String((error as Error).message)).to.not.match(/1111|ffff/)
      }
    })

    it('an amount in wei or in ether, and refuses a line with anything else wrong', () => {
      const line = { orchestratorId: 'a', amount: '0.5', eventId: 'e', workHash: ZERO_HASH }
      expect(parseEventLine(JSON.stringify(line), 1).amountWei).to.equal(5n * 10n ** 17n)
      const wrong: object[] = [
        { ...line, amountWei: '1' },
        { ...line, amount: undefined },
        { ...line, amount: '0' },
        { ...line, amount: '-1' },
        { ...line, amount: '1e30' },
        { ...line, eventId: '' },
        { ...line, eventId: 'e'.repeat(257) },
        { ...line, orchestratorId: 'é'.repeat(65) },
        { ...line, workHash: '0x00' },
        { ...line, recipient: '0x52908400098527886E0F7030069857D2E4169Ee7' },
        { ...line, more: 1 },
      ]
      for (const item of wrong)
        expect(() => parseEventLine(JSON.stringify(item), 7), JSON.stringify(item)).to.throw(/line 7/)
      expect(() => parseEventLine('{', 7)).to.throw(/line 7/)
    })
  })

  it('splits a batch before it has more credits or bytes than the enclave takes at once', () => {
    const small = Array.from({ length: 5_000 }, () => anEvent(1))
    expect(fitting(small, 'batch')).to.equal(4_096)
    expect(fitting(small, 'single')).to.equal(1_000)
    const long = anEvent(1, { orchestratorId: 'o'.repeat(128), eventId: 'e'.repeat(256) })
    const each = 200 + 128 + 256
    expect(
      fitting(
        Array.from({ length: 4_000 }, () => long),
        'batch',
      ),
    ).to.equal(Math.floor(1_000_000 / each))
  })
})
