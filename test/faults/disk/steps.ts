/**
 * Every durable step of host, workers and enclave: the calls that it is made of, and the functions of the source that make
 * them. A step is data; what is done to it is `orderOf`, what must be true afterwards is the test's.
 */
import type { Order, Probe } from './orders.ts'

export type Step = {
  readonly name: string
  /** `file function` of every durable call of the step. */
  readonly sources: readonly string[]
  /** Which stage is at work, where one process holds several. */
  readonly scene?: string
  /** The first call. Torn is half of its bytes; where it writes none, the calls of `torn` passed but the last. */
  readonly begins: Probe
  readonly torn?: readonly Probe[]
  /** Before the last of these a power cut undoes the step. */
  readonly lost: readonly Probe[]
  /** After the last of these nothing does. */
  readonly kept: readonly Probe[]
  /** Rounds of credits that bring the step about. */
  readonly rounds?: number
  /** What happened is beyond the machine: power fails after it, since nothing on the disk undoes it. */
  readonly isOutOfHand?: boolean
  /** A commit is ready and would pass; then the treasury is empty, and it is mined and reverts. */
  readonly followsRevert?: boolean
  /** Only a process that has just started comes here. */
  readonly isFirstOfProcess?: boolean
}

export const FAULTS = ['before', 'after', 'torn', 'lost', 'repeated'] as const
export type Fault = (typeof FAULTS)[number]

/**
 * The faults of a step in this run: every one in the slow suite `crashes`, one in `faults`, another for each step, so that a
 * change waits for minutes and not for an hour.
 */
export function faultsAt<T extends Fault>(faults: readonly T[], at: number): readonly T[] {
  if (process.env['CRASH_CELLS'] === 'all') return faults
  return [faults[at % faults.length] as T]
}

export function orderOf(step: Step, fault: Fault, pidsBeside: readonly number[]): Order {
  const { scene, begins, torn, lost, kept, isOutOfHand } = step
  const place = scene === undefined ? {} : { scene }
  switch (fault) {
    case 'before':
      return { ...place, probes: [begins], side: 'before' }
    case 'torn':
      return torn === undefined
        ? { ...place, probes: [begins], side: 'torn' }
        : { ...place, probes: torn, side: 'before' }
    case 'lost':
      return { ...place, probes: lost, side: isOutOfHand === true ? 'after' : 'before', cutsPowerOf: pidsBeside }
    case 'after':
    case 'repeated':
      return { ...place, probes: kept, side: 'after' }
  }
}

export const ADDRESS = '0x[0-9a-f]{40}'
const WRITE_ALL = 'host/durable-file.ts writeAll'
const FRAME = [WRITE_ALL, 'host/frame-log.ts write', 'host/frame-log.ts sync', 'host/records.ts persist']
const WHOLE_FILE = ['writeDurably', 'makeFolder', 'syncFolder'].map((name) => `host/durable-file.ts ${name}`)
const OUTBOX_LINE = [WRITE_ALL, 'host/outbox.ts openOutbox', 'host/outbox.ts append', 'host/outbox.ts appendText']

type Place = Pick<Step, 'name' | 'sources' | 'scene' | 'rounds' | 'isFirstOfProcess'>

/** A frame at its place in a log, then its fsync. */
function frame(place: Place, folder: string): Step {
  const path = `^${folder}/${ADDRESS}\\.log$`
  const synced: readonly Probe[] = [{ operation: 'sync', path }]
  const sources = [...FRAME, ...place.sources]
  return { ...place, sources, begins: { operation: 'write', path }, lost: synced, kept: synced }
}

/** A file that is whole or absent: a draft, its fsync, its name, the fsync of the folder. */
export function whole(place: Place, folder: string, name: string, text?: string, within = folder): Step {
  const written = text === undefined ? {} : { text }
  const begins: Probe = { operation: 'write', path: `^${folder}${name}\\.[^/]+\\.tmp$`, ...written }
  const named: readonly Probe[] = [
    begins,
    { operation: 'rename', path: `^${folder}${name}$` },
    { operation: 'folder', path: `^${within.replace(/\/$/, '')}$` },
  ]
  return { ...place, sources: [...WHOLE_FILE, ...place.sources], begins, lost: named, kept: named }
}

/** A line at the end of a file, its fsync, and that of the folder, should the line begin the file. */
function line(place: Place, folder: string, file: string, text?: string): Step {
  const path = `^${folder}/${file}$`
  const begins: Probe = { operation: 'write', path, ...(text === undefined ? {} : { text }) }
  const synced: readonly Probe[] = [begins, { operation: 'sync', path }]
  return { ...place, begins, lost: synced, kept: [...synced, { operation: 'folder', path: `^${folder}$` }] }
}

/** A line that begins a file: until the folder is synced, the file has no name. */
function firstLine(place: Place, folder: string, file: string, text: string): Step {
  const begins: Probe = { operation: 'write', path: `^${folder}/${file}$`, text }
  const named: readonly Probe[] = [begins, { operation: 'folder', path: `^${folder}$` }]
  return { ...place, begins, lost: named, kept: named }
}

const COMMIT_FILE = '\\d{15}-\\d{15}\\.log'
const OPEN_FILE = '\\d{15}-open\\.log'

function outboxLine(name: string, kind: string, scene: string, source: string): Step {
  const place = { name, sources: [...OUTBOX_LINE, source], scene }
  return line(place, 'outbox', COMMIT_FILE, `"kind":"${kind}"`)
}

const PUBLISH = 'host/audit-log.ts publish'

export const STAGE_STEPS: readonly Step[] = [
  frame({ name: 'the sealed delta that holds the cursor of the journal', sources: [], scene: 'ingest' }, 'sealed'),
  frame({ name: 'the public entries of journal lines', sources: [], scene: 'ingest' }, 'audit/pending'),
  line(
    {
      name: 'the receipts of journal lines',
      sources: [
        'host/receipts.ts storeReceipts',
        'host/durable-file.ts appendLines',
        'workers/1-ingest/worker.ts perform',
      ],
      scene: 'ingest',
    },
    'receipts',
    `${ADDRESS}\\.log`,
  ),
  whole(
    {
      name: 'the index of the journal',
      sources: ['host/journal-index.ts indexFile'],
      scene: 'ingest',
      isFirstOfProcess: true,
    },
    '',
    'journal\\.index',
  ),
  frame({ name: 'the sealed delta of a commit', sources: [], scene: 'prepare' }, 'sealed'),
  frame({ name: 'the public entries of a commit', sources: [], scene: 'prepare' }, 'audit/pending'),
  firstLine(
    { name: 'the signed attempt in the outbox', sources: [...OUTBOX_LINE, 'host/commits.ts keep'], scene: 'prepare' },
    'outbox',
    COMMIT_FILE,
    '"kind":"attempt"',
  ),
  outboxLine('the mark that the attempt may go out', 'ready', 'prepare', 'host/commits.ts markReady'),
  sent('the broadcast of a commit', 'broadcast'),
  outboxLine('the place where a commit landed', 'landed', 'confirm', 'workers/4-confirm/stories.ts noteLanding'),
  {
    ...outboxLine('the mark of a mined revert', 'reverted', 'confirm', 'workers/4-confirm/stories.ts noteReverts'),
    followsRevert: true,
  },
  frame({ name: 'the sealed delta of a settlement', sources: [], scene: 'confirm' }, 'sealed'),
  frame({ name: 'the public entries of a settlement', sources: [], scene: 'confirm' }, 'audit/pending'),
  outboxLine('the note of a settlement', 'settled', 'confirm', 'workers/4-confirm/worker.ts settle'),
  whole(
    { name: 'an entry bundle', sources: ['host/audit-log.ts #write'], scene: 'confirm' },
    'audit/tile/entries/',
    '\\d{3}\\.p/\\d+',
    undefined,
    'audit/tile/entries/\\d{3}\\.p',
  ),
  whole(
    { name: 'a hash tile', sources: ['host/audit-log.ts #write'], scene: 'confirm' },
    'audit/tile/0/',
    '\\d{3}\\.p/\\d+',
    undefined,
    'audit/tile/0/\\d{3}\\.p',
  ),
  whole({ name: 'the size of the log', sources: [PUBLISH], scene: 'confirm' }, 'audit/', 'size\\.json'),
  whole(
    { name: 'the checkpoint of the log', sources: ['host/audit-log.ts writeCheckpoint'], scene: 'confirm' },
    'audit/',
    'checkpoint',
  ),
  archived(),
  partialsDropped(),
]

/** A signed call on its way to the chain: from here on, all that it rests on must be on the disk. */
function sent(name: string, scene?: string): Step {
  const begins: Probe = { operation: 'send', path: '', text: 'eth_sendRawTransaction' }
  const place = { name, sources: [], ...(scene === undefined ? {} : { scene }) }
  return { ...place, begins, lost: [begins], kept: [begins], isOutOfHand: true }
}

/** A second name in the archive, then the old name gone. */
function archived(): Step {
  const begins: Probe = { operation: 'link', path: `^outbox/archive/${COMMIT_FILE}$` }
  const removed: Probe = { operation: 'remove', path: `^outbox/${COMMIT_FILE}$` }
  const synced: Probe = { operation: 'folder', path: '^outbox$' }
  return {
    name: 'the move of a final call to the archive',
    sources: ['host/outbox.ts moveAside', 'workers/4-confirm/stories.ts finishStories'],
    scene: 'confirm',
    begins,
    torn: [begins, removed],
    lost: [begins, removed, synced],
    kept: [begins, removed, synced],
  }
}

/** Partial tiles go, one after the other, once the full ones stand; nothing rests on when. */
function partialsDropped(): Step {
  const removed = (which: string): Probe => ({ operation: 'remove', path: `^audit/tile/${which}/\\d{3}\\.p$` })
  const both = [removed('entries'), removed('0')]
  return {
    name: 'the end of partial tiles that a full one replaces',
    sources: ['host/audit-log.ts dropPartials'],
    scene: 'confirm',
    begins: removed('entries'),
    torn: both,
    lost: both,
    kept: both,
    rounds: 90,
  }
}

const SNAPSHOTS = 'sealed/snapshots/'
const SNAPSHOT = `\\d{15}-${ADDRESS}`
const TAKE = 'host/snapshots.ts takeSnapshot'

export const SNAPSHOT_STEPS: readonly Step[] = [
  whole({ name: 'a chunk of a snapshot', sources: [TAKE] }, `${SNAPSHOTS}draft-${ADDRESS}/`, '000001'),
  whole({ name: 'the standing of a snapshot', sources: [TAKE] }, `${SNAPSHOTS}draft-${ADDRESS}/`, 'standing\\.json'),
  snapshotNamed(),
  snapshotDropped(),
]

/** The folder gets its name. There is no half of a rename: torn is the name without the fsync, and the power stays. */
function snapshotNamed(): Step {
  const begins: Probe = { operation: 'rename', path: `^${SNAPSHOTS}${SNAPSHOT}$` }
  const named: readonly Probe[] = [begins, { operation: 'folder', path: '^sealed/snapshots$' }]
  return { name: 'the name of a snapshot', sources: [TAKE], begins, torn: named, lost: named, kept: named }
}

/** An old folder loses its name, and then its content. */
function snapshotDropped(): Step {
  const begins: Probe = { operation: 'rename', path: `^${SNAPSHOTS}gone-${SNAPSHOT}$` }
  const folder: Probe = { operation: 'folder', path: '^sealed/snapshots$' }
  const removed: Probe = { operation: 'remove', path: `^${SNAPSHOTS}gone-${SNAPSHOT}$` }
  const sources = ['host/snapshots.ts prune']
  const name = 'the end of an old snapshot'
  return { name, sources, begins, torn: [begins, removed], lost: [begins, folder], kept: [begins, removed] }
}

const CONTROL = ['host/control.ts openControl']

/** Small files on which no wei rests: they are whole or absent, and the next writer is not hindered. */
export const CONTROL_STEPS: readonly Step[] = [
  whole({ name: 'the flag that stops a stage', sources: CONTROL }, 'control/', 'stop-prepare\\.json'),
  line(
    {
      name: 'the line of an act in the log of the operators',
      sources: ['host/durable-file.ts appendLines', ...CONTROL],
    },
    'control',
    'operators\\.log',
  ),
]

export const CANARY_STEP: Step = whole(
  { name: 'the note of the newest canary', sources: ['workers/canary.ts startCanary'] },
  'control/',
  'canary\\.json',
)

/** A record of the embedded chain that holds a call to this address. */
export function chainStep(anchor: string): Step {
  const begins: Probe = { operation: 'write', path: '^chain/chain\\.log$', text: anchor.replace(/^0x/, '') }
  const synced: readonly Probe[] = [begins, { operation: 'sync', path: '^chain/chain\\.log$' }]
  return { name: 'the record of a commit', sources: [], begins, lost: synced, kept: synced }
}

/** The enclave's own file, in development: a draft, a link that never replaces, the draft gone, the folder. */
export const KEY_STEP: Step = keyStored()

function keyStored(): Step {
  const begins: Probe = { operation: 'write', path: '^keys/wrapping\\.key\\.[0-9a-f]+$' }
  const linked: Probe = { operation: 'link', path: '^keys/wrapping\\.key$' }
  const synced: Probe = { operation: 'folder', path: '^keys$' }
  const sources = ['enclave/development/private-file.ts writeOnce']
  const stored = [begins, linked, synced]
  return { name: 'the wrapping key of a development enclave', sources, begins, lost: stored, kept: stored }
}

export const BOOT_STEPS: readonly Step[] = [
  whole(
    {
      name: 'the note of a boot',
      sources: ['host/boot-records.ts writeBoot', 'host/boot.ts load', 'host/boot.ts genesis'],
    },
    'sealed/',
    `${ADDRESS}\\.json`,
    '"epoch":null',
  ),
  frame({ name: 'the sealed delta of a boot', sources: ['host/frame-log.ts #open'] }, 'sealed'),
  frame({ name: 'the public entries of a boot', sources: ['host/frame-log.ts #open'] }, 'audit/pending'),
  whole(
    { name: 'the epoch in the note of a boot', sources: ['host/boot-records.ts writeBoot', 'host/boot.ts signOpen'] },
    'sealed/',
    `${ADDRESS}\\.json`,
    '"epoch":\\d',
  ),
  whole(
    {
      name: 'the document that vouches for a session',
      sources: ['host/attestations.ts keepAttestation', 'host/boot.ts signOpen'],
    },
    'audit/attestations/',
    `\\d+-${ADDRESS}\\.cbor`,
  ),
  firstLine(
    { name: 'the signed opening of a session', sources: [...OUTBOX_LINE, 'host/boot.ts signOpen'] },
    'outbox',
    OPEN_FILE,
    '"kind":"attempt"',
  ),
  line(
    { name: 'the mark that the opening may go out', sources: [...OUTBOX_LINE, 'host/boot.ts signOpen'] },
    'outbox',
    OPEN_FILE,
    '"kind":"ready"',
  ),
  sent('the broadcast of an opening'),
]

export const REBUILD_REQUEST: Step = whole(
  { name: 'the request for a rebuild', sources: ['host/rebuild.ts askForRebuild'] },
  'control/',
  'rebuild\\.json',
)

export const REBUILD_STEPS: readonly Step[] = [
  sealedMovedAside(),
  frame(
    { name: 'the first public entries of a rebuilt ledger', sources: ['host/rebuild.ts storeRebuilt'] },
    'audit/pending',
  ),
  snapshotOfRebuilt(),
  whole(
    { name: 'the session of a rebuilt ledger in the request', sources: ['host/rebuild.ts askForRebuild'] },
    'control/',
    'rebuild\\.json',
    '"session"',
  ),
  requestDone(),
]

/** The old sealed files get another name; the folder that replaces them makes it durable. */
function sealedMovedAside(): Step {
  const begins: Probe = { operation: 'rename', path: '^sealed-aside/\\d+$' }
  const next: Probe = { operation: 'write', path: `^sealed/${ADDRESS}\\.json\\.[^/]+\\.tmp$` }
  const place = { name: 'the move of the old sealed files', sources: ['host/rebuild.ts moveAside'] }
  return { ...place, begins, torn: [begins, next], lost: [begins], kept: [begins], isOutOfHand: true }
}

function snapshotOfRebuilt(): Step {
  return {
    ...snapshotNamed(),
    name: 'the snapshot that a rebuilt ledger begins with',
    sources: ['host/rebuild.ts rebuildLedger'],
  }
}

/** The request goes when the session has landed; should it come back, the ledger is rebuilt once more. */
function requestDone(): Step {
  const begins: Probe = { operation: 'remove', path: '^control/rebuild\\.json$' }
  const place = { name: 'the end of a request for a rebuild', sources: ['host/rebuild.ts rebuildIsDone'] }
  return { ...place, begins, lost: [begins], kept: [begins], isOutOfHand: true }
}

/** Calls that remove what lives no longer than a process: nothing of them is ever read back. */
export const UNKEPT: readonly string[] = [
  // A cache: whoever finds it torn or gone builds it anew.
  'enclave/shell/native/build.ts compile',
  'enclave/shell/endpoint.ts removeStaleSocket',
  'host/enclave-process.ts startEnclave',
]

/** Calls that no cell dies at yet. Each name here is a gap of the table. */
export const UNTRIED: readonly string[] = []

export const ALL_STEPS: readonly Step[] = [
  ...STAGE_STEPS,
  ...BOOT_STEPS,
  ...SNAPSHOT_STEPS,
  ...CONTROL_STEPS,
  CANARY_STEP,
  KEY_STEP,
  REBUILD_REQUEST,
  ...REBUILD_STEPS,
]
