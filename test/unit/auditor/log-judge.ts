/** Judges a log by replay. */
import { assert } from 'chai'
import { newReplay, step, summary } from '../../../auditor/replay.ts'
import { decodeEntry, type Entry, encodeEntry } from '../../../enclave/protocol/entry.ts'

export function replayOf(entries: readonly Uint8Array[]) {
  const replay = newReplay()
  for (const [index, bytes] of entries.entries()) step(replay, bytes, index)
  return replay
}

/** `CODE subject` of the first finding, with the entry it is about. */
export function firstFinding(entries: readonly Uint8Array[]): string {
  const [first] = summary(replayOf(entries)).findings
  return first === undefined ? 'clean' : `${first.entry} ${first.code} ${first.subject}`
}

export function refuses(entries: readonly Uint8Array[], entry: number, code: string, subject?: string): void {
  const found = firstFinding(entries)
  assert.equal(
    subject === undefined ? found.split(' ').slice(0, 2).join(' ') : found,
    [entry, code, subject].filter((part) => part !== undefined).join(' '),
  )
}

export type Variation = { readonly index: number; readonly label: string; readonly codes: readonly string[] }

/** What is said of each other body that `vary` makes of an entry, with everything before it as it was. */
export function variationsOf(
  entries: readonly Uint8Array[],
  vary: (entry: Entry) => readonly { readonly label: string; readonly body: object }[],
): Variation[] {
  const replay = newReplay()
  return entries.flatMap((bytes, index) => {
    const entry = decodeEntry(bytes)
    const variations = vary(entry).map(({ label, body }) => {
      const other = encodeEntry({ ...entry, body } as Entry)
      const codes = step(structuredClone(replay), other, index).map(({ code }) => code)
      return { index, label: `${index} ${entry.type} ${label}`, codes }
    })
    step(replay, bytes, index)
    return variations
  })
}
