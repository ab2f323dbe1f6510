import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from 'chai'
import { bodies, decodeEntry, encodeEntry } from '../../enclave/protocol/entry.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { fromHex, type Hex, toHex } from '../../enclave/protocol/ids.ts'
import { ENTRIES } from './make-entries.ts'

const PINNED: { [name: string]: Hex } = JSON.parse(readFileSync(join(import.meta.dirname, 'entries.json'), 'utf8'))
const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'PROTOCOL.md'), 'utf8')

function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])
}

describe('entry bytes', () => {
  it('pin an example of every type, and of nothing else', () => {
    assert.deepEqual(
      Object.keys(PINNED),
      ENTRIES.map(([name]) => name),
    )
    assert.sameMembers([...new Set(ENTRIES.map(([, { type }]) => type))], Object.keys(bodies))
  })

  for (const [name, entry] of ENTRIES) {
    it(`of ${name} are those that were pinned, both ways`, () => {
      assert.equal(toHex(encodeEntry(entry)), PINNED[name])
      assert.deepEqual(decodeEntry(fromHex(PINNED[name] as Hex)), entry)
    })

    it(`of ${name} are refused with one byte less, one more, or another type`, () => {
      const bytes = fromHex(PINNED[name] as Hex)
      const unknown = bytes.slice()
      unknown[unknown.length - 1] = (unknown[unknown.length - 1] as number) ^ 1
      for (const forged of [bytes.slice(0, -1), new Uint8Array([...bytes, 0]), unknown]) {
        assert.throws(() => decodeEntry(forged), CodedError)
      }
    })
  }

  it('are described field by field in docs/PROTOCOL.md', () => {
    const missing = [...new Set(ENTRIES.flatMap(([, { type, body }]) => [type, ...keysOf(body)]))]
      .map((name) => (/^(credited|paid|reserved)Wei$/.test(name) ? name.slice(0, -3) : name))
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(PAGE))
    assert.deepEqual(missing, [])
  })
})
