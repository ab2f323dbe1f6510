/** Marks along the journal (line, byte offset, head), thinned out as it grows: a cache that may be lost at any time. */
import { z } from 'zod'
import { readIfThere, writeDurably } from './durable-file.ts'

/** Before line `line`, at byte `offset`; `head` (32 bytes) is the chain over all lines before. */
export type Mark = { readonly line: number; readonly offset: number; readonly head: Buffer }

export const START: Mark = { line: 0, offset: 0, head: Buffer.alloc(32) }
export const MARKS_MAX = 4_096
export const MARK_EVERY_LINES_MIN = 64

export type IndexStore = { load(): Promise<Mark[]>; save(marks: readonly Mark[]): Promise<void> }

/** Keeps `marks` ascending and evenly spread; every second one goes when there are too many. */
export function addMark(marks: Mark[], mark: Mark): void {
  const last = marks.at(-1)?.line ?? 0
  if (mark.line < last + spacingOf(marks)) return
  marks.push(mark)
  if (marks.length <= MARKS_MAX) return
  const kept = marks.filter((_, at) => at % 2 === 1)
  marks.splice(0, marks.length, ...kept)
}

function spacingOf(marks: readonly Mark[]): number {
  const [first, second] = marks
  return first === undefined || second === undefined ? MARK_EVERY_LINES_MIN : second.line - first.line
}

const Stored = z
  .array(z.tuple([z.int().positive(), z.int().positive(), z.string().regex(/^[0-9a-f]{64}$/)]))
  .max(MARKS_MAX)

/** A file of marks. What does not read back is forgotten: reading the journal makes it anew. */
export function indexFile(path: string): IndexStore {
  return {
    load: async () => {
      const parsed = Stored.safeParse(parseJson((await readIfThere(path))?.toString('utf8') ?? '[]'))
      return parsed.success
        ? parsed.data.map(([line, offset, head]) => ({ line, offset, head: Buffer.from(head, 'hex') }))
        : []
    },
    save: (marks) =>
      writeDurably(path, JSON.stringify(marks.map(({ line, offset, head }) => [line, offset, head.toString('hex')]))),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
