import { expect } from 'chai'
import fc from 'fast-check'
import { foldRoot, newForest, proofOf, setLeaf } from '../../../../enclave/core/balance-forest.ts'
import { dueAfter } from '../../../../enclave/core/due-index.ts'
import { closeHeader, leafFields } from '../../../../enclave/core/header-of.ts'
import { decodeSnapshot, encodeSnapshot } from '../../../../enclave/core/snapshot.ts'
import { SnapshotReader } from '../../../../enclave/core/snapshot-reader.ts'
import type { Account, State } from '../../../../enclave/core/state.ts'
import { creditAccount, openAccount, pinRecipient, touch } from '../../../../enclave/core/state.ts'
import { leafHash } from '../../../../enclave/protocol/balance-tree.ts'
import { decodeCbor, encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { installPureHashes } from '../../../../enclave/protocol/hash.ts'
import { PROTOCOL_VERSION } from '../../../../enclave/protocol/header.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../../enclave/protocol/money.ts'
import { concatBytes, utf8 } from '../../../../enclave/protocol/words.ts'
import { packRecords, unpackRecords } from '../../../../enclave/seal/record-file.ts'
import { installFastHashes } from '../../../../enclave/shell/fast-hashes.ts'
import { codeOf, type Outcome } from '../../../builders/refusals.ts'
import { addressOf, aPolicy, LogBuilder } from '../../auditor/log-builder.ts'

/** As docs/PROTOCOL.md has it, section 7. */
const ROW = { bytes: 102, flags: 1, recipient: 2, credited: 22, paid: 38, lastSeq: 70, failures: 78, regSeq: 94 }
const PARTS_MAX = 64

type Some = {
  readonly id: string
  readonly recipient: number
  readonly creditedWei: bigint
  readonly paidShare: bigint
  readonly failures: number
  readonly regSeq: number
  readonly waits: boolean
  /** What happens after the newest header. */
  readonly later: 'nothing' | 'credit' | 'recipient' | 'both'
}

const anAmount = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 96n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 70n }),
)

const aCounter = fc.oneof(fc.nat(3), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER))

const anAccount: fc.Arbitrary<Some> = fc.record({
  id: fc.oneof(
    fc.string({ minLength: 1, maxLength: 42 }),
    fc.string({ minLength: 1, maxLength: 30, unit: 'binary' }).filter((id) => utf8(id).length <= 128),
    fc.constantFrom('x'.repeat(128), '😀'.repeat(32), '\ufeffbom'),
  ),
  recipient: fc.nat(4),
  creditedWei: anAmount,
  paidShare: fc.bigInt({ min: 0n, max: 4n }),
  failures: aCounter,
  regSeq: aCounter,
  waits: fc.boolean(),
  later: fc.constantFrom('nothing', 'credit', 'recipient', 'both'),
})

/** A ledger whose newest header holds `held` in two headers' time, then changes, then `fresh` accounts. */
function aState(held: readonly Some[], fresh: readonly Some[] = []): State {
  const { state } = new LogBuilder({ policy: aPolicy({ accountsMax: 100_000 }) })
  const half = Math.ceil(held.length / 2)
  for (const [at, some] of held.entries()) {
    open(state, some)
    if (at + 1 === half) land(state)
  }
  land(state)
  for (const [at, some] of held.entries()) change(state, at + 1, some)
  for (const some of fresh) open(state, some)
  for (const some of held) if (some.recipient > 0) state.paidTo.set(recipientOf(some), [aSpending(some)])
  return state
}

function recipientOf({ recipient }: Some) {
  return addressOf(0x9000 + recipient)
}

function aSpending({ creditedWei }: Some) {
  return { fromSeconds: 7, lastSeconds: 9, wei: creditedWei as Wei }
}

function open(state: State, some: Some): void {
  const account = openAccount(state, state.byId.has(some.id) ? `again ${state.accounts.length}` : some.id)
  creditAccount(state, account, some.creditedWei as Wei)
  account.paidWei = ((some.creditedWei * some.paidShare) / 4n) as Wei
  state.paidWei = (state.paidWei + account.paidWei) as Wei
  account.failures = some.failures
  account.regSeq = some.regSeq
  account.retrySequence = some.failures
  if (some.recipient > 0) pinRecipient(state, account, recipientOf(some))
  if (some.waits) account.pending = { recipient: addressOf(0x77), sequence: some.regSeq, at: some.failures }
}

function land(state: State): void {
  const header = closeHeader(state)
  state.lastHeader = header
  state.sequence = header.sequence
}

function change(state: State, index: number, { later }: Some): void {
  if (later === 'nothing') return
  const account = touch(state, index)
  if (later !== 'recipient') creditAccount(state, account, 5n as Wei)
  if (later !== 'credit') pinRecipient(state, account, addressOf(0x8888))
}

const SOME: Some = {
  id: 'orch-a',
  recipient: 1,
  creditedWei: 10n ** 18n,
  paidShare: 1n,
  failures: 2,
  regSeq: 3,
  waits: false,
  later: 'nothing',
}

/** Every kind of row: account 0 and one as the header has it, one that waits, one that changed, one that is new. */
function aSmallState(): State {
  return aState(
    [SOME, { ...SOME, id: 'orch-é', waits: true, recipient: 0 }, { ...SOME, id: 'orch-c', later: 'both' }],
    [{ ...SOME, id: 'orch-d', failures: 0 }],
  )
}

function expectSame(read: State, state: State): void {
  expect(Object.keys(read).sort()).to.deep.equal(Object.keys(state).sort())
  for (const field of Object.keys(state) as (keyof State)[]) {
    if (field !== 'forest' && field !== 'due') expect(read[field], field).to.deep.equal(state[field])
  }
  for (const account of read.accounts.slice(1)) expect(read.byId.get(account.id)).to.equal(account)
  expect([...dueAfter(read.due, 0, 0)]).to.deep.equal([...dueAfter(state.due, 0, 0)])
  expect([read.forest.depth, read.forest.leaves]).to.deep.equal([state.forest.depth, state.forest.leaves])
  expect(toHex(foldRoot(read.forest))).to.equal(toHex(foldRoot(state.forest)))
  for (let index = 0; index < Math.min(state.forest.leaves, 20); index++)
    expect(proofOf(read.forest, index).map(toHex)).to.deep.equal(proofOf(state.forest, index).map(toHex))
}

/** The root and the sums of the accounts as the newest header has them, one after another. */
function headerOf({ accounts, touched, forest }: State) {
  const tree = newForest(forest.depth)
  const sums = { creditedWei: 0n, paidWei: 0n, reservedWei: 0n }
  let held = 0
  for (const account of accounts) {
    const fields = touched.has(account.index) ? touched.get(account.index) : account
    if (fields === undefined) continue
    setLeaf(tree, account.index, leafHash(leafFields(account, fields)))
    for (const sum of ['creditedWei', 'paidWei', 'reservedWei'] as const) sums[sum] += fields[sum]
    held++
  }
  return { balanceRoot: toHex(foldRoot(tree)), accounts: held, ...sums }
}

function outcomeOf(bytes: Uint8Array): Outcome {
  return codeOf(() => decodeSnapshot(bytes))
}

for (const hashes of ['pure', 'fast'] as const) {
  describe(`snapshot of a state, ${hashes} hashes`, () => {
    before(async () => (hashes === 'fast' ? await installFastHashes() : installPureHashes()))
    after(installPureHashes)

    it('is read to the very state that was written, whatever its accounts hold', function () {
      this.timeout(60_000)
      const some = fc.array(anAccount, { maxLength: 12 })
      fc.assert(
        fc.property(some, some, (held, fresh) => {
          const state = aState(held, fresh)
          const bytes = encodeSnapshot(state)
          const read = decodeSnapshot(bytes)
          expectSame(read, state)
          expect(toHex(encodeSnapshot(read))).to.equal(toHex(bytes))
        }),
        { numRuns: 60 },
      )
    })

    it('is read over the ends of its parts', function () {
      this.timeout(60_000)
      const many = Array.from({ length: 2_050 }, (_, at) => ({ ...SOME, id: `orch-${at}`, recipient: at % 3 }))
      const state = aState(many.slice(0, 1_990), many.slice(1_990))
      for (let at = 0; at < 250; at++) state.paidTo.set(addressOf(0x10_000 + at), [aSpending(SOME)])
      expectSame(decodeSnapshot(encodeSnapshot(state)), state)
    })
  })
}

describe('snapshot of a state', () => {
  before(installFastHashes)
  after(installPureHashes)

  it('is one state wherever its bytes are cut on the way', () => {
    const state = aSmallState()
    const bytes = encodeSnapshot(state)
    for (const size of [1, 3, 97, 1_000]) {
      const reader = new SnapshotReader()
      for (let from = 0; from < bytes.length; from += size) reader.push(bytes.subarray(from, from + size))
      expectSame(reader.end(), state)
    }
  })

  it('is refused with a bit of any byte flipped, or is a state that its header proves, written as those very bytes', function () {
    this.timeout(120_000)
    const bytes = encodeSnapshot(aSmallState())
    const outcomes = new Set<string>()
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      const code = outcomeOf(flipped)
      outcomes.add(code)
      if (code !== 'accepted') continue
      const read = decodeSnapshot(flipped)
      expect(read.lastHeader, `byte ${at}`).to.deep.include(headerOf(read))
      expect(toHex(encodeSnapshot(read)), `byte ${at}`).to.equal(toHex(flipped))
    }
    expect([...outcomes].sort()).to.deep.equal([
      'CBOR_NOT_CANONICAL',
      'CBOR_SYNTAX',
      'STATE_MISMATCH',
      'VERSION_NEWER',
      'accepted',
    ])
  })

  it('is refused with any bit flipped of what the newest header holds of an account', () => {
    const [head, accounts] = partsOf(aState([{ ...SOME, recipient: 0 }])) as [Uint8Array, Uint8Array]
    expect(outcomeOf(packRecords([head, accounts]))).to.equal('accepted')
    for (let bit = 8 * (ROW.bytes + ROW.recipient); bit < 8 * (ROW.bytes + ROW.failures); bit++) {
      const flipped = accounts.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(outcomeOf(packRecords([head, flipped])), `bit ${bit}`).to.equal('STATE_MISMATCH')
    }
  })

  it('is refused at every cut, and with a byte or a part more', () => {
    const bytes = encodeSnapshot(aSmallState())
    for (let size = 0; size < bytes.length; size++)
      expect(outcomeOf(bytes.subarray(0, size)), `${size} bytes`).to.equal('STATE_MISMATCH')
    expect(outcomeOf(Uint8Array.of(...bytes, 0))).to.equal('STATE_MISMATCH')
    expect(outcomeOf(Uint8Array.of(...bytes, 0, 0, 0, 1, 0x80))).to.equal('STATE_MISMATCH')
  })
})

/** Head, accounts, windows. */
function partsOf(state: State): Uint8Array[] {
  return unpackRecords(encodeSnapshot(state), PARTS_MAX)
}

type Row = { readonly at: number; readonly bytes: Uint8Array; readonly view: DataView }

describe('a forged snapshot', () => {
  before(installFastHashes)
  after(installPureHashes)

  /** The newest header holds nothing of the last account: only a check of its own can refuse what stands there. */
  function withLastRow(poke: (row: Row) => unknown): Uint8Array {
    const [head, accounts, ...rest] = partsOf(aSmallState()) as [Uint8Array, Uint8Array, ...Uint8Array[]]
    const bytes = accounts.slice()
    const poked = poke({ at: 4 * ROW.bytes, bytes, view: new DataView(bytes.buffer) })
    return packRecords([head, poked instanceof Uint8Array ? poked : bytes, ...rest])
  }

  /** The last account under a name of other bytes. */
  function named(id: Uint8Array): Uint8Array {
    return withLastRow(({ at, bytes }) => {
      bytes[at] = id.length
      const from = Buffer.from(bytes).indexOf('orch-d')
      return concatBytes(bytes.subarray(0, from), id, bytes.subarray(from + 'orch-d'.length))
    })
  }

  it('is refused where an account that no header holds is overdrawn, nameless, named twice or out of range', () => {
    const pokes: { readonly [what: string]: (row: Row) => unknown } = {
      overdrawn: ({ at, view }) => view.setBigUint64(at + ROW.paid + 8, 10n ** 18n + 1n),
      'unknown flags': ({ at, view }) => view.setUint8(at + ROW.flags, 4),
      'fields of a header': ({ at, bytes, view }) => {
        view.setUint8(at + ROW.flags, 2)
        return concatBytes(bytes, new Uint8Array(ROW.failures - ROW.recipient))
      },
      'a sequence of seven bytes': ({ at, view }) => view.setUint16(at + ROW.lastSeq, 1),
      'a counter that is no safe integer': ({ at, view }) => view.setUint32(at + ROW.regSeq, 2 ** 21),
      'credits beyond the ledger': ({ at, view }) => view.setBigUint64(at + ROW.credited, 2n ** 63n),
    }
    expect(outcomeOf(withLastRow(() => undefined))).to.equal('accepted')
    expect(outcomeOf(withLastRow(({ at, view }) => view.setUint32(at + ROW.regSeq, 2 ** 21 - 1)))).to.equal('accepted')
    for (const [what, poke] of Object.entries(pokes))
      expect(outcomeOf(withLastRow(poke)), what).to.equal('STATE_MISMATCH')
    expect(outcomeOf(named(new Uint8Array(128).fill(120)))).to.equal('accepted')
    for (const id of [new Uint8Array(0), new Uint8Array(129).fill(120), utf8('orch-c'), Uint8Array.of(0xff)])
      expect(outcomeOf(named(id)), `named ${toHex(id)}`).to.equal('STATE_MISMATCH')
  })

  it('is refused where its header, its counts or its form are others', () => {
    const [part, ...rest] = partsOf(aSmallState()) as [Uint8Array, ...Uint8Array[]]
    const head = decodeCbor(part, { canonical: true }) as { lastHeader: object }
    const withHead = (changes: object) =>
      outcomeOf(packRecords([encodeCbor({ ...head, ...changes } as never), ...rest]))
    const withHeader = (changes: object) => withHead({ lastHeader: { ...head.lastHeader, ...changes } })
    expect(withHead({})).to.equal('accepted')
    for (const field of ['creditedWei', 'paidWei', 'reservedWei'])
      expect(withHeader({ [field]: '4' }), field).to.equal('STATE_MISMATCH')
    for (const accounts of [3, 5]) expect(withHeader({ accounts }), `${accounts} held`).to.equal('STATE_MISMATCH')
    for (const accounts of [4, 6, 2 ** 53 - 1]) expect(withHead({ accounts })).to.equal('STATE_MISMATCH')
    for (const paidTo of [0, 2]) expect(withHead({ paidTo })).to.equal('STATE_MISMATCH')
    for (const treeDepth of [16, 18, 32]) expect(withHead({ treeDepth })).to.equal('STATE_MISMATCH')
    expect([withHead({ form: 1 }), withHead({ form: 3 })]).to.deep.equal(['STATE_MISMATCH', 'VERSION_NEWER'])
    expect(withHead({ version: PROTOCOL_VERSION + 1 })).to.equal('VERSION_NEWER')
    const whole = partsOf(aState([{ ...SOME, recipient: 0 }]))
    const wholeHead = decodeCbor(whole[0] as Uint8Array, { canonical: true }) as { lastHeader: { accounts: number } }
    const withHeld = (accounts: number) =>
      outcomeOf(
        packRecords([
          encodeCbor({ ...wholeHead, lastHeader: { ...wholeHead.lastHeader, accounts } } as never),
          ...whole.slice(1),
        ]),
      )
    // The root is that of two accounts, and so are the leaves: only their number differs.
    expect([withHeld(2), withHeld(3)]).to.deep.equal(['accepted', 'STATE_MISMATCH'])
    // The part is full, so that another one could follow.
    const [fullHead, ...full] = partsOf(aState([], Array<Some>(999).fill({ ...SOME, recipient: 0 })))
    const fullFields = decodeCbor(fullHead as Uint8Array, { canonical: true }) as object
    const withCount = (accounts: number) =>
      outcomeOf(packRecords([encodeCbor({ ...fullFields, accounts } as never), ...full]))
    expect([withCount(1_000), withCount(1_001)]).to.deep.equal(['accepted', 'STATE_MISMATCH'])
    const { form: _, ...older } = head as { form?: number }
    expect(outcomeOf(packRecords([encodeCbor(older as never), ...rest]))).to.equal('STATE_MISMATCH')
  })
})

describe('an account that was read', () => {
  it('has fields of its own, and changes like one that was opened', () => {
    const state = aSmallState()
    const read = decodeSnapshot(encodeSnapshot(state))
    for (const ledger of [state, read]) {
      const account = touch(ledger, 1) as Account
      creditAccount(ledger, account, 7n as Wei)
      land(ledger)
    }
    expectSame(read, state)
  })
})
