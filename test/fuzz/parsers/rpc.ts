/** Answers of an endpoint that lies, to the host and to the auditor; and a public log that lies to the auditor. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runAudit } from '../../../auditor/audit.ts'
import { parseNote } from '../../../enclave/protocol/note.ts'
import { type Chain, openChain } from '../../../host/chain.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { ANCHOR, AUTHORITY, hashOf } from '../../unit/auditor/log-builder.ts'
import { ACCEPTED, bytesOf, demand, isSame, judgedLater, type Outcome, type Target } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { EVERY, type Liar, type Lie, METHODS_ASKED, openLiar } from './liar.ts'
import { packed, unpacked } from './packing.ts'
import { CHAIN_ID, FILES } from './rpc-honest.ts'

const LIES_MAX = 4
const LIE_HEAD_BYTES = 3
const RESULTS = [
  'null',
  'true',
  '-1',
  '1e30',
  '""',
  '"0x"',
  '"0x0"',
  '"0xzz"',
  '"0x-1"',
  `"0x${'f'.repeat(64)}"`,
  `"0x${'f'.repeat(65)}"`,
  `"0x${'0'.repeat(64)}"`,
  `"0x1${'0'.repeat(40)}"`,
  '[]',
  '[null]',
  '[{}]',
  '{}',
  '{"number":null}',
  '{"number":"0x7fffffffffffffff"}',
  '[[[[[[]]]]]]',
  '"latest"',
  'not json',
]

let liar: Liar | undefined

async function theLiar(): Promise<Liar> {
  liar ??= await openLiar()
  return liar
}

async function closeLiar(): Promise<void> {
  await liar?.close()
  liar = undefined
  removeFiles()
}

function liesIn(items: readonly Uint8Array[]): Lie[] {
  return items.slice(0, LIES_MAX).map((item) => ({
    method: item[0] ?? 0,
    nth: (item[1] ?? 0) % (EVERY + 1),
    how: item[2] ?? 0,
    what: item.subarray(LIE_HEAD_BYTES),
  }))
}

/** Wrong values more often than broken transports: those are asked again after a pause, and only a few fit into a second. */
function aLie(dice: Dice): Uint8Array {
  const how = dice.below(30) === 0 ? dice.pick([8, 9]) : dice.pick([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
  const nth = dice.pick([EVERY, 0, dice.below(EVERY)])
  return Uint8Array.of(dice.below(METHODS_ASKED.length), nth, how, ...bytesOf(dice.pick(RESULTS)))
}

function changeLies(dice: Dice, input: Uint8Array): Uint8Array {
  const items = unpacked(input)
  const at = dice.below(items.length + 1)
  if (items[at] === undefined || dice.below(3) === 0) items.splice(at, 0, aLie(dice))
  else items[at] = dice.below(2) === 0 ? aLie(dice) : changeBytes(dice, items[at])
  return packed(items.slice(0, LIES_MAX))
}

const CHAIN_CODES = ['RPC_FAILED', 'RPC_TIMEOUT', 'CHAIN_ID'] as const

/** Every question that the host has for a chain. */
const QUESTIONS: readonly ((chain: Chain) => Promise<unknown>)[] = [
  (chain) => chain.requireChain(),
  (chain) => chain.facts(AUTHORITY),
  (chain) => chain.round(),
  (chain) => chain.registered([AUTHORITY, ANCHOR]),
  (chain) => chain.simulate(AUTHORITY, '0x01'),
  (chain) => chain.send('0x02'),
  (chain) => chain.landingOf(1),
  (chain) => chain.bitmapOf(1, hashOf(1)),
  (chain) => chain.sessionOf(1),
  (chain) => chain.receiptOf(hashOf(1)),
  (chain) => chain.final(),
]

const hostRpc: Target = {
  name: 'rpc-host',
  claim: 'tells the host what an endpoint answers in the types it works with, or refuses the endpoint with a code',
  inputs: 800,
  seeds: () => QUESTIONS.map((_, at) => Uint8Array.of(at)),
  generate: (dice) =>
    Uint8Array.of(dice.below(QUESTIONS.length), ...packed(Array.from({ length: 1 + dice.below(3) }, () => aLie(dice)))),
  mutate: (dice, input) => Uint8Array.of(input[0] ?? 0, ...changeLies(dice, input.subarray(1))),
  run: async (input) => {
    const { url, tell } = await theLiar()
    const lies = liesIn(unpacked(input.subarray(1)))
    tell(isSearch(input) ? lies.filter(isNotOfHeight) : lies)
    const chain = openChain({ rpcUrls: [url], chainId: CHAIN_ID, anchor: ANCHOR, finality: 'finalized' })
    const question = QUESTIONS[(input[0] ?? 0) % QUESTIONS.length] as (chain: Chain) => Promise<unknown>
    return judgedLater(
      () => question(chain),
      CHAIN_CODES,
      (answer) => demand(isTyped(answer), `an answer in our types, not ${shown(answer)}`),
    )
  },
  close: closeLiar,
}

/** Numbers that can be written down, hex in lower case, amounts that are u128: what later code believes without looking. */
function isTyped(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0
  if (typeof value === 'bigint') return value >= 0n && value < 2n ** 128n
  if (typeof value === 'string') return !/^0x/i.test(value) || /^0x([0-9a-f]{2})*$/.test(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(isTyped)
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? 'nothing'
}

/** Landings, bitmaps and sessions are looked for from the newest block down. */
function isSearch(input: Uint8Array): boolean {
  return [6, 7, 8].includes((input[0] ?? 0) % QUESTIONS.length)
}

/** A false height makes such a search as long as its limit of ten thousand questions: minutes, and nothing to learn. */
function isNotOfHeight({ method }: Lie): boolean {
  return METHODS_ASKED[method % METHODS_ASKED.length] !== 'eth_blockNumber'
}

const AUDIT_CODES = ['RPC_FAILED', 'CONFIG_INVALID', 'AUDIT_STORE'] as const
const PATHS = [...FILES.keys()]
const HONEST_FILES = packed(PATHS.map((path) => FILES.get(path) as Uint8Array))

/** The files of the log, each as it is published or as damage left it; then lies of the endpoint. */
const audit: Target = {
  name: 'audit',
  claim:
    'ends every audit with a report or a code, and calls no log clean that says anything else than what was anchored',
  inputs: 120,
  seeds: () => [HONEST_FILES],
  generate: (dice) =>
    Uint8Array.from([...HONEST_FILES, ...packed(Array.from({ length: 1 + dice.below(2) }, () => aLie(dice)))]),
  mutate: (dice, input) => {
    const items = unpacked(input)
    const at = dice.below(PATHS.length)
    if (dice.below(4) > 0)
      items[at] = (dice.below(2) === 0 ? changeBytes : changeInside)(dice, items[at] ?? new Uint8Array(0))
    else items.splice(PATHS.length, LIES_MAX, aLie(dice))
    return packed(items)
  },
  run: async (input) => {
    const items = unpacked(input)
    const { url, tell } = await theLiar()
    const lies = liesIn(items.slice(PATHS.length))
    tell(lies)
    const log = writeLog(items.slice(0, PATHS.length))
    let verdict = ''
    const outcome = await judgedLater(
      () => runAudit({ rpcUrl: url, anchor: ANCHOR, log, depthBlocks: 2 }),
      AUDIT_CODES,
      (report) => {
        verdict = report.verdict
      },
    )
    if (lies.length > 0 || outcome !== ACCEPTED) return outcome
    const isHonest = PATHS.every((path, at) => isPublished(path, items[at]))
    demand(
      (verdict === 'clean') === isHonest,
      `a log that ${isHonest ? 'is' : 'is not'} the anchored one is called ${verdict}`,
    )
    return (verdict === 'clean' ? ACCEPTED : 'LOG_MISMATCH') satisfies Outcome
  },
  close: closeLiar,
}

function writeLog(files: readonly Uint8Array[]): string {
  const folder = join(aFolder(), 'log')
  rmSync(folder, { recursive: true, force: true })
  for (const [at, path] of PATHS.entries()) aFile(join('log', path), files[at] ?? new Uint8Array(0))
  return folder
}

/** The very bytes; of a checkpoint the text, and whatever signatures others have added. */
function isPublished(path: string, bytes: Uint8Array | undefined): boolean {
  const published = FILES.get(path) as Uint8Array
  if (isSame(bytes, published)) return true
  if (path !== 'checkpoint' || bytes === undefined) return false
  try {
    const [left, right] = [parseNote(bytes), parseNote(published)]
    return (
      left.text === right.text && right.signatures.every((own) => left.signatures.some((line) => isSame(line, own)))
    )
  } catch {
    // What is no note is not that note.
    return false
  }
}

export const RPC: readonly Target[] = [hostRpc, audit]
