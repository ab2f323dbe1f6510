import { expect } from 'chai'
import { nextJournalHead } from '../../../../../enclave/core/journal.ts'
import { isCoded } from '../../../../../enclave/protocol/errors.ts'
import { fromHex, type Hash, toHash, ZERO_HASH } from '../../../../../enclave/protocol/ids.ts'
import { type FileFacts, newComparison, type Past } from '../../../../../scripts/cli/journal/past.ts'
import { planPadding } from '../../../../../scripts/cli/journal/plan.ts'

const hashOf = (number: number) => `0x${number.toString(16).padStart(64, '0')}` as Hash
const hashesOf = (from: number, count: number) => Array.from({ length: count }, (_, at) => hashOf(from + at))
/** By the enclave's own rule, not by the one under test. */
const headOf = (hashes: readonly Hash[]): Hash =>
  toHash(hashes.reduce((head: Uint8Array, hash) => nextJournalHead(head, fromHex(hash)), fromHex(ZERO_HASH)))

const READ = hashesOf(1, 10)
const PAST: Past = {
  size: 10,
  head: headOf(READ),
  start: { size: 0, head: ZERO_HASH },
  firstLine: 0,
  hashes: READ,
}

function factsOf(hashes: readonly Hash[], { past = PAST, partialBytes = 0 } = {}): FileFacts {
  const comparison = newComparison(past)
  for (const hash of hashes) comparison.take(hash)
  return { ...comparison.facts(), partialBytes }
}

function refused(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch (error) {
    return isCoded(error, 'JOURNAL_FORK')
  }
}

describe('the place of fillers in a journal', () => {
  it('is nowhere while the file leads to the ledger’s head, lines that wait included', () => {
    expect(planPadding(PAST, factsOf(READ), undefined).kind).to.equal('none')
    expect(planPadding(PAST, factsOf([...READ, hashOf(99)]), undefined).kind).to.equal('none')
    expect(factsOf(READ)).to.include({ lines: 10, agrees: 10, headAtSize: PAST.head })
  })

  it('is the end of a file that was shortened, a line that was cut being one of them', () => {
    for (let kept = 0; kept < READ.length; kept++) {
      const hashes = READ.slice(0, kept)
      expect(planPadding(PAST, factsOf(hashes), undefined)).to.deep.equal({
        kind: 'append',
        from: kept,
        count: 10 - kept,
      })
      const cut = planPadding(PAST, factsOf(hashes, { partialBytes: 7 }), undefined)
      expect(cut).to.deep.equal({ kind: 'append', from: kept + 1, count: 9 - kept })
    }
  })

  it('is not guessed where any other line stands in the file', () => {
    for (let at = 0; at < 5; at++) {
      const hashes = READ.slice(0, 5).with(at, hashOf(99))
      expect(factsOf(hashes).agrees).to.equal(at)
      expect(
        refused(() => planPadding(PAST, factsOf(hashes), undefined)),
        `line ${at}`,
      ).to.equal(true)
    }
    expect(refused(() => planPadding(PAST, factsOf(READ.with(3, hashOf(99))), undefined))).to.equal(true)
  })

  it('is before the lines that the operator calls fresh, and never before one that was read', () => {
    const facts = factsOf([...READ.slice(0, 3), hashOf(99), hashOf(98)])
    expect(planPadding(PAST, facts, 3)).to.deep.equal({ kind: 'insert', from: 3, count: 7 })
    expect(planPadding(PAST, facts, 4)).to.deep.equal({ kind: 'insert', from: 4, count: 6 })
    expect(planPadding(PAST, facts, 5)).to.deep.equal({ kind: 'append', from: 5, count: 5 })
    expect(refused(() => planPadding(PAST, facts, 2))).to.equal(true)
    expect(refused(() => planPadding(PAST, facts, 6))).to.equal(true)
  })

  it('is nowhere when as many lines as were read are there and the operator takes them for those', () => {
    const hashes = [...READ.with(3, hashOf(99)), hashOf(98)]
    expect(planPadding(PAST, factsOf(hashes), 10)).to.deep.equal({ kind: 'none', from: 10, count: 0 })
    expect(refused(() => planPadding(PAST, factsOf(hashes), 11))).to.equal(true)
  })

  it('rests on the head alone for lines before a reset, which are called read all together or not at all', () => {
    const salvaged = hashesOf(50, 4)
    const after = READ.slice(4)
    const past: Past = {
      ...PAST,
      head: headOf([...salvaged, ...after]),
      start: { size: 4, head: headOf(salvaged) },
    }
    expect(factsOf([...salvaged, ...after], { past })).to.include({ agrees: 10, headAtSize: past.head })
    expect(factsOf([...salvaged, ...after.slice(0, 2)], { past }).agrees).to.equal(6)
    expect(factsOf([...READ.slice(0, 4), ...after], { past }).agrees).to.equal(0)
    const short = factsOf(salvaged.slice(0, 3), { past })
    expect(short.agrees).to.equal(undefined)
    expect(refused(() => planPadding(past, short, undefined))).to.equal(true)
    expect(planPadding(past, short, 3)).to.deep.equal({ kind: 'append', from: 3, count: 7 })
  })

  it('counts lines from where the ledger’s own journal began', () => {
    const opened = hashesOf(80, 2)
    const past: Past = {
      ...PAST,
      size: 12,
      head: headOf([...opened, ...READ]),
      start: { size: 2, head: headOf(opened) },
      firstLine: 2,
    }
    expect(factsOf([...opened, ...READ.slice(0, 5)], { past }).agrees).to.equal(7)
    expect(factsOf([...opened, ...READ], { past })).to.include({ agrees: 12, headAtSize: past.head })
  })
})
