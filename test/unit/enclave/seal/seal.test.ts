import { createHash, hkdfSync } from 'node:crypto'
import { expect } from 'chai'
import { encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { type ErrorCode, isCoded } from '../../../../enclave/protocol/errors.ts'
import { fromHex, type Hash, toHash } from '../../../../enclave/protocol/ids.ts'
import { Opener, openRecords } from '../../../../enclave/seal/opener.ts'
import {
  HEADER_BYTES,
  RECORD_BYTES_MAX,
  RECORD_OVERHEAD_BYTES,
  TAG_BYTES,
  TAG_ZERO,
} from '../../../../enclave/seal/record.ts'
import { Sealer, type SealerOptions } from '../../../../enclave/seal/sealer.ts'
import { CHUNK_BYTES_MAX } from '../../../../enclave/seal/snapshot.ts'

const STATE_KEY = new Uint8Array(32).fill(7)
const LEDGER = toHash(new Uint8Array(32).fill(1))
const OTHER_LEDGER = toHash(new Uint8Array(32).fill(2))
const LAST_HEADER = toHash(new Uint8Array(32).fill(3))

/** A source of entropy that never repeats within one seed. */
function seededEntropy(seed: string): (bytes: number) => Uint8Array {
  let draw = 0
  return (bytes) => new Uint8Array(createHash('sha256').update(`${seed}/${draw++}`).digest()).slice(0, bytes)
}

function aSealer(boot: string, overrides: Partial<SealerOptions> = {}): Sealer {
  const entropy = seededEntropy(boot)
  const salt = entropy(32)
  return new Sealer({
    stateKey: STATE_KEY,
    ledgerId: LEDGER,
    epoch: 1,
    salt,
    firstRecord: 0,
    prevTag: TAG_ZERO,
    entropy,
    ...overrides,
  })
}

function texts(...values: string[]): Uint8Array[] {
  return values.map((value) => new TextEncoder().encode(value))
}

function sealed(sealer: Sealer, ...values: string[]): Uint8Array[] {
  return texts(...values).map((plaintext) => sealer.sealDelta(LAST_HEADER, plaintext))
}

function open(deltas: Uint8Array[], snapshot: Uint8Array[] = [], ledger: Hash = LEDGER) {
  return openRecords(STATE_KEY, ledger, { snapshot, deltas })
}

function refusal(run: () => unknown): { code: ErrorCode; message: string } {
  try {
    run()
  } catch (error) {
    if (isCoded(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}

function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] as number) ^ (1 << bit)
  return copy
}

describe('a sealed chain of deltas', () => {
  it('opens to the plaintexts that were sealed, and says where it ends', () => {
    const sealer = aSealer('boot a')
    const records = sealed(sealer, 'one', '', 'three')
    const { deltas, snapshot, end } = open(records)
    expect(deltas).to.deep.equal(texts('one', '', 'three'))
    expect(snapshot).to.equal(undefined)
    expect(end).to.deep.equal({ lastRecord: 2, lastTag: sealer.lastTag, epoch: 1, lastHeaderHash: LAST_HEADER })
    expect(records.map((record) => record.length)).to.deep.equal([3, 0, 5].map((size) => size + RECORD_OVERHEAD_BYTES))
  })

  it('lets a chain without records start at record 0', () => {
    expect(open([]).end).to.deep.equal({ lastRecord: -1, lastTag: TAG_ZERO, epoch: 0, lastHeaderHash: undefined })
  })

  it('opens with a key derived as the protocol writes it, under exactly its associated data', async () => {
    const entropy = seededEntropy('spec')
    const salt = entropy(32)
    const [record] = sealed(aSealer('spec', { salt, epoch: 2 ** 40, firstRecord: 2 ** 33 }), 'spec') as [Uint8Array]
    const bound = createHash('sha256').update(fromHex(LAST_HEADER)).update(salt).digest()
    const aad = encodeCbor([1, 'delta', fromHex(LEDGER), 2 ** 40, 2 ** 33, TAG_ZERO, new Uint8Array(bound)])
    expect(Buffer.from(aad).toString('hex')).to.match(/^8701/)
    const { webcrypto } = await import('node:crypto')
    const raw = new Uint8Array(hkdfSync('sha256', STATE_KEY, salt, 'anchorhold/seal/v1', 32))
    const key = await webcrypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt'])
    const algorithm = { name: 'AES-GCM', iv: record.slice(46, 58), additionalData: aad }
    const plaintext = await webcrypto.subtle.decrypt(algorithm, key, record.slice(HEADER_BYTES))
    expect(Buffer.from(plaintext).toString()).to.equal('spec')
  })

  it('refuses a record with any one bit flipped, as broken and by its number', () => {
    const records = sealed(aSealer('boot a'), 'one', 'two', 'three')
    const second = records[1] as Uint8Array
    for (let at = 0; at < second.length; at++) {
      const { code, message } = refusal(() => open(records.with(1, flipped(second, at, at % 8))))
      expect(code, `byte ${at}`).to.equal('SEAL_BROKEN')
      expect(message).to.match(/^record 1:/)
    }
  })

  it('refuses a record that is cut short, extended, empty or too large', () => {
    const [record] = sealed(aSealer('boot a'), 'one') as [Uint8Array]
    const extended = new Uint8Array([...record, 0])
    const tooLarge = new Uint8Array(RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES + 1)
    tooLarge.set(record)
    for (const bytes of [record.slice(0, -1), extended, record.slice(0, HEADER_BYTES), new Uint8Array(0), tooLarge]) {
      expect(refusal(() => open([bytes])).code).to.equal('SEAL_BROKEN')
    }
  })

  const orders: { title: string; pick: number[]; place: string }[] = [
    { title: 'a missing first record', pick: [1, 2, 3], place: 'record 0' },
    { title: 'a missing record in the middle', pick: [0, 2, 3], place: 'record 1' },
    { title: 'a doubled record', pick: [0, 1, 1, 2], place: 'record 2' },
    { title: 'two records in the wrong order', pick: [0, 2, 1, 3], place: 'record 1' },
    { title: 'the chain backwards', pick: [3, 2, 1, 0], place: 'record 0' },
  ]
  for (const { title, pick, place } of orders) {
    it(`refuses ${title}, by its number`, () => {
      const records = sealed(aSealer('boot a'), 'zero', 'one', 'two', 'three')
      const { code, message } = refusal(() => open(pick.map((index) => records[index] as Uint8Array)))
      expect(code).to.equal('SEAL_ORDER')
      expect(message).to.match(new RegExp(`^${place}:`))
    })
  }

  it('opens every prefix: that a chain ends early is for the chain head to find', () => {
    const records = sealed(aSealer('boot a'), 'zero', 'one', 'two')
    for (let length = 0; length <= records.length; length++) {
      expect(open(records.slice(0, length)).end.lastRecord).to.equal(length - 1)
    }
  })

  it('refuses the record of a clone that went on from the same prefix', () => {
    const first = aSealer('boot a')
    const prefix = sealed(first, 'zero')
    const clone = aSealer('clone', { firstRecord: 1, prevTag: first.lastTag })
    const mine = sealed(first, 'one', 'two')
    const its = sealed(clone, 'one of the clone')
    expect(open([...prefix, ...its]).end.lastRecord).to.equal(1)
    const { code, message } = refusal(() => open([...prefix, ...its, mine[1] as Uint8Array]))
    expect(code).to.equal('SEAL_ORDER')
    expect(message).to.match(/^record 2:/)
  })

  it('refuses a record whose number does not follow although the tag before it does', () => {
    expect(refusal(() => open(sealed(aSealer('boot a', { firstRecord: 5 }), 'five'))).code).to.equal('SEAL_ORDER')
  })

  it('goes on over several boots with their own salts and rising epochs', () => {
    const first = aSealer('boot a', { epoch: 4 })
    const records = sealed(first, 'zero', 'one')
    const end = open(records).end
    const second = aSealer('boot b', { epoch: 5, firstRecord: end.lastRecord + 1, prevTag: end.lastTag })
    records.push(...sealed(second, 'two'))
    const { lastRecord, lastTag } = open(records).end
    const third = aSealer('boot c', { epoch: 5, firstRecord: lastRecord + 1, prevTag: lastTag })
    records.push(...sealed(third, 'three'))
    const { deltas, end: last } = open(records)
    expect(deltas).to.deep.equal(texts('zero', 'one', 'two', 'three'))
    expect(last).to.deep.include({ lastRecord: 3, epoch: 5 })
    expect(records[1]?.slice(14, 46)).to.not.deep.equal(records[2]?.slice(14, 46))
  })

  it('refuses records of another ledger, another state key and another boot salt', () => {
    const records = sealed(aSealer('boot a'), 'zero')
    const [other] = sealed(aSealer('boot b'), 'zero') as [Uint8Array]
    expect(open(records).deltas).to.have.length(1)
    expect(refusal(() => open(records, [], OTHER_LEDGER)).code).to.equal('SEAL_BROKEN')
    const otherKey = new Uint8Array(32).fill(8)
    expect(refusal(() => openRecords(otherKey, LEDGER, { snapshot: [], deltas: records })).code).to.equal('SEAL_BROKEN')
    const transplanted = (records[0] as Uint8Array).slice()
    transplanted.set(other.slice(14, 46), 14)
    expect(refusal(() => open([transplanted])).code).to.equal('SEAL_BROKEN')
  })

  it('never seals two records of two clones under one pair of subkey and vector', () => {
    const pairs = new Set<string>()
    for (const boot of ['clone a', 'clone b']) {
      const sealer = aSealer(boot)
      for (let index = 0; index < 1_000; index++) {
        const record = sealer.sealDelta(LAST_HEADER, Uint8Array.of(1))
        const subkey = Buffer.from(hkdfSync('sha256', STATE_KEY, record.subarray(14, 46), 'anchorhold/seal/v1', 32))
        pairs.add(`${subkey.toString('hex')}/${Buffer.from(record.subarray(46, 58)).toString('hex')}`)
      }
    }
    expect(pairs.size).to.equal(2_000)
  })

  it('takes a plaintext of RECORD_BYTES_MAX and treats one byte more as a bug', () => {
    const sealer = aSealer('boot a')
    const record = sealer.sealDelta(LAST_HEADER, new Uint8Array(RECORD_BYTES_MAX))
    expect(open([record]).deltas[0]?.length).to.equal(RECORD_BYTES_MAX)
    expect(() => sealer.sealDelta(LAST_HEADER, new Uint8Array(RECORD_BYTES_MAX + 1))).to.throw('RECORD_BYTES_MAX')
  })

  it('refuses to seal past the last record number', () => {
    const sealer = aSealer('boot a', { firstRecord: 2 ** 48 - 1 })
    sealed(sealer, 'last')
    expect(refusal(() => sealed(sealer, 'one more')).code).to.equal('SEQUENCE_SPENT')
  })
})

describe('a sealed snapshot', () => {
  const state = new Uint8Array(2 * CHUNK_BYTES_MAX + 5).map((_, index) => index % 251)

  function aChain() {
    const sealer = aSealer('boot a')
    const before = sealed(sealer, 'zero', 'one')
    const chunks = sealer.sealSnapshot(LAST_HEADER, state)
    const first = chunks.next().value as Uint8Array
    // The ledger goes on while chunks are fetched: the snapshot still stands for what came before.
    const after = sealed(sealer, 'two', 'three')
    return { sealer, before, snapshot: [first, ...chunks], after }
  }

  it('opens with the deltas that follow it, and takes no number of their chain', () => {
    const { snapshot, before, after, sealer } = aChain()
    expect(snapshot).to.have.length(3)
    const opened = open(after, snapshot)
    expect(opened.snapshot).to.deep.equal(state)
    expect(opened.deltas).to.deep.equal(texts('two', 'three'))
    expect(opened.end).to.deep.include({ lastRecord: 3, lastTag: sealer.lastTag })
    expect(open([...before, ...after]).end).to.deep.equal(opened.end)
  })

  it('opens alone, and a further boot goes on from it', () => {
    const { snapshot, before } = aChain()
    const { end } = open([], snapshot)
    expect(end.lastTag).to.deep.equal((before[1] as Uint8Array).slice(-TAG_BYTES))
    const next = aSealer('boot b', { epoch: 2, firstRecord: end.lastRecord + 1, prevTag: end.lastTag })
    expect(open(sealed(next, 'two'), snapshot).end).to.deep.include({ lastRecord: 2, epoch: 2 })
  })

  it('keeps an empty state in one chunk', () => {
    const sealer = aSealer('boot a')
    sealed(sealer, 'zero')
    const snapshot = [...sealer.sealSnapshot(LAST_HEADER, new Uint8Array(0))]
    expect(snapshot).to.have.length(1)
    expect(open([], snapshot).snapshot).to.deep.equal(new Uint8Array(0))
  })

  it('refuses a chunk with a flipped bit in any region, by its position', () => {
    const { snapshot } = aChain()
    const second = snapshot[1] as Uint8Array
    const regions = [0, 1, 2, 8, 14, 46, 58, 90, HEADER_BYTES, HEADER_BYTES + 5, second.length >> 1, second.length - 1]
    for (const at of regions) {
      const { code, message } = refusal(() => open([], snapshot.with(1, flipped(second, at))))
      expect(code, `byte ${at}`).to.equal('SEAL_BROKEN')
      expect(message).to.match(/^chunk 1:/)
    }
  })

  const orders: { title: string; pick: number[]; place: string }[] = [
    { title: 'without its first chunk', pick: [1, 2], place: 'chunk 0' },
    { title: 'without a chunk in the middle', pick: [0, 2], place: 'chunk 1' },
    { title: 'without its last chunk', pick: [0, 1], place: 'chunk 2' },
    { title: 'with a doubled chunk', pick: [0, 1, 1, 2], place: 'chunk 2' },
    { title: 'with its last chunk doubled', pick: [0, 1, 2, 2], place: 'chunk 3' },
    { title: 'with two chunks exchanged', pick: [0, 2, 1], place: 'chunk 1' },
  ]
  for (const { title, pick, place } of orders) {
    it(`refuses a snapshot ${title}`, () => {
      const { snapshot, after } = aChain()
      const { code, message } = refusal(() =>
        open(
          after,
          pick.map((index) => snapshot[index] as Uint8Array),
        ),
      )
      expect(code).to.equal('SEAL_ORDER')
      expect(message).to.match(new RegExp(`^${place}:`))
    })
  }

  it('refuses a chunk of another snapshot of the same state', () => {
    const sealer = aSealer('boot a')
    sealed(sealer, 'zero')
    const [one, other] = [1, 2].map(() => [...sealer.sealSnapshot(LAST_HEADER, state)]) as [Uint8Array[], Uint8Array[]]
    expect(open([], other).snapshot).to.deep.equal(state)
    expect(refusal(() => open([], one.with(1, other[1] as Uint8Array))).code).to.equal('SEAL_ORDER')
  })

  it('refuses deltas that do not follow it: too early, too late, or of another line of history', () => {
    const { snapshot, before, after } = aChain()
    const clone = aSealer('clone', { firstRecord: 2, prevTag: new Uint8Array(TAG_BYTES).fill(9) })
    for (const deltas of [before.slice(1), after.slice(1), sealed(clone, 'two')]) {
      const { code, message } = refusal(() => open(deltas, snapshot))
      expect(code).to.equal('SEAL_ORDER')
      expect(message).to.match(/^record 2:/)
    }
  })

  it('refuses a delta in place of a chunk, a chunk in place of a delta, and a chunk after a delta', () => {
    const { snapshot, before, after } = aChain()
    expect(refusal(() => open([], before)).code).to.equal('SEAL_ORDER')
    expect(refusal(() => open(snapshot)).code).to.equal('SEAL_ORDER')
    const opener = new Opener(STATE_KEY, LEDGER)
    for (const chunk of snapshot) opener.openChunk(chunk)
    opener.openDelta(after[0] as Uint8Array)
    expect(refusal(() => opener.openChunk(snapshot[0] as Uint8Array)).code).to.equal('SEAL_ORDER')
  })

  it('refuses a chunk after deltas that no snapshot came before', () => {
    const { snapshot, before } = aChain()
    const opener = new Opener(STATE_KEY, LEDGER)
    for (const record of before) opener.openDelta(record)
    expect(refusal(() => opener.openChunk(snapshot[0] as Uint8Array)).code).to.equal('SEAL_ORDER')
  })

  it('refuses a delta while chunks of it are missing, although the delta follows', () => {
    const { snapshot, after } = aChain()
    const opener = new Opener(STATE_KEY, LEDGER)
    opener.openChunk(snapshot[0] as Uint8Array)
    const { code, message } = refusal(() => opener.openDelta(after[0] as Uint8Array))
    expect(code).to.equal('SEAL_ORDER')
    expect(message).to.match(/^chunk 1:/)
  })

  it('refuses a chunk in place of a delta even where number and tag before it fit', () => {
    const [chunk] = aSealer('boot a', { firstRecord: 1 }).sealSnapshot(LAST_HEADER, state)
    expect(
      open([], [...aSealer('boot a', { firstRecord: 1 }).sealSnapshot(LAST_HEADER, state)]).end.lastRecord,
    ).to.equal(0)
    expect(refusal(() => open([chunk as Uint8Array])).code).to.equal('SEAL_ORDER')
  })
})
