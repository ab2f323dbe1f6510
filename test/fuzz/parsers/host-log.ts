/** What publishing reads back: notes and records of boots, bundles and tiles, as a disk or a hand may have left them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import { leafHash, rootOf } from '../../../enclave/protocol/log-tree.ts'
import { tilePath } from '../../../enclave/protocol/tlog.ts'
import { type FinalCommit, openAuditLog } from '../../../host/audit-log.ts'
import { encodeEntries, logsOf, writeBoot } from '../../../host/boot-records.ts'
import { planLoad } from '../../../host/load-plan.ts'
import { pathsOf } from '../../../host/paths.ts'
import { readPending, readPublished } from '../../../host/published-entries.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import { aFullLog } from '../../unit/auditor/log-builder.ts'
import { ACCEPTED, demand, isSame, judgedLater, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'

const [FIRST, SECOND] = [anAddress(0x51), anAddress(0x52)]
const ENTRIES = aFullLog().entries.slice(0, 12)
/** Records of two entries each: three of the first boot, three of the second. */
const RECORD_ENTRIES = 2
const CUT = 3
/** What is published before the second boot's tail. */
const PUBLISHED = 7
const CODES = ['AUDIT_STORE', 'LOG_MISMATCH', 'SEALED_STORE', 'TILE_SYNTAX'] as const

/** Of this making alone: other modules fill theirs at the same time. */
const HONEST_FOLDER = mkdtempSync(join(tmpdir(), 'fuzz-honest-'))
const HONEST_PATHS = pathsOf(HONEST_FOLDER)

const paths = () => pathsOf(aFolder())

function commitOf(session: string, logSize: number): FinalCommit {
  const logRoot = toHash(rootOf(ENTRIES.slice(0, logSize).map(leafHash)))
  return { session, logSize, logRoot, checkpoint: undefined }
}

async function writeHonest(): Promise<void> {
  const boots = [
    { session: FIRST, parent: null, epoch: 1, atMs: 1 },
    { session: SECOND, parent: { session: FIRST, end: CUT }, epoch: 2, atMs: 2 },
  ]
  for (const boot of boots) {
    await writeBoot(HONEST_PATHS, boot)
    const { sealed, entries } = logsOf(HONEST_PATHS, boot)
    for (let record = sealed.first; record < sealed.first + CUT; record++) {
      const firstIndex = record * RECORD_ENTRIES
      const own = ENTRIES.slice(firstIndex, firstIndex + RECORD_ENTRIES).map((entry) => new Uint8Array(entry))
      await sealed.write(record, Uint8Array.of(record))
      await entries.write(record, encodeEntries({ firstIndex, entries: own }))
    }
    await sealed.close()
    await entries.close()
  }
  const log = openAuditLog(HONEST_PATHS)
  await log.publish(commitOf(SECOND, PUBLISHED))
  await log.close()
}

/** In the order in which an input has them. */
const NAMES = [
  ...[FIRST, SECOND].flatMap((session) => [
    join(HONEST_PATHS.sealed, `${session}.json`),
    join(HONEST_PATHS.sealed, `${session}.log`),
    join(HONEST_PATHS.auditPending, `${session}.log`),
  ]),
  ...[
    'size.json',
    tilePath({ kind: 'entries', index: 0, width: PUBLISHED }),
    tilePath({ kind: 'hashes', level: 0, index: 0, width: PUBLISHED }),
  ].map((name) => join(HONEST_PATHS.audit, name)),
].map((path) => relative(HONEST_FOLDER, path))

await writeHonest()
const HONEST = NAMES.map((name) => new Uint8Array(readFileSync(join(HONEST_FOLDER, name))))
rmSync(HONEST_FOLDER, { recursive: true })

/** One file damaged; or a note that leads elsewhere, and in a circle. */
function changeFiles(dice: Dice, input: Uint8Array): Uint8Array {
  const files = unpacked(input)
  const at = dice.below(NAMES.length)
  const file = files[at] ?? new Uint8Array(0)
  if (NAMES[at]?.endsWith('.json') === true && dice.below(3) === 0)
    files[at] = new TextEncoder().encode(
      textOf(file).replaceAll(dice.pick([FIRST, SECOND]), dice.pick([FIRST, SECOND])),
    )
  else if (dice.below(6) === 0) files[at] = HONEST[dice.below(HONEST.length)] as Uint8Array
  else files[at] = (dice.below(2) === 0 ? changeInside : changeBytes)(dice, file)
  return packed(files)
}

const hostLog: Target = {
  name: 'host-log',
  claim: 'publishes the very log that is anchored, or refuses with a code and leaves what was published as it was',
  inputs: 40,
  seeds: () => [packed(HONEST), packed(HONEST.slice(0, 6))],
  mutate: changeFiles,
  run: async (input) => {
    rmSync(aFolder(), { recursive: true, force: true })
    const files = unpacked(input)
    for (const [at, name] of NAMES.entries()) if (files[at] !== undefined) aFile(name, files[at])
    const before = await sizeOf()
    const outcome = await published()
    const after = await sizeOf()
    if (outcome !== ACCEPTED) demand(isSame(after, before), 'a refusal publishes nothing')
    await readBack(after)
    return outcome
  },
  close: removeFiles,
}

async function published(): Promise<Outcome> {
  const log = openAuditLog(paths())
  const commit = commitOf(SECOND, ENTRIES.length)
  try {
    return await judgedLater(
      () => log.publish(commit),
      CODES,
      async ({ size, root }) => {
        demand(size >= commit.logSize, 'the size of the commit')
        if (size === commit.logSize) demand(root === commit.logRoot, 'its root')
      },
    )
  } finally {
    await log.close()
  }
}

async function sizeOf(): Promise<object | string> {
  const log = openAuditLog(paths())
  try {
    return await log.published()
  } catch (error) {
    if (isCoded(error, 'AUDIT_STORE')) return error.code
    throw error
  } finally {
    await log.close()
  }
}

/** As a rebuild and a load read the same files: whatever stands there, in bounded time and with a code. */
async function readBack(size: object | string): Promise<void> {
  const claimed = typeof size === 'object' ? (size as { size: number }).size : 0
  await judgedLater(
    () => Array.fromAsync(readPublished(paths(), claimed)),
    CODES,
    () => undefined,
  )
  const tail = () => readPending(paths(), [SECOND, FIRST], PUBLISHED, ENTRIES.length)
  await judgedLater(tail, CODES, (entries) => demand(entries.length === ENTRIES.length - PUBLISHED, 'a whole tail'))
  const chain = { final: async () => ({ sequence: 9, epoch: 9 }), sessionOf: async () => SECOND }
  const claim = { head: toHash(new Uint8Array(32).fill(7)), epoch: 2, bitmap: null }
  await judgedLater(
    () => planLoad(paths(), chain as never, claim),
    [...CODES, 'PREFIX_NONE', 'ENTRY_SYNTAX', 'CBOR_SYNTAX', 'CBOR_NOT_CANONICAL', 'VERSION_NEWER', 'VERSION_OLDER'],
    () => undefined,
  )
}

export const HOST_LOG: readonly Target[] = [hostLog]
