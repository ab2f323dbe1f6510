/**
 * The entry that is written a thousand times for each other one: the credit of a journal line, field after field in
 * canonical order. A test holds it equal to the general codec, byte for byte.
 */
import { finish, MAP, newSink, type Sink, writeBytes, writeHead, writeNumber, writeText } from './cbor-sink.ts'
import { fromHex, type Hash } from './ids.ts'
import type { Wei } from './money.ts'

export type JournalCredit = {
  readonly account: number
  readonly id: string
  readonly wei: Wei
  readonly line: number
  readonly hash: Hash
  readonly amount: string
  readonly reason: string
}

const ENTRY_KEYS = 5
const BODY_KEYS = 8

/** The canonical bytes of {i, v, at, body, type} with this body. */
export function encodeJournalCredit(v: number, i: number, at: number, body: JournalCredit): Uint8Array {
  const sink = newSink(false)
  writeHead(sink, MAP, ENTRY_KEYS)
  writeText(sink, 'i')
  writeNumber(sink, i)
  writeText(sink, 'v')
  writeNumber(sink, v)
  writeText(sink, 'at')
  writeNumber(sink, at)
  writeText(sink, 'body')
  writeBody(sink, body)
  writeText(sink, 'type')
  writeText(sink, 'credit')
  return finish(sink)
}

function writeBody(sink: Sink, body: JournalCredit): void {
  writeHead(sink, MAP, BODY_KEYS)
  writeText(sink, 'id')
  writeText(sink, body.id)
  writeText(sink, 'wei')
  writeText(sink, body.wei.toString())
  writeText(sink, 'hash')
  writeBytes(sink, fromHex(body.hash))
  writeText(sink, 'line')
  writeNumber(sink, body.line)
  writeText(sink, 'amount')
  writeText(sink, body.amount)
  writeText(sink, 'reason')
  writeText(sink, body.reason)
  writeText(sink, 'source')
  writeText(sink, 'journal')
  writeText(sink, 'account')
  writeNumber(sink, body.account)
}
