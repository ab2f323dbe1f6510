import { expect } from 'chai'
import { lineHash, nextJournalHead } from '../../../../enclave/core/journal.ts'
import { decodeRequest, FRAME_HEAD_BYTES } from '../../../../enclave/protocol/frame.ts'
import { fromHex, toHash, ZERO_HASH } from '../../../../enclave/protocol/ids.ts'
import { LINE_BYTES_MAX, LINES_MAX, METHODS } from '../../../../enclave/protocol/methods.ts'
import { framesOf, shortLine } from '../../../../scripts/bench/lines.ts'

function aCursor() {
  return { journalSize: 0, journalHead: ZERO_HASH, nextRecord: 5 }
}

function requests(frames: readonly Uint8Array[]) {
  return frames.map((frame) => decodeRequest(frame.subarray(FRAME_HEAD_BYTES)))
}

describe('the calls of the bench', () => {
  const lines = Array.from({ length: LINES_MAX + 3 }, (_, at) => shortLine(`orch-${at}`))
  const long = new Uint8Array(LINE_BYTES_MAX + 1).fill(0x61, 0, LINE_BYTES_MAX).fill(0x0a, LINE_BYTES_MAX)

  it('are ones that the enclave takes: each acknowledged, none above a limit, a long line as its hash', () => {
    for (const { method, params } of requests(framesOf(aCursor(), [...lines, long]))) {
      const known = method === 'ack' ? METHODS.ack : METHODS.apply_events
      expect(known.params.safeParse(params).success, method).to.equal(true)
    }
  })

  it('lead the cursor along the chain of the very lines, call after call', () => {
    const cursor = aCursor()
    const first = requests(framesOf(cursor, lines.slice(0, 2)))
    const rest = requests(framesOf(cursor, [...lines.slice(2), long]))
    const head = [...lines, long].reduce<Uint8Array>(
      (running, line) => nextJournalHead(running, lineHash(line)),
      fromHex(ZERO_HASH),
    )
    expect(cursor.journalHead).to.equal(toHash(head))
    expect(cursor.journalSize).to.equal(lines.length + 1)
    const offers = [...first, ...rest].filter(({ method }) => method === 'apply_events')
    const records = [...first, ...rest].filter(({ method }) => method === 'ack').map(({ params }) => params['record'])
    expect(records).to.deep.equal(offers.map((_, at) => 5 + at))
    expect(offers[1]?.params['firstIndex']).to.equal(2)
  })
})
