import { expect } from 'chai'
import { type Entry, encodeEntry } from '../../../enclave/protocol/entry.ts'
import { foldHead, type Header, headerHash, PROTOCOL_VERSION } from '../../../enclave/protocol/header.ts'
import { type Address, type Hash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import { isFinal, matches, STANDING_AT_GENESIS, standingAfter } from '../../../host/prefix.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}` as Hash
const address = `0x${'2'.repeat(40)}` as Address
const bits = (value: string) => `0x${value.padStart(64, '0')}` as Hash

function commit(sequence: number, prev: Hash): { entry: Entry; hash: Hash } {
  const header: Header = {
    version: 1,
    ledgerId: hash('9'),
    epoch: 1,
    sequence,
    prev,
    balanceRoot: hash('8'),
    treeDepth: 17,
    accounts: 1,
    logSize: 1,
    logRoot: hash('7'),
    creditedWei: wei(0n),
    paidWei: wei(0n),
    reservedWei: wei(0n),
    journalHead: hash('6'),
    journalSize: 0,
    policyVersion: 1,
    policyHash: hash('5'),
    imageDigest: ZERO_HASH,
  }
  return {
    entry: { v: PROTOCOL_VERSION, i: 3, at: 0, type: 'commit', body: { header, hash: headerHash(header) } },
    hash: headerHash(header),
  }
}

function reserve(sequence: number, count: number): Entry {
  const payouts = Array.from({ length: count }, (_, at) => ({
    payoutId: at + 1,
    account: at + 1,
    recipient: address,
    wei: wei(5n),
    kind: 'ticket' as const,
  }))
  return { v: PROTOCOL_VERSION, i: 2, at: 0, type: 'reserve', body: { sequence, payouts } }
}

const first = commit(1, ZERO_HASH)
const paying = standingAfter(STANDING_AT_GENESIS, [encodeEntry(reserve(1, 2)), encodeEntry(first.entry)])
const bare = standingAfter(STANDING_AT_GENESIS, [encodeEntry(first.entry)])
const claim = (head: Hash, bitmap: Hash | null = null) => ({ head, epoch: 1, bitmap })

describe('which stored prefix leads to a head', () => {
  it('takes a paying commit for landed under the folded head of its bitmap, and no other', () => {
    expect(matches(paying, claim(foldHead(first.hash, 3n), bits('3')))).to.deep.equal({ bitmap: bits('3') })
    expect(matches(paying, claim(foldHead(first.hash, 3n), bits('1')))).to.equal(undefined)
    expect(matches(paying, claim(foldHead(first.hash, 3n)))).to.equal(undefined)
    expect(matches(paying, claim(first.hash))).to.equal(undefined)
  })

  it('takes a bare commit for landed under its own hash', () => {
    expect(matches(bare, claim(first.hash))).to.deep.equal({ bitmap: null })
    expect(matches(bare, claim(foldHead(first.hash, 0n), bits('0')))).to.equal(undefined)
  })

  it('takes either for lost under the head before it', () => {
    for (const standing of [paying, bare]) expect(matches(standing, claim(ZERO_HASH))).to.deep.equal({ bitmap: null })
  })

  it('asks for the very head once the commit is settled or voided', () => {
    const head = foldHead(first.hash, 3n)
    const settle: Entry = {
      v: PROTOCOL_VERSION,
      i: 4,
      at: 0,
      type: 'settle',
      body: { sequence: 1, bitmap: bits('3'), head },
    }
    const settled = standingAfter(paying, [encodeEntry(settle)])
    expect(matches(settled, claim(head, bits('3')))).to.deep.equal({ bitmap: null })
    expect(matches(settled, claim(ZERO_HASH))).to.equal(undefined)
    const voided = standingAfter(paying, [
      encodeEntry({ v: PROTOCOL_VERSION, i: 4, at: 0, type: 'void', body: { sequence: 1, head: ZERO_HASH } }),
    ])
    expect(matches(voided, claim(ZERO_HASH))).to.deep.equal({ bitmap: null })
    expect(matches(voided, claim(head, bits('3')))).to.equal(undefined)
  })

  it('counts a prefix as final only when its last settlement and session are', () => {
    const settled = { ...STANDING_AT_GENESIS, settled: 4, epoch: 2 }
    expect(isFinal(settled, { sequence: 4, epoch: 2 })).to.equal(true)
    expect(isFinal(settled, { sequence: 3, epoch: 2 })).to.equal(false)
    expect(isFinal(settled, { sequence: 4, epoch: 1 })).to.equal(false)
  })

  it('reads on past entries that say nothing about the head', () => {
    const note: Entry = { v: PROTOCOL_VERSION, i: 9, at: 0, type: 'note', body: { text: 'commit' } }
    expect(standingAfter(paying, [encodeEntry(note)])).to.deep.equal(paying)
  })
})
