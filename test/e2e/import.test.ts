import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Address } from '../../enclave/protocol/ids.ts'
import { readOldState } from '../../scripts/import/blob.ts'
import { type Imported, type ImportOptions, importInstallation } from '../../scripts/import/import.ts'
import { anAddress, aPolicy } from '../builders/boot.ts'
import { codeOfCall, type Outcome } from '../builders/refusals.ts'
import { audit, type Ground, liveUntil, openGround, readGenesis } from './import-world.ts'
import { creditLine, OLD_KEY, payoutLine, sealedState } from './old-host.ts'
import { policyOf } from './pipeline-world.ts'

const VECTORS = join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'vectors', 'seed-vectors.json')
const [ALICE, BOB] = [anAddress(0xa11ce), anAddress(0xb0b)]
const E2E_MS_MAX = 120_000
/** More than a double holds. */
const ODD_WEI = 1_234_567_890_123_456_789n

/** Three earned and two paid, one earned and paid in full, one never paid: what is owed is 1.5, 0 and 0.25. */
const HISTORY = [
  creditLine('orch-a', '3', '3'),
  creditLine('orch-b', '1', '1'),
  payoutLine('orch-a', '2', '1'),
  payoutLine('orch-b', '1', '0'),
  creditLine('orch-c', '0.25', '0.25'),
  creditLine('orch-a', '0.5', '1.5'),
]
const LATER = creditLine('orch-b', '0.125', '0.125')

describe('anchorhold import', () => {
  let dir: string
  let options: ImportOptions
  const put = (name: string, text: string): string => {
    const path = join(dir, name)
    writeFileSync(path, text)
    return path
  }

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'import-'))
    const policy = put(
      'policy.json',
      JSON.stringify(aPolicy(), (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
    )
    const journal = put('ledger-events.log', HISTORY.join(''))
    const roster = put('roster.json', JSON.stringify({ 'orch-a': ALICE, 'orch-b': BOB }))
    options = { journal, roster, policy, nothingPending: true, out: join(dir, 'genesis.json') }
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  describe('from the journal', () => {
    it('opens each account with its last balance, and goes on behind the last line', async () => {
      const imported = await run(options)
      expect(imported).to.include({
        source: 'journal',
        sumWei: ether(7n, 4n),
        openings: 2,
        roster: 2,
        withoutRecipient: 1,
        payoutsInJournal: 2,
      })
      expect(imported.start).to.deep.equal({ lines: 6, head: headOf(HISTORY) })
      expect(readGenesis(options.out).openings).to.deep.equal([
        { id: 'orch-a', wei: ether(3n, 2n).toString(), recipient: null },
        { id: 'orch-c', wei: ether(1n, 4n).toString(), recipient: null },
      ])
    })

    it('leaves a last line without its newline to the new ledger', async () => {
      writeFileSync(options.journal as string, HISTORY.join('') + LATER.trimEnd())
      const imported = await run(options)
      expect([imported.start.lines, imported.unfinishedBytes]).to.deep.equal([6, LATER.length - 1])
      expect(imported.sumWei).to.equal(ether(7n, 4n))
    })

    it('demands a word about pending payouts, and refuses one that waits', async () => {
      const { nothingPending: _, ...silent } = options
      expect(await codeOfRun(silent)).to.equal('CONFIG_INVALID')
      const none = put('none.json', '{}')
      await run({ ...silent, pending: none })
      const waiting = put('waiting.json', '{"orch-a":{"tx_hash":"0x01","amount_eth":"1.5"}}')
      expect(await codeOfRun({ ...silent, pending: waiting, out: join(dir, 'second.json') })).to.equal('CONFIG_INVALID')
      expect(existsSync(join(dir, 'second.json'))).to.equal(false)
    })

    it('refuses an id whose last balance cannot be read, and takes it when a later line has one', async () => {
      const broken = creditLine('orch-c', '0.25', 'a quarter')
      const journal = put('broken.log', HISTORY.join('') + broken)
      expect(await codeOfRun({ ...options, journal })).to.equal('CONFIG_INVALID')
      writeFileSync(journal, HISTORY.join('') + broken + creditLine('orch-c', '0.25', '0.75'))
      expect((await run({ ...options, journal })).sumWei).to.equal(ether(9n, 4n))
    })

    it('refuses a negative balance, a journal that is not there, and a genesis file that is', async () => {
      const negative = put('negative.log', creditLine('orch-a', '-1', '-1'))
      expect(await codeOfRun({ ...options, journal: negative })).to.equal('CONFIG_INVALID')
      expect(await codeOfRun({ ...options, journal: join(dir, 'absent.log') })).to.equal('JOURNAL_UNREADABLE')
      const { out } = await run(options)
      const before = readFileSync(out)
      expect(await codeOfRun(options)).to.equal('CONFIG_INVALID')
      expect(readFileSync(out)).to.deep.equal(before)
    })
  })

  describe('from a sealed state', () => {
    const balances = { 'orch-a': { wei: ODD_WEI, recipient: ALICE }, 'orch-z': { wei: 0n, recipient: BOB } }
    let blob: string
    let keyFile: string
    beforeEach(() => {
      keyFile = put('core.key', `${OLD_KEY}\n`)
      blob = put('state.b64', sealedState({ balances, seen: HISTORY.slice(0, 5).map(eventId) }))
      options = { blob, keyFile, journal: options.journal as string, policy: options.policy, out: options.out }
    })

    it('keeps every digit of a balance beyond 2^53, and goes on behind the last credit that the core had seen', async () => {
      const imported = await run(options)
      expect(imported).to.include({
        source: 'sealed state',
        sumWei: ODD_WEI,
        openings: 1,
        roster: 1,
        withoutRecipient: 0,
      })
      expect(imported.start).to.deep.equal({ lines: 5, head: headOf(HISTORY.slice(0, 5)) })
      expect(readGenesis(options.out).openings).to.deep.equal([
        { id: 'orch-a', wei: ODD_WEI.toString(), recipient: ALICE },
      ])
    })

    it('reads the state of the old core’s own vector', function () {
      if (!existsSync(VECTORS)) {
        process.stdout.write('      not run: the shared vectors of the old formats are not beside this checkout\n')
        return this.skip()
      }
      const { sealed_state: vector, core_private_key: key } = JSON.parse(readFileSync(VECTORS, 'utf8'))
      const state = readOldState(put('vector.b64', vector.blob_b64), key)
      expect([...state.balances]).to.deep.equal([['orch-a', { wei: 100n, recipient: `0x${'33'.repeat(20)}` }]])
      expect([...state.pending, ...state.seen]).to.deep.equal(['delta-1', 'event-1', 'policy:test'])
    })

    it('refuses another key, each flipped byte at the edges of the parts, and a cut blob', async () => {
      const other = put('other.key', `0x${'5b'.repeat(32)}`)
      expect(await codeOfRun({ ...options, keyFile: other })).to.equal('CONFIG_INVALID')
      const bytes = Buffer.from(readFileSync(blob, 'utf8'), 'base64')
      for (const at of [0, 11, 12, bytes.length - 17, bytes.length - 16, bytes.length - 1]) {
        const flipped = Buffer.from(bytes)
        flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at)
        expect(
          await codeOfRun({ ...options, blob: put('flipped.b64', flipped.toString('base64')) }),
          `byte ${at}`,
        ).to.equal('CONFIG_INVALID')
      }
      expect(await codeOfRun({ ...options, blob: put('cut.b64', bytes.subarray(0, 27).toString('base64')) })).to.equal(
        'CONFIG_INVALID',
      )
    })

    it('refuses a payout that is pending in the state itself', async () => {
      const pending = { [`0x${'cd'.repeat(32)}`]: 'orch-a' }
      writeFileSync(blob, sealedState({ balances, pending, seen: HISTORY.slice(0, 5).map(eventId) }))
      expect(await codeOfRun(options)).to.equal('CONFIG_INVALID')
    })

    it('refuses a journal with a credit that the state skipped, and a journal of another installation', async () => {
      const holed = [0, 4].map((at) => eventId(HISTORY[at] as string))
      writeFileSync(blob, sealedState({ balances, seen: holed }))
      expect(await codeOfRun(options)).to.equal('CONFIG_INVALID')
      writeFileSync(blob, sealedState({ balances, seen: ['workload:w-1'] }))
      expect(await codeOfRun(options)).to.equal('CONFIG_INVALID')
      expect((await run({ ...options, wholeJournal: true })).start.lines).to.equal(HISTORY.length)
    })

    it('refuses a roster that sends an account’s money elsewhere', async () => {
      const roster = put('other-roster.json', JSON.stringify({ 'orch-a': BOB }))
      expect(await codeOfRun({ ...options, roster })).to.equal('RECIPIENT_MISMATCH')
    })
  })

  describe('end to end', function () {
    this.timeout(E2E_MS_MAX)
    let ground: Ground
    afterEach(async () => ground.chain.stop())

    it('pays of a journal with a paid history only what is still owed, and what comes later', async () => {
      const home = join(dir, 'data')
      mkdirSync(join(home, 'journal'), { recursive: true })
      const journal = join(home, 'journal', 'ledger-events.log')
      writeFileSync(journal, HISTORY.join(''))
      ground = await openGround(home, [ALICE, BOB] as Address[])
      const policy = put(
        'live-policy.json',
        JSON.stringify({ ...policyOf(ground.deployment), payoutWeiMax: '2000000000000000000' }),
      )
      const imported = await run({ ...options, journal, policy, out: join(home, 'genesis.json') })
      writeFileSync(journal, HISTORY.join('') + LATER)
      const owedWei = ether(3n, 2n) + ether(1n, 8n)
      const ledger = await liveUntil(
        ground,
        imported.genesisHash,
        ether(2n, 1n),
        ({ paidWei, journalSize }) => paidWei >= owedWei && journalSize === 7,
      )
      expect([ledger.paidWei, ledger.creditedWei]).to.deep.equal([owedWei, ether(15n, 8n)])
      const report = await audit(ground, journal)
      expect([report.verdict, report.findings]).to.deep.equal(['clean', []])
      expect(report.ledger).to.include({
        openings: 2,
        openingsWei: imported.sumWei.toString(),
        paidWei: owedWei.toString(),
      })
      expect(report.treasury?.outflowWei).to.equal(owedWei.toString())
    })
  })
})

function codeOfRun(options: ImportOptions): Promise<Outcome> {
  return codeOfCall(run(options))
}

function run(options: ImportOptions): Promise<Imported> {
  return importInstallation(options, {})
}

function ether(numerator: bigint, denominator: bigint): bigint {
  return (numerator * 10n ** 18n) / denominator
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

function eventId(line: string): string {
  return `ledger:${sha256(Buffer.from(line)).toString('hex')}`
}

function headOf(lines: readonly string[]): string {
  const head = lines.reduce<Buffer>((before, line) => sha256(before, sha256(Buffer.from(line))), Buffer.alloc(32))
  return `0x${head.toString('hex')}`
}
