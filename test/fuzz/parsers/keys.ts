/** What people keep for themselves and we read: private keys, access tokens, a reporter's own file. None of it is ever quoted. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { recoverAddress } from 'viem'
import { readTokens, TOKEN_CHARACTERS_MIN, TOKENS_MAX } from '../../../api/tokens.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { type Hash, toHex, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import { typedDigest } from '../../../enclave/protocol/typed-data.ts'
import { readKey } from '../../../reporter/key.ts'
import { NUMBERS_MAX, openStore, type ReporterStore } from '../../../reporter/store.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import { bytesOf, demand, judgedLater, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'

const OWNER_ONLY_MODE = 0o600
const LEDGER = { chainId: 1, anchor: anAddress(0xa1) }
const QUOTED_CHARACTERS_MIN = 8

function ownFile(name: string, bytes: Uint8Array): string {
  const path = aFile(name, bytes)
  chmodSync(path, OWNER_ONLY_MODE)
  return path
}

/** What is thrown says where and why, and holds no piece of the secret. */
async function unquoted<T>(secret: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const said = `${(error as Error).message} ${String((error as Error).cause)}`
    for (let from = 0; from + QUOTED_CHARACTERS_MIN <= secret.length; from++)
      demand(!said.includes(secret.slice(from, from + QUOTED_CHARACTERS_MIN)), 'no part of a secret is quoted')
    throw error
  }
}

const KEYS = [
  `0x${'5c'.repeat(32)}\n`,
  '5D'.repeat(32),
  `0x${'00'.repeat(32)}`,
  `0x${'ff'.repeat(32)}`,
  ` ${'5c'.repeat(32)}`,
]

const keyFile: Target = {
  name: 'key-file',
  claim: 'reads a private key that signs under its own address, or refuses it and quotes nothing of it',
  inputs: 250,
  seeds: () => KEYS.map(bytesOf),
  generate: (dice) => bytesOf(dice.pick(KEYS).replaceAll(/5/g, () => dice.below(16).toString(16))),
  mutate: changeBytes,
  run: (input) =>
    judgedLater(
      () => unquoted(textOf(input), () => readKey({ file: ownFile('key', input), text: undefined })),
      ['KEY_FILE'],
      async ({ address, signStruct }) => {
        const struct = new Uint8Array(32).fill(1)
        const signature = toHex(await signStruct(LEDGER, struct))
        const signer = await recoverAddress({ hash: toHex(typedDigest(LEDGER, struct)), signature })
        demand(signer.toLowerCase() === address, 'it signs as its address')
      },
    ),
  close: removeFiles,
}

const VIEWER = 'v'.repeat(TOKEN_CHARACTERS_MIN)
const ADMIN = `${'a'.repeat(TOKEN_CHARACTERS_MIN)}!~`

const TEXTS = 4

/** Two texts of the environment, then two files. */
const tokenFiles: Target = {
  name: 'token-files',
  claim: 'gives access to a token that was written down whole and to no other, or refuses all of them unquoted',
  inputs: 800,
  seeds: () => [
    packed([`${VIEWER},${VIEWER}2`, ADMIN, `${VIEWER}3\n${VIEWER}4`, `${ADMIN}5`].map(bytesOf)),
    packed([VIEWER, '', `${VIEWER}6\r\n`, `${ADMIN}7\n`].map(bytesOf)),
  ],
  mutate: (dice, input) => {
    const texts = unpacked(input)
    const at = dice.below(texts.length)
    texts[at] = changeBytes(dice, texts[at] ?? new Uint8Array(0))
    return packed(texts)
  },
  run: (input) => {
    const [viewers = '', admin = '', ...files] = unpacked(input).slice(0, TEXTS).map(textOf)
    const [viewersFile, adminFile] = files.map((text, at) => ownFile(`tokens-${at}`, bytesOf(text)))
    const texts = { viewersText: viewers === '' ? undefined : viewers, adminText: admin === '' ? undefined : admin }
    const all = [viewers, admin, ...files].join('\n')
    return judgedLater(
      () => unquoted(all, () => readTokens({ ...texts, viewersFile, adminFile })),
      ['TOKEN_WEAK'],
      ({ count, accessOf }) => {
        const written = all.split(/[,\n]/).map((text) => text.trim())
        demand(count <= TOKENS_MAX && (count >= 1 || all.trim() === ''), 'some tokens, or none was named')
        demand(written.filter((text) => accessOf(text) !== undefined).length === count, 'as many as are written')
        demand(accessOf('') === undefined && accessOf(VIEWER.slice(1)) === undefined, 'no part of one')
      },
    )
  },
  close: removeFiles,
}

const OWNER = { ledgerId: ZERO_HASH as Hash, reporter: anAddress(9) }
const EVENT = { orchestratorId: 'orch-0', recipient: ZERO_ADDRESS, amountWei: '5', workHash: ZERO_HASH }
const RECEIPT = { throughSeq: 2, epoch: 1, logIndex: 5, leafHash: ZERO_HASH, signature: `0x${'11'.repeat(65)}` }
const LINES: readonly object[] = [
  { kind: 'reporter', version: 1, ...OWNER },
  {
    kind: 'credits',
    firstSeq: 1,
    credits: [
      { ...EVENT, eventId: 'a' },
      { ...EVENT, eventId: 'b' },
    ],
  },
  { kind: 'given-up', fromSeq: 3, toSeq: 4 },
  { kind: 'taken', refused: [{ rseq: 1, code: 'LEDGER_FULL' }], receipts: [RECEIPT] },
  { kind: 'final', throughSeq: 1 },
]
const CHECKSUM_CHARACTERS = 16

/** With a checksum that fits: a line is only ever torn by accident, and rewritten by whoever knows how. */
function lineOf(text: string): string {
  return `\n${createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_CHARACTERS)} ${text}\n`
}

function fileOf(lines: readonly object[]): Uint8Array {
  return bytesOf(lines.map((line) => lineOf(JSON.stringify(line))).join(''))
}

function changeLines(dice: Dice, input: Uint8Array): Uint8Array {
  if (dice.below(4) === 0) return changeBytes(dice, input)
  const lines = textOf(input)
    .split('\n')
    .filter((line) => line !== '')
  const at = dice.below(lines.length)
  const text = lines[at]?.slice(CHECKSUM_CHARACTERS + 1) ?? ''
  const kind = dice.below(4)
  if (kind === 0) lines.splice(at, 1)
  else if (kind === 1) lines.splice(at, 0, lines[dice.below(lines.length)] ?? '')
  else lines[at] = lineOf(textOf(changeInside(dice, bytesOf(text))).replaceAll('\n', '')).trim()
  return bytesOf(lines.map((line) => `\n${line}\n`).join(''))
}

const reporterFile: Target = {
  name: 'reporter-file',
  claim: 'gives a number one meaning for ever, whatever stands in the file, or refuses the file',
  inputs: 60,
  seeds: () => [fileOf(LINES), fileOf(LINES.slice(0, 2)), new Uint8Array(0)],
  mutate: changeLines,
  run: async (input) => {
    const path = join(aFolder(), 'reporter.log')
    mkdirSync(dirname(path), { recursive: true })
    rmSync(path, { force: true })
    ownFile('reporter.log', input)
    return judgedLater(
      () => openStore(path, OWNER),
      ['REPORTER_STORE'],
      async (store) => {
        try {
          await judgeStore(store, path)
        } finally {
          await store.close()
        }
      },
    )
  },
  close: removeFiles,
}

/** A new event gets a number of its own, and whoever opens the file next reads all of it so. */
async function judgeStore(store: ReporterStore, path: string): Promise<void> {
  const before = meaningsOf(store)
  const event = { ...EVENT, workHash: EVENT.workHash as Hash, amountWei: wei(7n), eventId: 'the newest' }
  const next = store.nextSeq
  const added = await store.add([event]).catch((error: unknown) => {
    if (!isCoded(error)) throw error
    return error.code satisfies Outcome
  })
  if (typeof added === 'string') return demand(['REPORTER_STORE', 'EVENT_INVALID'].includes(added), `a code: ${added}`)
  if (added.added === 1) demand(added.numbers[0] === next && next < NUMBERS_MAX, 'the number behind the last')
  const again = await openStore(path, OWNER)
  const after = meaningsOf(again)
  await again.close()
  for (const [seq, meaning] of before) demand(after.get(seq) === meaning, `number ${seq} means what it meant`)
  demand(again.nextSeq === store.nextSeq && again.finalSeq === store.finalSeq, 'both read one file')
}

const LOOKED_AT_MAX = 8

function meaningsOf(store: ReporterStore): ReadonlyMap<number, string> {
  const first = store.finalSeq + 1
  const numbers = Array.from({ length: Math.min(LOOKED_AT_MAX, store.nextSeq - first) }, (_, at) => first + at)
  return new Map(
    numbers.map((seq) => [
      seq,
      JSON.stringify(store.at(seq, 1), (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    ]),
  )
}

export const KEY_TARGETS: readonly Target[] = [keyFile, tokenFiles, reporterFile]
