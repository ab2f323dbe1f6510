/** Journal lines as the calls of an honest host: each call's frame, and the frame that acknowledges its record. */
import { hash as hashOnce } from 'node:crypto'
import { type Hash, toHash } from '../../enclave/protocol/ids.ts'
import { LINE_BYTES_MAX, LINES_BYTES_MAX, LINES_MAX } from '../../enclave/protocol/methods.ts'
import { requestFrame } from './wire.ts'

/** Where the next line goes, and which record it will be in. */
export type Cursor = { journalSize: number; journalHead: Hash; nextRecord: number }

const HASH_BYTES = 32

/** The frames that offer `lines` from the cursor on; the cursor moves to their end. */
export function framesOf(cursor: Cursor, lines: readonly Uint8Array[]): Uint8Array[] {
  const frames: Uint8Array[] = []
  const chain = Buffer.alloc(2 * HASH_BYTES)
  for (const part of callsOf(lines)) {
    const params = { firstIndex: cursor.journalSize, head: cursor.journalHead, lines: part.map(offered) }
    frames.push(requestFrame('apply_events', params), requestFrame('ack', { record: cursor.nextRecord }))
    chain.write(cursor.journalHead.slice(2), 'hex')
    for (const line of part) {
      chain.write(hashOnce('sha256', line, 'hex'), HASH_BYTES, 'hex')
      chain.write(hashOnce('sha256', chain, 'hex'), 'hex')
    }
    cursor.journalHead = toHash(chain.subarray(0, HASH_BYTES))
    cursor.journalSize += part.length
    cursor.nextRecord += 1
  }
  return frames
}

/** Cut as the ingest stage cuts them: by count and by bytes. */
function* callsOf(lines: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let from = 0
  let size = 0
  for (const [at, line] of lines.entries()) {
    const bytes = line.length > LINE_BYTES_MAX ? 0 : line.length
    if (at - from >= LINES_MAX || size + bytes > LINES_BYTES_MAX) {
      yield lines.slice(from, at)
      from = at
      size = 0
    }
    size += bytes
  }
  if (from < lines.length) yield lines.slice(from)
}

/** A line that is too long goes as its hash. */
function offered(line: Uint8Array): Uint8Array | { hash: Hash; bytes: number } {
  if (line.length <= LINE_BYTES_MAX) return new Uint8Array(line)
  return { hash: `0x${hashOnce('sha256', line, 'hex')}` as Hash, bytes: line.length }
}

/** One gwei for this id: as short as an honest line can be. */
export function shortLine(id: string): Uint8Array {
  const fields = { event: 'credit', orchestrator_id: id, amount: '1E-9', reason: 'workload' }
  return new TextEncoder().encode(`${JSON.stringify(fields)}\n`)
}
