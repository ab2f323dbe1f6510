/** Entries of the log as a boot has them, through the boots that it goes back to, without reading what was read before. */
import { CodedError } from '../enclave/protocol/errors.ts'
import { type BootLogs, decodeEntries, logsOf, pathTo, readBoot, type Segment, storedEnd } from './boot-records.ts'
import type { DataPaths } from './paths.ts'

export class EntryReader {
  readonly #paths: DataPaths
  /** Open logs, each with the places of its frames: a file is scanned once, then only where it grows. */
  readonly #logs = new Map<string, BootLogs>()

  constructor(paths: DataPaths) {
    this.#paths = paths
  }

  /** Entries from..to−1 in the history of `session`. Refuses AUDIT_STORE when some are missing. */
  async between(session: string, from: number, to: number): Promise<Uint8Array[]> {
    const segments = await pathTo(this.#paths, session, await storedEnd(await this.#open(session)))
    const entries: Uint8Array[] = []
    for (const segment of await this.#since(segments, from)) await this.#collect(segment, from, to, entries)
    if (entries.length === to - from) return entries
    throw new CodedError('AUDIT_STORE', `expected entries ${from} to ${to}, ${entries.length} of them are stored`)
  }

  async close(): Promise<void> {
    for (const { sealed, entries } of this.#logs.values()) await Promise.all([sealed.close(), entries.close()])
    this.#logs.clear()
  }

  async #open(session: string): Promise<BootLogs> {
    const known = this.#logs.get(session)
    if (known !== undefined) return known
    const boot = await readBoot(this.#paths, session)
    if (boot === undefined)
      throw new CodedError('AUDIT_STORE', `expected the records of boot ${session}, they are missing`)
    const logs = logsOf(this.#paths, boot)
    this.#logs.set(session, logs)
    return logs
  }

  /** The segments from the one that holds entry `from` on. */
  async #since(segments: readonly Segment[], from: number): Promise<readonly Segment[]> {
    for (let at = segments.length - 1; at > 0; at--) {
      const segment = segments[at] as Segment
      if (segment.from < segment.to && (await this.#indexAt(segment.session, segment.from)) <= from)
        return segments.slice(at)
    }
    return segments
  }

  async #collect(segment: Segment, from: number, to: number, into: Uint8Array[]): Promise<void> {
    const { entries: log } = await this.#open(segment.session)
    await log.refresh()
    const start = await this.#recordOf(segment, from)
    for await (const payload of log.read(start, segment.to)) {
      const { firstIndex, entries } = decodeEntries(payload)
      if (firstIndex >= to) return
      const skip = Math.max(0, from + into.length - firstIndex)
      for (const entry of entries.slice(skip, Math.max(skip, to - firstIndex))) into.push(entry)
    }
  }

  /** The last record whose first entry is not after `index`: a search by halves. */
  async #recordOf({ session, from, to }: Segment, index: number): Promise<number> {
    let [low, high] = [from, Math.max(from, to - 1)]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((await this.#indexAt(session, middle)) <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  async #indexAt(session: string, record: number): Promise<number> {
    const { entries: log } = await this.#open(session)
    await log.refresh()
    for await (const payload of log.read(record, record + 1)) return decodeEntries(payload).firstIndex
    return 0
  }
}
