/** The public log: entries, bundles and names of tiles, checkpoints and proofs, as a stranger fetches them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { newReplay, step, summary } from '../../../auditor/replay.ts'
import { replay as replayInCore } from '../../../enclave/core/ledger.ts'
import type { State } from '../../../enclave/core/state.ts'
import { decodeBase64, encodeBase64 } from '../../../enclave/protocol/base64.ts'
import { decodeCbor, encodeCbor } from '../../../enclave/protocol/cbor.ts'
import { decodeEntry, encodeEntry } from '../../../enclave/protocol/entry.ts'
import { fromHex, type Hex } from '../../../enclave/protocol/ids.ts'
import {
  checkpointText,
  formatNote,
  formatVerifierKey,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  verifierKeyOf,
  verifyNote,
} from '../../../enclave/protocol/note.ts'
import {
  decodeEntryBundle,
  decodeHashTile,
  encodeEntryBundle,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
} from '../../../enclave/protocol/tlog.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { closeWorlds } from '../../builders/worlds.ts'
import { aFullLog } from '../../unit/auditor/log-builder.ts'
import { ROOT } from '../engine/root.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Target, textOf } from '../engine/target.ts'
import { aGovernedWorld } from '../governed-log.ts'
import { changeBytes, changeInside, changeMeaning, type Fields, randomBytes } from '../mutations.ts'
import { packed, unpacked } from './packing.ts'

const VECTORS = join(ROOT, 'test', 'vectors')
const ENTRY_CODES = ['ENTRY_SYNTAX', 'VERSION_NEWER', 'VERSION_OLDER', 'CBOR_SYNTAX', 'CBOR_NOT_CANONICAL'] as const

/** One entry of each type, as the vectors pin it. */
export function entriesOfEachType(): Uint8Array[] {
  const all = JSON.parse(readFileSync(join(VECTORS, 'entries.json'), 'utf8')) as { [type: string]: Hex }
  return Object.values(all).map(fromHex)
}

const entry: Target = {
  name: 'entry',
  claim: 'reads an entry of the log only from the bytes that encoding it gives',
  inputs: 15_000,
  seeds: entriesOfEachType,
  mutate: changeInside,
  run: (input) =>
    judged(
      () => decodeEntry(input),
      ENTRY_CODES,
      (read) => demand(isSame(encodeEntry(read), input), 'an entry has one form'),
    ),
}

const bundle: Target = {
  name: 'bundle',
  claim: 'reads a bundle or a hash tile only as so many whole entries as its name demands',
  inputs: 25_000,
  seeds: () =>
    [[bytesOf('a')], [new Uint8Array(0), bytesOf('bc'), new Uint8Array(300)]].map((list) =>
      Uint8Array.of(list.length, ...encodeEntryBundle(list)),
    ),
  run: (input) => {
    const width = 1 + ((input[0] ?? 0) % TILE_WIDTH)
    const bytes = input.subarray(1)
    judged(
      () => decodeHashTile(bytes, width),
      ['TILE_SYNTAX'],
      (hashes) => demand(isSame(new Uint8Array(Buffer.concat(hashes)), bytes), 'the hashes of a tile are its bytes'),
    )
    return judged(
      () => decodeEntryBundle(bytes, input[0] ?? 1),
      ['TILE_SYNTAX'],
      (entries) => demand(entries.length === 0 || isSame(encodeEntryBundle(entries), bytes), 'a bundle has one form'),
    )
  },
}

const path: Target = {
  name: 'tile-path',
  claim: 'reads a path as a tile only where that tile has this very path',
  inputs: 25_000,
  seeds: () =>
    ['tile/0/000', 'tile/0/x001/x234/067.p/9', 'tile/63/001', 'tile/entries/273.p/112', 'tile/1/x010/000'].map(bytesOf),
  run: (input) => {
    const text = textOf(input)
    const name = parseTilePath(text)
    if (name === undefined) return 'TILE_SYNTAX'
    demand(tilePath(name) === text, 'a tile has one path')
    return ACCEPTED
  },
}

const NOTE = bytesOf((JSON.parse(readFileSync(join(VECTORS, 'checkpoint.json'), 'utf8')) as { note: string }).note)
const NAME = 'anchorhold/1/0xa1'
const KEY = verifierKeyOf(NAME, new Uint8Array(32).fill(3))
const HONEST_NOTE = formatNote({
  text: checkpointText({ origin: NAME, size: 12, root: new Uint8Array(32).fill(9) }),
  signatures: [
    { name: NAME, keyId: KEY.keyId, signature: new Uint8Array(64).fill(1) },
    { name: 'witness.example', keyId: Uint8Array.of(1, 2, 3, 4), signature: new Uint8Array(72).fill(2) },
  ],
})

const note: Target = {
  name: 'note',
  claim:
    'reads a signed note, a checkpoint or a key only as the text that writing it gives, and believes no wrong signature',
  inputs: 15_000,
  seeds: () => [bytesOf(HONEST_NOTE), bytesOf(formatVerifierKey(KEY)), NOTE],
  run: (input) => {
    const text = textOf(input)
    judged(
      () => parseVerifierKey(text),
      ['NOTE_SYNTAX'],
      (key) => demand(formatVerifierKey(key) === text, 'a key has one form'),
    )
    const base64 = decodeBase64(text)
    demand(base64 === undefined || encodeBase64(base64) === text, 'base64 has one form')
    return judged(
      () => parseNote(input),
      ['NOTE_SYNTAX'],
      (read) => {
        demand(formatNote(read) === text, 'a note has one form')
        const signed = judged(
          () => verifyNote(read, [KEY], () => false),
          ['NOTE_SIGNATURE', 'NOTE_UNSIGNED'],
          () => undefined,
        )
        demand(signed !== ACCEPTED, 'a wrong signature is none')
        judged(
          () => parseCheckpoint(read.text),
          ['NOTE_SYNTAX'],
          (known) => demand(checkpointText(known) === read.text, 'a checkpoint has one form'),
        )
      },
    )
  },
}

const HONEST_LOG = aFullLog().entries

function governedLog(): Uint8Array {
  const { entries } = aGovernedWorld().boot
  closeWorlds()
  return packed(entries)
}

const CORE_CODES = ['STATE_MISMATCH', ...ENTRY_CODES] as const

const replay: Target = {
  name: 'replay',
  claim:
    'replays any list of entries with a code or a finding, and two replays that share nothing agree on what is clean',
  inputs: 300,
  seeds: () => [packed(HONEST_LOG), packed(HONEST_LOG.slice(0, 6)), packed(entriesOfEachType()), governedLog()],
  mutate: changeLog,
  run: (input) => {
    const entries = unpacked(input)
    const replayed = newReplay()
    for (const [index, bytes] of entries.entries()) step(replayed, bytes, index)
    const { findings, ledger } = summary(replayed)
    const isClean = findings.length === 0
    let state: State | undefined
    const outcome = judged(
      () => {
        for (const bytes of entries) state = replayInCore(state, bytes)
        return state
      },
      CORE_CODES,
      () => undefined,
    )
    demand(!isClean || outcome === ACCEPTED, `what the auditor calls clean the enclave takes, not ${outcome}`)
    if (isClean && ledger !== null && state !== undefined)
      demand(isOneLedger(ledger, state), 'both replays lead to one ledger')
    return outcome
  },
}

type Told = NonNullable<ReturnType<typeof summary>['ledger']>

function isOneLedger(ledger: Told, state: State): boolean {
  const told = [
    ledger.head,
    ledger.sequence,
    ledger.creditedWei,
    ledger.paidWei,
    ledger.reservedWei,
    ledger.journalSize,
  ]
  const held = [state.head, state.sequence, state.creditedWei, state.paidWei, state.reservedWei, state.journalSize]
  return told.join() === held.join()
}

/** Entries moved, dropped, doubled or changed in their meaning, each with the index of its new place. */
export function changeLog(dice: Dice, input: Uint8Array): Uint8Array {
  if (dice.below(3) === 0) return changeOneItem(dice, input)
  const entries = unpacked(input)
  const at = dice.below(entries.length)
  const kind = dice.below(6)
  if (kind === 0) entries.splice(at, 1 + dice.below(3))
  else if (kind === 1) entries.splice(at)
  else if (kind === 2) entries.splice(dice.below(entries.length), 0, ...entries.splice(at, 1 + dice.below(2)))
  else if (entries[at] !== undefined) entries[at] = changeEntry(dice, entries[at])
  return packed(entries.map(renumbered))
}

function changeEntry(dice: Dice, bytes: Uint8Array): Uint8Array {
  const map = mapOf(bytes)
  if (map?.['body'] === undefined) return changeBytes(dice, bytes)
  return encodeCbor({ ...map, body: changeMeaning(dice, map['body']) })
}

function renumbered(bytes: Uint8Array, index: number): Uint8Array {
  const map = mapOf(bytes)
  return map === undefined ? bytes : encodeCbor({ ...map, i: index })
}

function mapOf(bytes: Uint8Array): Fields | undefined {
  try {
    return decodeCbor(bytes, { canonical: true }) as Fields
  } catch {
    // An entry that was damaged before is left as it is.
    return undefined
  }
}

/** Damages one item of a packed list, drops or doubles one, or swaps two. */
export function changeOneItem(dice: Dice, input: Uint8Array): Uint8Array {
  const items = unpacked(input)
  if (items.length === 0) return randomBytes(dice)
  const at = dice.below(items.length)
  const item = items[at] as Uint8Array
  const kind = dice.below(8)
  if (kind === 0) items.splice(at, 1)
  else if (kind === 1) items.splice(at, 0, item)
  else if (kind === 2) items.splice(dice.below(items.length), 0, ...items.splice(at, 1))
  else items[at] = kind < 7 ? changeInside(dice, item) : changeBytes(dice, item)
  return packed(items)
}

export const LOG: readonly Target[] = [entry, bundle, path, note, replay]
