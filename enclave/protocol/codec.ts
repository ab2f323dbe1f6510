/**
 * Small two-way descriptions of the values inside canonical CBOR: `encode` makes the CBOR value, `decode` checks a
 * foreign one and gives it its type. Hashes and addresses are byte strings there and hex text in code; wei are
 * decimal text there and bigint in code. Every description carries its limit.
 */
import type { CborValue } from './cbor.ts'
import type { ErrorCode } from './errors.ts'
import { CodedError, quote } from './errors.ts'
import type { Address, Hash, Hex } from './ids.ts'
import { ADDRESS_BYTES, fromHex, fromHexOr, HASH_BYTES, toHex } from './ids.ts'
import type { Wei } from './money.ts'
import { parseWei } from './money.ts'
import { utf8 } from './words.ts'

export type Codec<T> = {
  readonly encode: (value: T) => CborValue
  /** Throws FieldError, which the caller turns into its own code; `path` names the field. */
  readonly decode: (value: unknown, path: string) => T
}

export type Decoded<C> = C extends Codec<infer T> ? T : never

/** A field that does not fit its description. Callers of `decodeWith` never see it. */
class FieldError extends Error {}

function misfit(path: string, expected: string, got: unknown): never {
  throw new FieldError(`${path}: expected ${expected}, got ${describe(got)}`)
}

const DESCRIBED_CHARACTERS_MAX = 80

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'bigint') return value.toString()
  return quote(value).slice(0, DESCRIBED_CHARACTERS_MAX)
}

/** Decodes a foreign value, or refuses with `code` and the path of the field. */
export function decodeWith<T>(codec: Codec<T>, value: unknown, code: ErrorCode, path: string): T {
  try {
    return codec.decode(value, path)
  } catch (error) {
    if (error instanceof FieldError) throw new CodedError(code, error.message)
    throw error
  }
}

/** An unsigned integer of at most `max`, which is at most 2^53 − 1. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Codec<number> {
  return {
    encode: (value) => value,
    decode: (value, path) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
        ? value
        : misfit(path, `an integer from 0 to ${max}`, value),
  }
}

/** Well-formed text of `bytesMin`..`bytesMax` bytes of UTF-8. */
export function text(bytesMax: number, bytesMin = 0): Codec<string> {
  const fits = (value: string): boolean => {
    if (value.length > bytesMax || !value.isWellFormed()) return false
    const size = value.length * 3 <= bytesMax && value.length >= bytesMin ? value.length : utf8(value).length
    return size >= bytesMin && size <= bytesMax
  }
  return {
    encode: (value) => value,
    decode: (value, path) =>
      typeof value === 'string' && fits(value)
        ? value
        : misfit(path, `text of ${bytesMin} to ${bytesMax} bytes`, value),
  }
}

function fixedBytes<T extends Hex>(size: number): Codec<T> {
  return {
    encode: (value) => fromHex(value),
    decode: (value, path) => {
      const bytes = typeof value === 'string' ? fromHexOr(value.toLowerCase()) : value
      return bytes instanceof Uint8Array && bytes.length === size
        ? (toHex(bytes) as T)
        : misfit(path, `${size} bytes`, value)
    },
  }
}

export const hash: Codec<Hash> = fixedBytes<Hash>(HASH_BYTES)
export const address: Codec<Address> = fixedBytes<Address>(ADDRESS_BYTES)

/** 65 bytes r‖s‖v. */
export const signature: Codec<Hex> = fixedBytes<Hex>(65)

export const flag: Codec<boolean> = {
  encode: (value) => value,
  decode: (value, path) => (typeof value === 'boolean' ? value : misfit(path, 'true or false', value)),
}

/** An unsigned amount, canonical decimal text below 2^128. */
export const amountWei: Codec<Wei> = {
  encode: (value) => value.toString(),
  decode: (value, path) => {
    try {
      if (typeof value === 'string') return parseWei(value)
    } catch {
      // Falls through to the refusal that names the field.
    }
    return misfit(path, 'wei as decimal text', value)
  },
}

const SIGNED_WEI = /^(0|-?[1-9][0-9]{0,38})$/

/** A signed amount, canonical decimal text. */
export const deltaWei: Codec<bigint> = {
  encode: (value) => value.toString(),
  decode: (value, path) =>
    typeof value === 'string' && SIGNED_WEI.test(value)
      ? BigInt(value)
      : misfit(path, 'signed wei as decimal text', value),
}

export function oneOf<const T extends string>(...names: readonly T[]): Codec<T> {
  return {
    encode: (value) => value,
    decode: (value, path) => (names.includes(value as T) ? (value as T) : misfit(path, names.join(' or '), value)),
  }
}

export function list<T>(item: Codec<T>, itemsMax: number): Codec<readonly T[]> {
  return {
    encode: (values) => values.map((value) => item.encode(value)),
    decode: (values, path) => {
      if (!Array.isArray(values) || values.length > itemsMax)
        return misfit(path, `a list of at most ${itemsMax}`, values)
      return values.map((value, at) => item.decode(value, `${path}[${at}]`))
    },
  }
}

export function nullable<T>(inner: Codec<T>): Codec<T | null> {
  return {
    encode: (value) => (value === null ? null : inner.encode(value)),
    decode: (value, path) => (value === null ? null : inner.decode(value, path)),
  }
}

type Fields = { readonly [name: string]: Codec<never> | Codec<unknown> }
// biome-ignore lint/suspicious/noExplicitAny: the field types are recovered by Struct below.
type AnyFields = { readonly [name: string]: Codec<any> }
export type Struct<F extends AnyFields> = { readonly [K in keyof F]: Decoded<F[K]> }

/** Canonical order of text keys: the shorter encoded form first, then bytewise (RFC 8949 section 4.2.1). */
export function canonicalKeyOrder(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

/** A map with exactly these ASCII keys. */
export function struct<F extends AnyFields>(fields: F): Codec<Struct<F>> {
  const names = Object.keys(fields).sort(canonicalKeyOrder)
  const members = names.map((name) => ({ name, codec: (fields as Fields)[name] as Codec<unknown> }))
  return {
    encode: (value) => {
      const map: { [key: string]: CborValue } = {}
      for (const { name, codec } of members) map[name] = codec.encode((value as { [key: string]: unknown })[name])
      return map
    },
    decode: (value, path) => {
      if (!isMap(value)) return misfit(path, 'a map', value)
      for (const key of Object.keys(value))
        if (!Object.hasOwn(fields, key)) return misfit(path, `the keys ${names.join(', ')}`, key)
      const result: { [key: string]: unknown } = {}
      for (const { name, codec } of members) result[name] = codec.decode(value[name], `${path}.${name}`)
      return result as Struct<F>
    },
  }
}

/** A map whose key `source` decides which other keys it has. */
export function bySource<V extends { readonly [source: string]: AnyFields }>(variants: V): Codec<BySource<V>> {
  const codecs = new Map(
    Object.entries(variants).map(([source, fields]) => [source, struct({ ...fields, source: oneOf(source) })]),
  )
  return {
    encode: (value) => (codecs.get((value as { source: string }).source) as Codec<unknown>).encode(value),
    decode: (value, path) => {
      const codec = isMap(value) && typeof value['source'] === 'string' ? codecs.get(value['source']) : undefined
      if (codec === undefined) return misfit(`${path}.source`, [...codecs.keys()].join(' or '), value)
      return codec.decode(value, path) as BySource<V>
    },
  }
}

export type BySource<V extends { readonly [source: string]: AnyFields }> = {
  [S in keyof V]: { readonly source: S } & Struct<V[S]>
}[keyof V]

function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
