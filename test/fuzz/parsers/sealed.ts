/** Sealed records, snapshots, key ciphertexts and the state of the replaced core: what comes back from the host's disk. */
import { createCipheriv, createHash } from 'node:crypto'
import { keccak256 } from 'viem'
import { decodeSnapshot, encodeSnapshot } from '../../../enclave/core/snapshot.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import { openRecords } from '../../../enclave/seal/opener.ts'
import { parseHeader, TAG_ZERO } from '../../../enclave/seal/record.ts'
import { packRecords, unpackRecords } from '../../../enclave/seal/record-file.ts'
import { Sealer } from '../../../enclave/seal/sealer.ts'
import { BLOB_BYTES_MAX, parseOldState, readOldState } from '../../../scripts/import/blob.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { aFullLog } from '../../unit/auditor/log-builder.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { aFile, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'

const STATE_KEY = new Uint8Array(32).fill(7)
const LEDGER = toHash(new Uint8Array(32).fill(1))
const LAST_HEADER = toHash(new Uint8Array(32).fill(3))

/** The same bytes in every run: a corpus of sealed records is worth nothing under another salt. */
function entropyOf(seed: string): (bytes: number) => Uint8Array {
  let draw = 0
  return (bytes) => new Uint8Array(createHash('sha256').update(`${seed}/${draw++}`).digest()).slice(0, bytes)
}

function aSealer(boot: string, firstRecord = 0, prevTag = TAG_ZERO): Sealer {
  const entropy = entropyOf(boot)
  return new Sealer({
    stateKey: STATE_KEY,
    ledgerId: LEDGER,
    epoch: 1,
    salt: entropy(32),
    firstRecord,
    prevTag,
    entropy,
  })
}

type Chain = { readonly snapshot: readonly Uint8Array[]; readonly deltas: readonly Uint8Array[] }

/** Three records, a snapshot in two chunks after the second, and a clone that went another way after the first. */
function honest(): { readonly whole: Chain; readonly late: Chain; readonly clone: Uint8Array } {
  const sealer = aSealer('a')
  const first = sealer.sealDelta(LAST_HEADER, bytesOf('one'))
  const clone = aSealer('b', 1, sealer.lastTag).sealDelta(LAST_HEADER, bytesOf('other'))
  const second = sealer.sealDelta(LAST_HEADER, bytesOf('two'))
  const snapshot = [...sealer.sealSnapshot(LAST_HEADER, new Uint8Array(300).fill(9))]
  const third = sealer.sealDelta(LAST_HEADER, bytesOf('three'))
  return { whole: { snapshot: [], deltas: [first, second, third] }, late: { snapshot, deltas: [third] }, clone }
}

const HONEST = honest()
const KNOWN = [...HONEST.whole.deltas, ...HONEST.late.snapshot, HONEST.clone].map((record) =>
  Buffer.from(record).toString('hex'),
)

const chain: Target = {
  name: 'sealed-chain',
  claim: 'opens no record but one that was sealed, and no order but the one they were sealed in',
  inputs: 8_000,
  seeds: () => [
    packed(HONEST.whole.deltas),
    packed([...HONEST.late.snapshot, ...HONEST.late.deltas]),
    packed([HONEST.whole.deltas[0] as Uint8Array, HONEST.clone]),
  ],
  mutate: reorder,
  run: (input) => {
    const records = unpacked(input)
    const isChunk = (record: Uint8Array): boolean => parseHeader(record)?.kind === 'snapshot'
    const snapshot = records.slice(0, records.findLastIndex(isChunk) + 1)
    const deltas = records.slice(snapshot.length)
    return judged(
      () => openRecords(STATE_KEY, LEDGER, { snapshot, deltas }),
      ['SEAL_BROKEN', 'SEAL_ORDER'],
      ({ deltas: opened }) => {
        for (const record of records)
          demand(KNOWN.includes(Buffer.from(record).toString('hex')), 'each record was sealed')
        demand(
          ['', 'one', 'one,two', 'one,two,three', 'one,other', 'three'].includes(opened.map(textOf).join()),
          'an honest prefix',
        )
      },
    )
  },
}

function reorder(dice: Dice, input: Uint8Array): Uint8Array {
  const records = unpacked(input)
  const at = dice.below(records.length + 1)
  const other = dice.pick([...HONEST.whole.deltas, ...HONEST.late.snapshot, HONEST.clone])
  const kind = dice.below(5)
  if (kind === 0) records.splice(at, 1)
  else if (kind === 1) records.splice(at, 0, other)
  else if (kind === 2) records.splice(0, 0, ...records.splice(at, 2))
  else if (records[at] !== undefined) records[at] = kind === 3 ? other : changeBytes(dice, records[at])
  return packed(records)
}

const RECORDS_MAX = 16

const recordFile: Target = {
  name: 'record-file',
  claim: 'reads a blob of records only from the bytes that packing them gives',
  inputs: 25_000,
  seeds: () => [packRecords([bytesOf('a'), new Uint8Array(0), new Uint8Array(200)]), packRecords(HONEST.whole.deltas)],
  run: (input) => {
    parseHeader(input)
    return judged(
      () => unpackRecords(input, RECORDS_MAX),
      ['SEAL_BROKEN'],
      (records) => demand(isSame(packRecords(records), input), 'a blob has one form'),
    )
  },
}

const SNAPSHOT = encodeSnapshot(aFullLog().state)

const snapshot: Target = {
  name: 'snapshot',
  claim: 'reads a snapshot whose every root is what its own header says, or names what is wrong',
  inputs: 800,
  seeds: () => [SNAPSHOT],
  mutate: changePart,
  run: (input) =>
    judged(
      () => decodeSnapshot(input),
      ['STATE_MISMATCH', 'VERSION_NEWER', 'CBOR_SYNTAX', 'CBOR_NOT_CANONICAL'],
      (state) => {
        const bytes = encodeSnapshot(state)
        demand(isSame(encodeSnapshot(decodeSnapshot(bytes)), bytes), 'what was read says the same again')
      },
    ),
}

/** Parts stand behind lengths of four bytes: one of them is changed inside, and all are packed again. */
function changePart(dice: Dice, input: Uint8Array): Uint8Array {
  try {
    const parts = unpackRecords(input, RECORDS_MAX)
    const at = dice.below(parts.length)
    parts[at] = changeInside(dice, parts[at] ?? new Uint8Array(0))
    return packRecords(parts)
  } catch {
    // No parts any more.
    return changeBytes(dice, input)
  }
}

const OLD_STATE = {
  balances: { a: { balance_wei: 5, recipient: `0x${'11'.repeat(20)}` }, b: { balance_wei: 7, recipient: null } },
  pending: { 'pay-1': { wei: 3 } },
  seen_event_ids: ['ledger:00', 'workload:7'],
}

const oldState: Target = {
  name: 'old-state',
  claim: 'reads what the replaced core kept with every digit, or refuses it with a code',
  inputs: 15_000,
  seeds: () =>
    [OLD_STATE, { ...OLD_STATE, pending: {} }, { balances: {}, pending: {}, seen_event_ids: [], more: [1.5] }].map(
      (state) => bytesOf(JSON.stringify(state)),
    ),
  mutate: changeInside,
  run: (input) =>
    judged(
      () => parseOldState(input),
      ['CONFIG_INVALID'],
      ({ balances }) => {
        for (const { wei } of balances.values())
          demand(wei >= 0n && textOf(input).includes(wei.toString()), 'each digit stands in the text')
      },
    ),
}

const OLD_KEY = '11'.repeat(32)
const OLD_AAD = 'payments-tee-core:v1'

function oldBlob(): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', keccak256(`0x${OLD_KEY}`, 'bytes'), new Uint8Array(12))
  cipher.setAAD(Buffer.from(OLD_AAD))
  const body = Buffer.concat([cipher.update(JSON.stringify(OLD_STATE)), cipher.final()])
  return bytesOf(Buffer.concat([new Uint8Array(12), body, cipher.getAuthTag()]).toString('base64'))
}

const oldSealed: Target = {
  name: 'old-blob',
  claim: 'opens the sealed state of the replaced core under its key alone, and never half of it',
  inputs: 800,
  seeds: () => [oldBlob()],
  run: (input) => {
    const isOwn = (): boolean => Buffer.from(textOf(input), 'base64').equals(Buffer.from(textOf(oldBlob()), 'base64'))
    const outcome = judged(
      () => readOldState(aFile('blob', input), OLD_KEY),
      ['CONFIG_INVALID'],
      ({ balances }) => demand(isOwn() && balances.size === 2, 'only what was sealed'),
    )
    demand(input.length <= BLOB_BYTES_MAX || outcome !== ACCEPTED, 'within the limit')
    return outcome
  },
  close: removeFiles,
}

export const SEALED: readonly Target[] = [chain, recordFile, snapshot, oldState, oldSealed]
