import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { type Address, fromHex, type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import { leafHash, rootOf } from '../../../enclave/protocol/log-tree.ts'
import { tilePath } from '../../../enclave/protocol/tlog.ts'
import { concatBytes } from '../../../enclave/protocol/words.ts'
import { type ChainWord, isFinal, noteFinality } from '../../../reporter/finality.ts'
import { sendWaiting } from '../../../reporter/reporter.ts'
import type { ReporterStore, StoredReceipt } from '../../../reporter/store.ts'
import { openTiles } from '../../../reporter/tiles.ts'
import { aStage, events, type Stage } from './reporter-stage.ts'

const OTHER = `0x${'0b'.repeat(20)}` as Address

describe('a receipt of a reporter', () => {
  let stage: Stage
  let store: ReporterStore
  let session: Address
  let receipts: readonly StoredReceipt[]
  let last: StoredReceipt

  before(async () => {
    stage = await aStage()
    const reporting = await stage.reporting()
    store = reporting.store
    await store.add(events(1, 150))
    await sendWaiting(reporting)
    session = stage.boot.call('status', {}).session
    receipts = store.receipts()
    last = receipts.at(-1) as StoredReceipt
  })
  after(() => stage.close())

  /** An honest chain whose newest final commit covers `logSize` entries. */
  const chain = (logSize: number, over: Partial<ChainWord> = {}): ChainWord => ({
    sessionOf: async (epoch) => (epoch === 1 ? session : undefined),
    newestCommit: async (epoch) => (epoch === 1 ? { epoch, logSize, logRoot: toHash(root(logSize)) } : undefined),
    ...over,
  })
  const root = (size: number) => rootOf(stage.boot.entries.slice(0, size).map(leafHash))

  it('reaches the last number of its entry', () => {
    expect(receipts.map(({ throughSeq }) => throughSeq)).to.deep.equal([64, 128, 150])
  })

  it('is final when its own session committed past its place, and in no other case', async () => {
    expect(await isFinal(stage.ledger, last, chain(last.logIndex + 1), undefined)).to.equal(true)
    const signature = `0x${'01'.repeat(64)}1b`
    const wrong: readonly (readonly [StoredReceipt, ChainWord])[] = [
      [last, chain(last.logIndex)],
      [last, chain(last.logIndex + 1, { sessionOf: async () => OTHER })],
      [last, chain(last.logIndex + 1, { sessionOf: async () => undefined })],
      [last, chain(last.logIndex + 1, { newestCommit: async () => undefined })],
      [{ ...last, signature }, chain(last.logIndex + 1)],
      [{ ...last, logIndex: last.logIndex - 1 }, chain(last.logIndex + 1)],
      [{ ...last, leafHash: `0x${'ab'.repeat(32)}` as Hash }, chain(last.logIndex + 1)],
      [{ ...last, epoch: 2 }, chain(last.logIndex + 1)],
    ]
    for (const [receipt, word] of wrong) expect(await isFinal(stage.ledger, receipt, word, undefined)).to.equal(false)
  })

  it('of a session that never committed is final by inclusion in a later one’s log, and by nothing less', async () => {
    const size = stage.boot.entries.length
    const folder = join(stage.world.folder, 'audit')
    const tile = join(folder, tilePath({ kind: 'hashes', level: 0, index: 0, width: size }))
    mkdirSync(dirname(tile), { recursive: true })
    const hashes = stage.boot.entries.map(leafHash)
    writeFileSync(tile, concatBytes(...hashes))
    const later = (logRoot: Hash): ChainWord =>
      chain(size, {
        newestCommit: async (epoch) => (epoch === undefined ? { epoch: 2, logSize: size, logRoot } : undefined),
      })
    const honest = toHash(root(size))
    expect(await isFinal(stage.ledger, last, later(honest), openTiles(folder))).to.equal(true)
    expect(await isFinal(stage.ledger, last, later(honest), undefined)).to.equal(false)
    expect(await isFinal(stage.ledger, last, later(toHash(root(size - 1))), openTiles(folder))).to.equal(false)
    expect(await isFinal(stage.ledger, last, later(honest), openTiles(join(folder, 'none')))).to.equal(false)
    for (const at of [0, last.logIndex]) {
      const bent = fromHex(toHash(hashes[at] as Uint8Array))
      bent[0] = (bent[0] ?? 0) ^ 1
      writeFileSync(tile, concatBytes(...hashes.map((hash, index) => (index === at ? bent : hash))))
      // The leaf itself is the receipt's; a proof never reads it.
      expect(await isFinal(stage.ledger, last, later(honest), openTiles(folder))).to.equal(at === last.logIndex)
    }
  })

  it('lets the reporter forget all numbers up to its own, and no more', async () => {
    const second = receipts[1] as StoredReceipt
    expect(await noteFinality(stage.ledger, store, chain(second.logIndex), undefined)).to.equal(64)
    expect(await noteFinality(stage.ledger, store, chain(second.logIndex + 1), undefined)).to.equal(128)
    expect(store.at(128, 1)).to.equal(undefined)
    expect(store.at(129, 99)).to.have.nested.property('events.length', 22)
    expect((await stage.reporting()).store.finalSeq).to.equal(128)
    expect((await store.add(events(1, 150))).added).to.equal(0)
  })
})
