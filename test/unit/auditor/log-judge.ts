/** Judges a log by replay. */
import { assert } from 'chai'
import { newReplay, step, summary } from '../../../auditor/replay.ts'

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
