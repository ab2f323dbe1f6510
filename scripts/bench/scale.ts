/** What a large ledger costs: an event, a commit, memory and a boot, on one ledger of so many accounts. */
import { readFileSync } from 'node:fs'
import { bootFigure } from './boot.ts'
import { commitFigures } from './commit.ts'
import { type BenchLedger, IN_FLIGHT_MAX, openBenchLedger } from './enclave.ts'
import { costFigure, type Figure, sizeFigure } from './figure.ts'
import type { Sizes } from './sizes.ts'

/** Odd, so that it meets every position of a ledger before it comes back. */
const STRIDE = 0x9e3779b1
const HASH_BYTES = 32
const KIB = 1_024

export async function scaleFigures(sizes: Sizes): Promise<Figure[]> {
  const few = await openBenchLedger(sizes.accountsFew)
  const fewMs = await eventsMs(few, sizes, sizes.accountsFew).finally(() => few.close())
  const many = await openBenchLedger(sizes.accountsMany)
  try {
    const events = eventFigure(sizes, await eventsMs(many, sizes, sizes.accountsMany), fewMs)
    const commits = await commitFigures(many, sizes)
    const chunks = await many.snapshot()
    const stateBytes = chunks.reduce((size, chunk) => size + chunk.length, 0)
    const memory = memoryFigure(many.pid, sizes, stateBytes)
    return [events, ...commits, await bootFigure(many, sizes, chunks), ...memory]
  } finally {
    await many.close()
  }
}

async function eventsMs(ledger: BenchLedger, sizes: Sizes, accounts: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < sizes.runs; run++) {
    await commitAll(ledger)
    const positions = Array.from({ length: sizes.events }, (_, at) => ((run * sizes.events + at) * STRIDE) % accounts)
    const frames = ledger.creditFrames(positions)
    best = Math.min(best, await ledger.computing(() => ledger.wire.exchange(frames, IN_FLIGHT_MAX)))
  }
  return best
}

/** So that a header holds every account as it is: an event marks its account as changed, as in a ledger at work. */
async function commitAll(ledger: BenchLedger): Promise<void> {
  await ledger.wire.exchange(ledger.creditFrames([0]), IN_FLIGHT_MAX)
  const { commit } = await ledger.commit()
  await ledger.settle(commit)
}

function eventFigure(sizes: Sizes, manyMs: number, fewMs: number): Figure {
  return costFigure(
    {
      what: `${sizes.events.toLocaleString('en')} events at ${sizes.accountsMany.toLocaleString('en')} accounts`,
      bound: `at ${sizes.accountsFew.toLocaleString('en')} accounts`,
      target: { side: 'at most', ratio: 1.2 },
      note: 'the account, its id and its mark of change are found in memory that no cache holds; next: the mark in the account itself',
    },
    manyMs,
    fewMs,
  )
}

/** Where the kernel tells it. What a state cannot do without is its fields, as a snapshot has them, and two hashes for each account. */
function memoryFigure(pid: number, sizes: Sizes, stateBytes: number): Figure[] {
  const resident = residentBytes(pid)
  if (resident === undefined) return []
  const said = {
    what: `resident memory at ${sizes.accountsMany.toLocaleString('en')} accounts`,
    bound: 'a snapshot and the nodes of the tree',
    note: 'an account is an object of eight fields with boxed amounts, and an entry of the map of ids; next: columns of plain numbers',
  }
  return [sizeFigure(said, resident, stateBytes + 2 * sizes.accountsMany * HASH_BYTES)]
}

function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Number.parseInt(kilobytes, 10) * KIB
  } catch {
    // Another kernel than Linux.
    return undefined
  }
}
