/**
 * The entry that is written a thousand times for each other one: the credit of a journal line, field after field in
 * canonical order. A test holds it equal to the general codec, byte for byte.
 */
import { BYTES, finish, MAP, newSink, type Sink, writeEncoded, writeHead, writeNumber, writeText } from './cbor-sink.ts'
import { assert } from './errors.ts'
import { HASH_BYTES } from './ids.ts'
import type { Wei } from './money.ts'

/** What its body says, but for the hash of the line. */
export type JournalCredit = {
  readonly account: number
  readonly id: string
  readonly wei: Wei
  readonly line: number
  readonly amount: string
  readonly reason: string
}

const ENTRY_KEYS = 5
const BODY_KEYS = 8

/** What never differs, encoded once, each named after the value that follows. */
const UP_TO = {
  i: encoded((sink) => {
    writeHead(sink, MAP, ENTRY_KEYS)
    writeText(sink, 'i')
  }),
  v: encoded((sink) => writeText(sink, 'v')),
  at: encoded((sink) => writeText(sink, 'at')),
  id: encoded((sink) => {
    writeText(sink, 'body')
    writeHead(sink, MAP, BODY_KEYS)
    writeText(sink, 'id')
  }),
  wei: encoded((sink) => writeText(sink, 'wei')),
  hash: encoded((sink) => {
    writeText(sink, 'hash')
    writeHead(sink, BYTES, HASH_BYTES)
  }),
  line: encoded((sink) => writeText(sink, 'line')),
  amount: encoded((sink) => writeText(sink, 'amount')),
  reason: encoded((sink) => writeText(sink, 'reason')),
  account: encoded((sink) => {
    writeText(sink, 'source')
    writeText(sink, 'journal')
    writeText(sink, 'account')
  }),
  end: encoded((sink) => {
    writeText(sink, 'type')
    writeText(sink, 'credit')
  }),
}

function encoded(write: (sink: Sink) => void): Uint8Array {
  const sink = newSink(false)
  write(sink)
  return finish(sink)
}

/** The canonical bytes of {i, v, at, body, type} with this body, where `lineHash` has 32 bytes. */
export function encodeJournalCredit(
  v: number,
  i: number,
  at: number,
  body: JournalCredit,
  lineHash: Uint8Array,
): Uint8Array {
  assert(lineHash.length === HASH_BYTES, 'the hash of a line has 32 bytes')
  const sink = newSink(false)
  writeEncoded(sink, UP_TO.i)
  writeNumber(sink, i)
  writeEncoded(sink, UP_TO.v)
  writeNumber(sink, v)
  writeEncoded(sink, UP_TO.at)
  writeNumber(sink, at)
  writeEncoded(sink, UP_TO.id)
  writeText(sink, body.id)
  writeEncoded(sink, UP_TO.wei)
  writeText(sink, body.wei.toString())
  writeEncoded(sink, UP_TO.hash)
  writeEncoded(sink, lineHash)
  writeEncoded(sink, UP_TO.line)
  writeNumber(sink, body.line)
  writeEncoded(sink, UP_TO.amount)
  writeText(sink, body.amount)
  writeEncoded(sink, UP_TO.reason)
  writeText(sink, body.reason)
  writeEncoded(sink, UP_TO.account)
  writeNumber(sink, body.account)
  writeEncoded(sink, UP_TO.end)
  return finish(sink)
}
