import { assert } from 'chai'
import { addAccount } from '../../../auditor/naive/ledger.ts'
import { accounts, expectedHeader, step, summary } from '../../../auditor/replay.ts'
import { type Entry, encodeEntry } from '../../../enclave/protocol/entry.ts'
import { PROTOCOL_VERSION } from '../../../enclave/protocol/header.ts'
import { ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { aFullLog, changed, decodedBody, indicesOf, LogBuilder } from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'

const full = aFullLog().entries
const [, commitPaid] = indicesOf(full, 'commit') as [number, number]
const credits = indicesOf(full, 'credit')
const [, creditB] = credits.slice(2) as [number, number]
const [adjust] = indicesOf(full, 'adjust') as [number]

describe('auditor: replay of an honest log', () => {
  it('finds nothing in a log with every entry of this generation', () => {
    assert.equal(firstFinding(full), 'clean')
  })

  it('ends with the balances that the log adds up to', () => {
    const [owner, a, b, c, d] = accounts(replayOf(full))
    assert.deepInclude(owner, { id: '', balanceWei: 0n })
    assert.deepInclude(a, {
      id: 'orch-a',
      creditedWei: 7n * 10n ** 17n,
      paidWei: 4n * 10n ** 17n,
      balanceWei: 3n * 10n ** 17n,
    })
    assert.deepInclude(b, { id: 'orch-b', creditedWei: 53_535_965_000n, paidWei: 0n, balanceWei: 53_535_965_000n })
    assert.deepInclude(c, { id: 'orch-c', balanceWei: 50n, recipient: ZERO_ADDRESS })
    assert.deepInclude(d, { id: 'orch-d', balanceWei: 10n ** 18n, recipient: ZERO_ADDRESS })
  })

  it('gives the header that the enclave signed, at the size it signed it for', () => {
    const replay = replayOf(full.slice(0, commitPaid))
    const replayed = expectedHeader(replay)?.hash
    step(replay, full[commitPaid] as Uint8Array, commitPaid)
    assert.equal(replayed, replay.ledger?.commits.at(-1)?.hash)
  })

  it('gives the same header twice at one size', () => {
    const replay = replayOf(full.slice(0, commitPaid))
    assert.deepEqual(expectedHeader(replay), expectedHeader(replay))
  })

  it('begins with 2^17 places, and adds a level when the tree is full', () => {
    const { ledger } = replayOf(full.slice(0, 1))
    if (ledger === null) throw new TypeError('expected a ledger')
    assert.equal(ledger.treeDepth, 17)
    ledger.treeDepth = 3
    while (ledger.accounts.length < 2 ** 3) addAccount(ledger, `o${ledger.accounts.length}`, ZERO_ADDRESS)
    assert.equal(ledger.treeDepth, 3)
    addAccount(ledger, 'one more', ZERO_ADDRESS)
    assert.equal(ledger.treeDepth, 4)
  })
})

describe('auditor: replay of a forged log', () => {
  it('refuses bytes that are no entry, and goes on', () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0xff), full[1]?.slice(0, -1) as Uint8Array]) {
      const forged = full.slice()
      forged[1] = bytes
      refuses(forged, 1, 'ENTRY_BYTES')
    }
  })

  it('refuses one flipped bit anywhere in any entry', () => {
    for (const [index, bytes] of full.entries()) {
      for (const at of [0, 1, bytes.length >> 1, bytes.length - 1]) {
        const flipped = bytes.slice()
        flipped[at] = (flipped[at] as number) ^ 1
        const forged = full.slice()
        forged[index] = flipped
        // The last header covers no entry after it: only its own bytes speak against a change there.
        const replay = replayOf(forged)
        const found = summary(replay).findings.length > 0 || summary(replay).logRoot !== summary(replayOf(full)).logRoot
        assert.isTrue(found, `entry ${index}, byte ${at}`)
      }
    }
  })

  it('refuses a dropped, a doubled and an exchanged entry', () => {
    const at = creditB
    refuses([...full.slice(0, at), ...full.slice(at + 1)], at, 'ENTRY_INDEX', 'i')
    refuses([...full.slice(0, at + 1), ...full.slice(at)], at + 1, 'ENTRY_INDEX', 'i')
    const exchanged = full.slice()
    exchanged.splice(at, 2, full[at + 1] as Uint8Array, full[at] as Uint8Array)
    refuses(exchanged, at, 'ENTRY_INDEX', 'i')
  })

  it('refuses an index that is not the place', () => {
    refuses(
      changed(full, 3, (entry) => ({ ...entry, i: 4 })),
      3,
      'ENTRY_INDEX',
      'i',
    )
  })

  it('refuses a clock that runs back, and takes one that stands still', () => {
    const later = (entry: Entry) => ({ ...entry, at: entry.at - 100 })
    refuses(changed(full, credits[2] as number, later), credits[2] as number, 'ENTRY_TIME', 'at')
    const last = full.length - 1
    assert.equal(firstFinding(changed(full, last, (entry) => ({ ...entry, at: entry.at - 1 }))), 'clean')
  })

  it('refuses an entry of a generation that it does not know, older or newer', () => {
    for (const v of [0, 1, PROTOCOL_VERSION + 1]) {
      refuses(
        changed(full, 5, (entry) => ({ ...entry, v })),
        5,
        'ENTRY_BYTES',
      )
    }
  })

  it('refuses anything before genesis, and a second genesis', () => {
    refuses(full.slice(1), 0, 'ENTRY_INDEX')
    const second = changed(full, adjust, (entry) => ({
      ...entry,
      type: 'genesis',
      body: decodedBody(full[0] as Uint8Array),
    }))
    refuses(second, adjust, 'ENTRY_ORDER', 'genesis')
  })

  it('takes a note, which changes nothing', () => {
    const log = new LogBuilder()
    const note = encodeEntry({ v: PROTOCOL_VERSION, i: 1, at: 1_763_600_000, type: 'note', body: { text: 'hello' } })
    assert.equal(firstFinding([...log.entries, note]), 'clean')
  })
})
