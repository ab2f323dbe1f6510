/** The host's own files, as a disk or a hand may have left them: each reads back, or is refused by name. */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ErrorCode } from '../../../enclave/protocol/errors.ts'
import { openAuditLog } from '../../../host/audit-log.ts'
import { readKeyFile } from '../../../host/boot.ts'
import { decodeEntries, encodeEntries, readBoot } from '../../../host/boot-records.ts'
import { openControl } from '../../../host/control.ts'
import { FrameLog } from '../../../host/frame-log.ts'
import { indexFile } from '../../../host/journal-index.ts'
import { openOutbox } from '../../../host/outbox.ts'
import { type DataPaths, pathsOf } from '../../../host/paths.ts'
import { nextRebuildStep } from '../../../host/rebuild.ts'
import { readOwnKeys, readRotation } from '../../../host/rotation.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import { bytesOf, demand, isSame, judged, judgedLater, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'

const SESSION = anAddress(0x5e)
const HASH = `0x${'11'.repeat(32)}`
const APPROVAL = { epoch: 2, newAuthority: SESSION, logKey: HASH, config: HASH, imageDigest: HASH, notAfter: 9 }

type SmallFile = {
  readonly path: (paths: DataPaths) => string
  readonly honest: string
  readonly codes: readonly ErrorCode[]
  readonly read: (paths: DataPaths) => Promise<unknown>
}

/** Every small file of the data folder that is read whole. */
const SMALL_FILES: readonly SmallFile[] = [
  {
    path: ({ control }) => join(control, 'stop-ingest.json'),
    honest: '{"stage":"ingest","code":"PAUSED","reason":"r","atMs":1}\n',
    codes: ['CONFIG_INVALID'],
    read: async (paths) => [await openControl(paths).flagOf('ingest'), await openControl(paths).flags()],
  },
  {
    path: ({ keyFile }) => keyFile,
    honest: `{"address":"${SESSION}","ciphertext_b64":"AA==","state_ciphertext_b64":"AA=="}`,
    codes: ['KEYS_MISSING', 'CONFIG_INVALID'],
    read: ({ keyFile }) => readKeyFile(keyFile),
  },
  {
    path: ({ audit }) => join(audit, 'size.json'),
    honest: `{"size":3,"root":"${HASH}"}`,
    codes: ['AUDIT_STORE'],
    read: (paths) => openAuditLog(paths).published(),
  },
  {
    path: ({ sealed }) => join(sealed, `${SESSION}.json`),
    honest: `{"session":"${SESSION}","parent":null,"epoch":1,"atMs":5}`,
    codes: ['SEALED_STORE'],
    read: (paths) => readBoot(paths, SESSION),
  },
  {
    path: ({ journalIndex }) => journalIndex,
    honest: `[[64,4096,"${'00'.repeat(32)}"]]`,
    codes: [],
    read: ({ journalIndex }) => indexFile(journalIndex).load(),
  },
  {
    path: ({ control }) => join(control, 'rotation.json'),
    honest: JSON.stringify({ atMs: 1, approval: { ...APPROVAL, signatures: [`0x${'22'.repeat(65)}`] } }),
    codes: ['CONFIG_INVALID'],
    read: (paths) => readRotation(paths),
  },
  {
    path: ({ nextKeyFile }) => nextKeyFile,
    honest: JSON.stringify({ address: SESSION, log_key: HASH }),
    codes: ['CONFIG_INVALID'],
    read: ({ nextKeyFile }) => readOwnKeys(nextKeyFile),
  },
  {
    path: ({ control }) => join(control, 'rebuild.json'),
    honest: JSON.stringify({ atMs: 5, session: SESSION }),
    codes: ['CONFIG_INVALID'],
    read: (paths) => nextRebuildStep(paths),
  },
]

const small: Target = {
  name: 'host-notes',
  claim: 'reads each small file of the data folder, or refuses it with a code and its name',
  inputs: 1_000,
  seeds: () => SMALL_FILES.map(({ honest }, at) => Uint8Array.of(at, ...bytesOf(honest))),
  mutate: (dice, input) => Uint8Array.of(input[0] ?? 0, ...changeInside(dice, input.subarray(1))),
  run: (input) => {
    const file = SMALL_FILES[(input[0] ?? 0) % SMALL_FILES.length] as SmallFile
    const paths = pathsOf(aFolder())
    const path = file.path(paths)
    mkdirSync(dirname(path), { recursive: true })
    aFile(path.slice(aFolder().length), input.subarray(1))
    return judgedLater(
      () => file.read(paths),
      file.codes,
      () => undefined,
    )
  },
  close: removeFiles,
}

const CHECKSUM_CHARACTERS = 16
const OUTBOX_FILE = '000000000000001-000000000000001.log'
const RECORDS = [
  {
    kind: 'attempt',
    hash: HASH,
    raw: '0x02',
    call: '0x01',
    accountNonce: 0,
    gas: 1,
    maxFeeWei: 5n,
    atMs: 1,
    header: HASH,
    logSize: null,
    payouts: [],
  },
  { kind: 'ready', hash: HASH, atMs: 2 },
  { kind: 'landed', hash: HASH, blockNumber: 1, blockHash: HASH, bitmap: null, logSize: 1, logRoot: HASH, atMs: 3 },
  { kind: 'settled', checkpoint: 'c', atMs: 4 },
] as const

async function honestOutbox(): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises')
  const paths = pathsOf(join(aFolder(), 'honest'))
  for (const record of RECORDS) await openOutbox(paths).append({ epoch: 1, sequence: 1 }, record as never)
  return readFile(join(paths.outbox, OUTBOX_FILE))
}

const HONEST_OUTBOX = new Uint8Array(await honestOutbox())
removeFiles()

const outbox: Target = {
  name: 'outbox',
  claim: 'reads the story of a call from the lines that are whole, and believes no damaged one',
  inputs: 1_000,
  seeds: () => [HONEST_OUTBOX],
  mutate: changeLines,
  run: (input) => {
    const paths = pathsOf(aFolder())
    aFile(join('outbox', OUTBOX_FILE), input)
    return judgedLater(
      () => openOutbox(paths).read({ epoch: 1, sequence: 1 }),
      ['OUTBOX_BROKEN'],
      ({ attempts, live, landed }) => {
        const text = textOf(input)
        demand(
          attempts.every(({ hash }) => text.includes(hash)),
          'only attempts that were written',
        )
        demand(live === undefined || attempts.includes(live), 'only an attempt is ready')
        demand(landed === undefined || text.includes(`"blockNumber":${landed.blockNumber}`), 'only what landed')
      },
    )
  },
  close: removeFiles,
}

/** Whole lines moved, dropped and doubled; bytes changed in others. */
function changeLines(dice: Dice, input: Uint8Array): Uint8Array {
  const lines = textOf(input).split('\n')
  const at = dice.below(lines.length)
  const kind = dice.below(5)
  if (kind === 0) lines.splice(at, 1)
  else if (kind === 1) lines.splice(dice.below(lines.length), 0, ...lines.splice(at, 1))
  else if (kind === 2) lines.splice(at, 0, lines[at] ?? '')
  else lines[at] = kind === 3 ? damaged(dice, lines[at] ?? '') : checksummed(dice, lines[at] ?? '')
  return bytesOf(lines.join('\n'))
}

function damaged(dice: Dice, line: string): string {
  return textOf(changeBytes(dice, bytesOf(line)))
}

/** Another record under a checksum that fits: whoever writes to the disk can do so. */
function checksummed(dice: Dice, line: string): string {
  const text = textOf(changeInside(dice, bytesOf(line.slice(CHECKSUM_CHARACTERS + 1)))).replaceAll('\n', '')
  return `${createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_CHARACTERS)} ${text}`
}

const PAYLOADS = [bytesOf('one'), new Uint8Array(0), new Uint8Array(400).fill(7)]

async function honestFrames(): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises')
  const path = join(aFolder(), 'honest.log')
  const log = new FrameLog(path, 5)
  for (const [at, payload] of PAYLOADS.entries()) await log.write(5 + at, payload)
  await log.close()
  return new Uint8Array(await readFile(path))
}

const HONEST_FRAMES = await honestFrames()
removeFiles()

const frameLog: Target = {
  name: 'frame-log',
  claim: 'reads of a file of frames a prefix of what was written, and writes on behind it',
  inputs: 800,
  seeds: () => [HONEST_FRAMES, HONEST_FRAMES.subarray(0, 30), new Uint8Array(0)],
  run: async (input) => {
    const path = aFile('frames.log', input)
    const log = new FrameLog(path, 5)
    try {
      const next = await log.refresh()
      const read: Uint8Array[] = []
      for await (const payload of log.read(5, next)) read.push(payload)
      demand(
        isSame(
          read,
          PAYLOADS.slice(0, next - 5).map((payload) => new Uint8Array(payload)),
        ),
        'a prefix of what was written',
      )
      return await goesOn(log, path, next)
    } finally {
      await log.close()
      rmSync(path)
    }
  },
  close: removeFiles,
  oneOutcome: true,
}

/** A frame behind whatever is left of a torn one is read back. */
async function goesOn(log: FrameLog, path: string, next: number): Promise<Outcome> {
  await log.write(next, bytesOf('on'))
  const again = new FrameLog(path, 5)
  try {
    demand((await again.refresh()) > next, 'what was written on is read back')
  } finally {
    await again.close()
  }
  return 'accepted'
}

const pending: Target = {
  name: 'pending-entries',
  claim: 'reads the entries of a stored record only from the bytes that writing them gives',
  inputs: 25_000,
  seeds: () => [
    encodeEntries({ firstIndex: 7, entries: [bytesOf('a'), new Uint8Array(300)] }),
    encodeEntries({ firstIndex: 0, entries: [] }),
  ],
  run: (input) =>
    judged(
      () => decodeEntries(input),
      ['SEALED_STORE'],
      ({ firstIndex, entries }) => {
        if (Number.isSafeInteger(firstIndex))
          demand(isSame(new Uint8Array(encodeEntries({ firstIndex, entries })), input), 'entries have one form')
      },
    ),
}

export const HOST_FILES: readonly Target[] = [small, outbox, frameLog, pending]
