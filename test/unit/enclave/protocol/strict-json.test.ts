import { expect } from 'chai'
import fc from 'fast-check'
import { JSON_DEPTH_MAX, type JsonValue, parseStrictJson } from '../../../../enclave/protocol/strict-json.ts'

const encoder = new TextEncoder()

function kindOf(text: string | Uint8Array): string {
  return parseStrictJson(typeof text === 'string' ? encoder.encode(text) : text).kind
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
}

describe('strict JSON', () => {
  it('gives the value that JSON.parse gives, for any object', () => {
    const aDictionary = fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
      fc.jsonValue({ stringUnit: 'binary', depthSize: 'small' }),
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(aDictionary, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent)
        fc.pre(!text.includes('"__proto__"'))
        const parsed = parseStrictJson(encoder.encode(text), { depthMax: 64 })
        expect(parsed).to.deep.equal({
          kind: 'object',
          value: JSON.parse(text),
          wellFormed: parsedWellFormed(JSON.parse(text)),
        })
      }),
    )
  })

  it('refuses a key that is written twice, at any level and however it is escaped', () => {
    const doubled = [
      '{"a":1,"a":2}',
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"\\u00e9":1,"é":2}',
      '{"":1,"":2}',
      '{"x":{"a":1,"b":2,"a":3}}',
      '{"x":[{"a":1},{"a":1,"a":2}]}',
      '{"__proto__":1,"__proto__":2}',
      '{"1":1,"1":2}',
      '{"a\\"b":1,"a\\"b":2}',
    ]
    for (const text of doubled) expect(kindOf(text), text).to.equal('key-doubled')
  })

  it('lets the same key stand in different objects, and colons, quotes and braces stand in text', () => {
    const single = [
      '{"a":{"a":{"a":1}}}',
      '{"x":[{"a":1},{"a":1}]}',
      '{"a:b":":","c":"{\\"a\\":1,\\"a\\":2}"}',
      '{"a\\\\":":","b":"\\\\\\":"}',
      '{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}',
      '{}',
      ' {"a" : 1 }\n',
    ]
    for (const text of single) expect(kindOf(text), text).to.equal('object')
  })

  it('refuses bytes that are not UTF-8, before it looks for JSON', () => {
    for (const text of ['{"a":"\xff"}', '{"a":"\xc3"}', '{"\xed\xa0\x80":1}', '\xfe', '{"a":"\xc0\x80"}']) {
      expect(kindOf(latin1(text)), JSON.stringify(text)).to.equal('not-utf8')
    }
  })

  it('refuses whatever is not one object: other values, two of them, comments, a byte order mark, a __proto__ key', () => {
    const wrong = [
      '',
      ' ',
      '[]',
      '1',
      '"a"',
      'null',
      '{}{}',
      '{"a":1,}',
      "{'a':1}",
      '{"a":1}//',
      '{"a":NaN}',
      '{"a":01}',
      '{"a"}',
      '{:}',
    ]
    for (const text of [...wrong, '\ufeff{}', '{"a":"\n"}', '{"__proto__":1}', '{"x":{"__proto__":{}}}', '{"a":1']) {
      expect(kindOf(text), text).to.equal('not-json')
    }
  })

  it('refuses one level above the limit and one byte above the limit, and accepts the limit itself', () => {
    expect(kindOf(nested(JSON_DEPTH_MAX))).to.equal('object')
    expect(kindOf(nested(JSON_DEPTH_MAX + 1))).to.equal('not-json')
    expect(kindOf(`{"a":${'['.repeat(1_000_000)}`)).to.equal('not-json')
    expect(parseStrictJson(encoder.encode('{"a":1}'), { bytesMax: 7 }).kind).to.equal('object')
    expect(parseStrictJson(encoder.encode('{"a":1}'), { bytesMax: 6 }).kind).to.equal('not-json')
  })

  it('reports a lone surrogate in a key or a value, at any level, and does not report a pair', () => {
    const rows: [string, boolean][] = [
      ['{"a":"\\ud800"}', false],
      ['{"\\udfff":1}', false],
      ['{"a":[{"b":"x\\ud83dx"}]}', false],
      ['{"a":"\\ud83d\\ude00"}', true],
      ['{"a":"😀"}', true],
      ['{"a":"\\\\ud800"}', true],
    ]
    for (const [text, wellFormed] of rows) {
      expect(parseStrictJson(encoder.encode(text)), text).to.deep.include({ kind: 'object', wellFormed })
    }
  })

  it('finds any key doubled by copying a member of any object to its end', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, pick) => {
        const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`)
        const text = `{${[...entries, entries[pick % entries.length]].join(',')}}`
        expect(parseStrictJson(encoder.encode(text), { depthMax: 64 }).kind).to.equal('key-doubled')
      }),
    )
  })
})

function parsedWellFormed(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (Array.isArray(value)) return value.every(parsedWellFormed)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && parsedWellFormed(item))
}
