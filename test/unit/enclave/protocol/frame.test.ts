import { expect } from 'chai'
import fc from 'fast-check'
import { type CborInput, encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { AssertionError, type ErrorCode } from '../../../../enclave/protocol/errors.ts'
import {
  compareCodePoints,
  decodeMessage,
  decodeRequest,
  encodeFrame,
  encodeMessage,
  FRAME_BYTES_MAX,
  FrameReader,
} from '../../../../enclave/protocol/frame.ts'
import { codeOf } from '../../../builders/refusals.ts'

const encoder = new TextEncoder()

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function announcing(bytes: number): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, bytes)
  return head
}

describe('frames: messages', () => {
  it('writes the two frames of the replaced system byte for byte', () => {
    const request = encodeFrame(encodeMessage({ params: {}, method: 'address' }, 'json'))
    expect(textOf(request)).to.equal('\x00\x00\x00\x20{"method":"address","params":{}}')
    const address = '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A'
    const reply = encodeFrame(encodeMessage({ result: { address } }, 'json'))
    expect(textOf(reply)).to.equal(`\x00\x00\x00\x43{"result":{"address":"${address}"}}`)
  })

  it('escapes as Python does: only printable ASCII leaves, in lower-case hex, surrogate pair by pair', () => {
    const message = { t: 'café \u007f \u2028 😀 "\\/ \b\f\n\r\t\u0001', é: 1 }
    expect(textOf(encodeMessage(message, 'json'))).to.equal(
      '{"t":"caf\\u00e9 \\u007f \\u2028 \\ud83d\\ude00 \\"\\\\/ \\b\\f\\n\\r\\t\\u0001","\\u00e9":1}',
    )
  })

  it('sorts keys by code point at every level, numbers as text', () => {
    const message = { '\u{1f600}': 1, '\uffee': 2, b: { 10: 0, 9: 0, a: 0 }, a: [{ z: 0, y: 0 }] }
    const text = textOf(encodeMessage(message, 'json'))
    expect(text).to.equal('{"a":[{"y":0,"z":0}],"b":{"10":0,"9":0,"a":0},"\\uffee":2,"\\ud83d\\ude00":1}')
  })

  it('orders any two texts as their UTF-8 bytes are ordered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (left, right) => {
        const bytewise = Buffer.compare(Buffer.from(left), Buffer.from(right))
        expect(Math.sign(compareCodePoints(left, right))).to.equal(bytewise)
      }),
      {
        numRuns: 500,
        examples: [
          ['\uffee', '\u{1f600}'],
          ['a', 'ab'],
          ['\ue000', '\u{10000}'],
        ],
      },
    )
  })

  it('carries bytes as 0x-hex or byte strings, and amounts as decimal text in both encodings', () => {
    const message = { hash: Uint8Array.of(0, 171), amountWei: 10n ** 20n }
    expect(textOf(encodeMessage(message, 'json'))).to.equal('{"amountWei":"100000000000000000000","hash":"0x00ab"}')
    expect(decodeMessage(encodeMessage(message, 'cbor'))).to.deep.equal({
      encoding: 'cbor',
      message: { amountWei: '100000000000000000000', hash: Uint8Array.of(0, 171) },
    })
  })

  it('tells JSON from CBOR by the first byte, and reads both alike', () => {
    const request = { method: 'status', params: { depth: 3, list: [1, 'x', null, true] } }
    for (const encoding of ['json', 'cbor'] as const) {
      expect(decodeMessage(encodeMessage(request, encoding))).to.deep.equal({ encoding, message: request })
      expect(decodeRequest(encodeMessage(request, encoding))).to.deep.equal({ encoding, ...request })
    }
  })

  it('refuses payloads that are neither, each by its code', () => {
    const rows: [Uint8Array, ErrorCode][] = [
      [new Uint8Array(0), 'FRAME_SYNTAX'],
      [encoder.encode('[1]'), 'FRAME_SYNTAX'],
      [encoder.encode(' {"method":"a","params":{}}'), 'FRAME_SYNTAX'],
      [encodeCbor([1]), 'FRAME_SYNTAX'],
      [encoder.encode('{"method":"a","method":"b","params":{}}'), 'JSON_SYNTAX'],
      [encoder.encode('{"method":"\\ud800","params":{}}'), 'JSON_SYNTAX'],
      [encoder.encode('{"method":'), 'JSON_SYNTAX'],
      [Uint8Array.of(0xa1, 0x61, 0x61), 'CBOR_SYNTAX'],
      [Uint8Array.of(0xa0, 0), 'CBOR_SYNTAX'],
    ]
    for (const [payload, code] of rows)
      expect(
        codeOf(() => decodeMessage(payload)),
        hexOf(payload),
      ).to.equal(code)
  })

  it('refuses a request without a text method or a map params, or with a third key', () => {
    const wrong: { [key: string]: CborInput }[] = [
      { method: 'a' },
      { params: {} },
      { method: 1, params: {} },
      { method: 'a', params: [] },
      { method: 'a', params: null },
      { method: 'a', params: 'x' },
      { method: 'a', params: {}, id: 1 },
    ]
    for (const message of wrong) {
      for (const encoding of ['json', 'cbor'] as const) {
        expect(codeOf(() => decodeRequest(encodeMessage(message, encoding)))).to.equal('FRAME_SYNTAX')
      }
    }
    expect(codeOf(() => decodeRequest(encodeMessage({ method: 'a', params: new Uint8Array(0) }, 'cbor')))).to.equal(
      'FRAME_SYNTAX',
    )
  })

  it('takes floats, undefined and oversized frames of ours for bugs', () => {
    const bugs = [() => encodeMessage({ a: 0.5 }, 'json'), () => encodeMessage({ a: undefined } as never, 'json')]
    for (const bug of [...bugs, () => encodeFrame(new Uint8Array(FRAME_BYTES_MAX + 1))]) {
      expect(bug).to.throw(AssertionError)
    }
  })
})

describe('frames: the reader', () => {
  it('gives the same payloads however the stream is cut', () => {
    const aPayload = fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes))
    fc.assert(
      fc.property(fc.array(aPayload, { maxLength: 8 }), fc.integer({ min: 1, max: 97 }), (payloads, step) => {
        const stream = Buffer.concat(payloads.map(encodeFrame))
        const reader = new FrameReader()
        const read: Uint8Array[] = []
        for (let at = 0; at < stream.length; at += step) read.push(...reader.push(stream.subarray(at, at + step)))
        expect(read.map(hexOf)).to.deep.equal(payloads.map(hexOf))
        expect(reader.partial).to.equal(false)
        reader.end()
      }),
    )
  })

  it('accepts a frame of the very limit and refuses one byte more as soon as four bytes have arrived', () => {
    const reader = new FrameReader(1_000)
    expect(reader.push(encodeFrame(new Uint8Array(1_000)))[0]?.length).to.equal(1_000)
    expect(reader.push(announcing(1_001).subarray(0, 3))).to.deep.equal([])
    expect(codeOf(() => reader.push(announcing(1_001).subarray(3)))).to.equal('FRAME_TOO_LARGE')
    expect(codeOf(() => reader.push(encodeFrame(Uint8Array.of(1))))).to.equal('FRAME_TOO_LARGE')
    expect(codeOf(() => new FrameReader().push(announcing(FRAME_BYTES_MAX + 1)))).to.equal('FRAME_TOO_LARGE')
    expect(codeOf(() => new FrameReader().push(announcing(2 ** 32 - 1)))).to.equal('FRAME_TOO_LARGE')
  })

  it('holds memory by what has arrived: a thousand announced frames of 8 MiB cost less than 16 MiB', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 1_000 }, () => {
      const reader = new FrameReader()
      reader.push(announcing(FRAME_BYTES_MAX))
      return reader
    })
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(16 * 2 ** 20)
    expect(readers.every((reader) => reader.partial)).to.equal(true)
  })

  it('refuses an end inside a frame, and inside its head', () => {
    for (const cut of [1, 4, 7]) {
      const reader = new FrameReader()
      reader.push(encodeFrame(encoder.encode('{}{}')).subarray(0, cut))
      expect(reader.partial).to.equal(true)
      expect(codeOf(() => reader.end())).to.equal('FRAME_TRUNCATED')
    }
  })

  it('gives copies: a chunk that is reused does not change a payload', () => {
    const chunk = Buffer.from(encodeFrame(encoder.encode('{}')))
    const [payload] = new FrameReader().push(chunk)
    chunk.fill(0)
    expect(textOf(payload as Uint8Array)).to.equal('{}')
  })

  it('copies a frame that arrives in a million pieces a few times, and not once a piece', function () {
    // Once a piece is half a terabyte: no machine does that in a minute.
    this.timeout(60_000)
    const frame = encodeFrame(new Uint8Array(1_000_000).fill(7))
    const reader = new FrameReader()
    let payloads: Uint8Array[] = []
    for (let at = 0; at < frame.length; at++) payloads = reader.push(frame.subarray(at, at + 1))
    expect(payloads[0]?.length).to.equal(1_000_000)
  })
})
