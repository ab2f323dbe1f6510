/** Payloads under a genuine signature: only the reader behind the signature can refuse them. */
import { concatBytes } from '../../enclave/protocol/words.ts'
import {
  type Entry,
  encodePcrs,
  filled,
  honestPayload,
  type PayloadEdit,
  pairOf,
  replace,
  type Variant,
} from './attestation.ts'
import {
  BREAK,
  HALF_FLOAT,
  head,
  NULL,
  openArray,
  openHead,
  openMap,
  openString,
  type Pair,
  rawArray,
  rawBytes,
  rawMap,
  rawText,
  rawUint,
  TRUE,
} from './raw-cbor.ts'

const MALFORMED = 'ATTESTATION_PAYLOAD'
export const REQUIRED_KEYS = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'] as const
export const OPTIONAL_KEYS = ['public_key', 'user_data', 'nonce'] as const
const ALL_KEYS = [...REQUIRED_KEYS, ...OPTIONAL_KEYS]
const CERTIFICATE_BYTES_MAX = 1_024
const FOREIGN_BYTES_MAX = 1_024

export const PAYLOADS: readonly Variant<PayloadEdit>[] = [
  ...forms(),
  ...keys(),
  ...scalars(),
  ...registers(),
  ...certificates(),
  ...foreignBytes(),
]

function malformed(name: string, edit: PayloadEdit): Variant<PayloadEdit> {
  return { name, expect: MALFORMED, edit }
}

function accepted(name: string, edit: PayloadEdit): Variant<PayloadEdit> {
  return { name, expect: 'accepted', edit }
}

/** Another value under one key. */
function refusedAs(key: string, name: string, value: Uint8Array): Variant<PayloadEdit> {
  return malformed(name, (entries) => honestPayload(replace(entries, key, value)))
}

function takenAs(key: string, name: string, value: Uint8Array): Variant<PayloadEdit> {
  return accepted(name, (entries) => honestPayload(replace(entries, key, value)))
}

function pairsOf(entries: readonly Entry[]): readonly Pair[] {
  return entries.map(pairOf)
}

function itemOf(entries: readonly Entry[], key: string): Uint8Array {
  return entries.find(([name]) => name === key)?.[1] ?? NULL
}

/** The payload as a map: what may vary, and what may not. */
function forms(): Variant<PayloadEdit>[] {
  return [
    accepted('an open map, as since 2025', honestPayload),
    accepted('a map of definite length, as before', (entries) => rawMap(pairsOf(entries))),
    accepted('keys in another order', (entries) => honestPayload(entries.toReversed())),
    malformed('a map whose length is longer than it has to be', (entries) =>
      concatBytes(head('map', entries.length, 1), ...pairsOf(entries).flat()),
    ),
    malformed('an open map without its end', (entries) => honestPayload(entries).slice(0, -1)),
    malformed('a map that claims one entry more', (entries) =>
      concatBytes(head('map', entries.length + 1), ...pairsOf(entries).flat()),
    ),
    malformed('a map that claims one entry fewer', (entries) =>
      concatBytes(head('map', entries.length - 1), ...pairsOf(entries).flat()),
    ),
    malformed('a map that claims 2^32 - 1 entries', (entries) =>
      concatBytes(head('map', 2 ** 32 - 1, 4), ...pairsOf(entries).flat()),
    ),
    malformed('a map that ends after a key', (entries) =>
      concatBytes(openHead('map'), ...pairsOf(entries).flat(), rawText('more'), BREAK),
    ),
    malformed('a byte behind the map', (entries) => concatBytes(honestPayload(entries), Uint8Array.of(0))),
    malformed('a tag in front of the map', (entries) => concatBytes(head('tag', 24), honestPayload(entries))),
    malformed('an array instead of the map', (entries) => rawArray(entries.map(([, value]) => value))),
    malformed('an empty map', () => rawMap([])),
    malformed('the five bytes of an array of 2^32 - 1', () => head('array', 2 ** 32 - 1, 4)),
    malformed('a break alone', () => BREAK),
  ]
}

function keys(): Variant<PayloadEdit>[] {
  const without = (key: string): PayloadEdit => {
    return (entries) => honestPayload(entries.filter(([name]) => name !== key))
  }
  const doubled = (key: string): PayloadEdit => {
    return (entries) => honestPayload([...entries, [key, itemOf(entries, key)]])
  }
  return [
    ...REQUIRED_KEYS.map((key) => malformed(`no ${key}`, without(key))),
    ...OPTIONAL_KEYS.map((key) => accepted(`no ${key}, which counts as null`, without(key))),
    ...REQUIRED_KEYS.map((key) => refusedAs(key, `null as ${key}`, NULL)),
    ...ALL_KEYS.map((key) => malformed(`${key} twice with one value`, doubled(key))),
    malformed('user_data twice, the second one another', (entries) =>
      honestPayload([...entries, ['user_data', rawBytes(filled(1))]]),
    ),
    malformed('user_data twice, the first one another', (entries) =>
      honestPayload([['user_data', rawBytes(filled(1))], ...entries]),
    ),
    malformed('pcrs twice in a definite map', (entries) =>
      rawMap(pairsOf([...entries, ['pcrs', encodePcrs(new Map([[0, filled(9)]]))]])),
    ),
    accepted('a key that nobody knows', (entries) => honestPayload([...entries, ['version', rawUint(2)]])),
    malformed('a key of bytes', (entries) => openMap([...pairsOf(entries), [rawBytes(Uint8Array.of(1)), NULL]])),
    malformed('a key in chunks', (entries) =>
      openMap([...pairsOf(entries), [openString('text', new TextEncoder().encode('version')), NULL]]),
    ),
    malformed('a key that is no UTF-8', (entries) =>
      openMap([...pairsOf(entries), [Uint8Array.of(0x62, 0xc3, 0x28), NULL]]),
    ),
    malformed('five levels under an unknown key', (entries) =>
      honestPayload([...entries, ['version', Uint8Array.of(0x81, 0x81, 0x81, 0x81, 0x80)]]),
    ),
    malformed('a float under an unknown key', (entries) => honestPayload([...entries, ['version', HALF_FLOAT]])),
    malformed('true under an unknown key', (entries) => honestPayload([...entries, ['version', TRUE]])),
    malformed('a tag under an unknown key', (entries) =>
      honestPayload([...entries, ['version', concatBytes(head('tag', 1), rawUint(0))]]),
    ),
  ]
}

function scalars(): Variant<PayloadEdit>[] {
  return [
    refusedAs('module_id', 'an empty module_id', rawText('')),
    refusedAs('module_id', 'module_id as bytes', rawBytes(Uint8Array.of(0x69))),
    refusedAs('module_id', 'module_id in chunks', openString('text', new TextEncoder().encode('i-0-enc0'))),
    refusedAs('digest', 'digest SHA256', rawText('SHA256')),
    refusedAs('digest', 'digest sha384', rawText('sha384')),
    refusedAs('digest', 'digest as bytes', rawBytes(new TextEncoder().encode('SHA384'))),
    refusedAs('timestamp', 'timestamp 0', rawUint(0)),
    refusedAs('timestamp', 'timestamp -1', head('negative', 0)),
    refusedAs('timestamp', 'timestamp as text', rawText('1700000000000')),
    refusedAs('timestamp', 'timestamp as a float', HALF_FLOAT),
    refusedAs('timestamp', 'timestamp 2^64 - 1', rawUint(2n ** 64n - 1n, 8)),
    refusedAs('timestamp', 'timestamp in more bytes than it needs', rawUint(1_000, 8)),
  ]
}

function registers(): Variant<PayloadEdit>[] {
  const pair = (index: number, bytes: Uint8Array = filled(7)): Pair => [rawUint(index), rawBytes(bytes)]
  const honest = Array.from({ length: 16 }, (_, index) => pair(index, filled(0xa0 + index)))
  const sized = (bytes: number): Uint8Array => rawMap(honest.with(3, pair(3, new Uint8Array(bytes).fill(7))))
  const refused = (name: string, value: Uint8Array): Variant<PayloadEdit> => refusedAs('pcrs', name, value)
  return [
    refused('no PCR at all', rawMap([])),
    refused('PCR0 twice with one value', rawMap([...honest, pair(0, filled(0xa0))])),
    refused('PCR0 twice, the second one another', rawMap([...honest, pair(0)])),
    refused('PCR32', rawMap([...honest, pair(32)])),
    refused('PCR 2^64 - 1', rawMap([...honest, [rawUint(2n ** 64n - 1n, 8), rawBytes(filled(7))]])),
    refused('PCR -1', rawMap([...honest, [head('negative', 0), rawBytes(filled(7))]])),
    refused('a PCR under a text', rawMap([...honest, [rawText('16'), rawBytes(filled(7))]])),
    refused('33 PCRs', rawMap(Array.from({ length: 33 }, (_, index) => pair(index)))),
    refused('PCR3 of 47 bytes', sized(47)),
    refused('PCR3 of 49 bytes', sized(49)),
    refused('PCR3 of no byte', sized(0)),
    refused('PCR3 of 64 bytes', sized(64)),
    refused('a PCR of null', rawMap(honest.with(3, [rawUint(3), NULL]))),
    refused('a PCR as text', rawMap(honest.with(3, [rawUint(3), rawText('7'.repeat(48))]))),
    refused('a PCR in chunks', rawMap(honest.with(3, [rawUint(3), openString('bytes', filled(7))]))),
    refused('an index in two bytes', rawMap(honest.with(3, [rawUint(3, 1), rawBytes(filled(7))]))),
    refused('pcrs as an array', rawArray(honest.map(([, value]) => value))),
    refused('pcrs that claim 2^32 - 1 registers', concatBytes(head('map', 2 ** 32 - 1, 4), ...honest.flat())),
    refused('pcrs that claim 2^64 - 1 registers', concatBytes(head('map', 2n ** 64n - 1n, 8), ...honest.flat())),
  ]
}

function certificates(): Variant<PayloadEdit>[] {
  const bundleOf = (name: string, change: (bundle: Uint8Array) => Uint8Array): Variant<PayloadEdit> =>
    malformed(name, (entries) => honestPayload(replace(entries, 'cabundle', change(itemOf(entries, 'cabundle')))))
  const noise = rawBytes(new Uint8Array(600))
  return [
    refusedAs('certificate', 'an empty certificate', rawBytes(new Uint8Array(0))),
    refusedAs('certificate', 'a certificate of 1025 bytes', rawBytes(new Uint8Array(CERTIFICATE_BYTES_MAX + 1))),
    refusedAs('certificate', 'a certificate as text', rawText('certificate')),
    malformed('a certificate in chunks', (entries) =>
      honestPayload(replace(entries, 'certificate', openString('bytes', itemOf(entries, 'certificate').slice(3)))),
    ),
    accepted('an open cabundle', (entries) =>
      honestPayload(
        replace(
          entries,
          'cabundle',
          // The honest item is a head of one byte and its entries.
          concatBytes(openHead('array'), itemOf(entries, 'cabundle').subarray(1), BREAK),
        ),
      ),
    ),
    refusedAs('cabundle', 'an empty cabundle', rawArray([])),
    refusedAs('cabundle', 'an empty open cabundle', openArray([])),
    refusedAs('cabundle', 'a cabundle of 9', rawArray(Array.from({ length: 9 }, () => noise))),
    refusedAs('cabundle', 'a cabundle with an empty entry', rawArray([rawBytes(new Uint8Array(0))])),
    refusedAs('cabundle', 'a cabundle entry of 1025 bytes', rawArray([rawBytes(new Uint8Array(1_025))])),
    refusedAs('cabundle', 'a cabundle entry of null', rawArray([NULL])),
    refusedAs('cabundle', 'a cabundle as a map', rawMap([[rawUint(0), noise]])),
    bundleOf('a cabundle that claims one entry more', (bundle) => concatBytes(head('array', 5), bundle.subarray(1))),
    bundleOf('a cabundle that claims 2^32 - 1 entries', (bundle) =>
      concatBytes(head('array', 2 ** 32 - 1, 4), bundle.subarray(1)),
    ),
  ]
}

/** user_data and nonce of 0 to 1024 bytes, public_key of 1 to 1024: AWS itself has signed 746 bytes of user_data. */
function foreignBytes(): Variant<PayloadEdit>[] {
  const sized = (bytes: number): Uint8Array => rawBytes(new Uint8Array(bytes).fill(7))
  return [
    ...OPTIONAL_KEYS.flatMap((key) => [
      takenAs(key, `${key} of ${FOREIGN_BYTES_MAX} bytes`, sized(FOREIGN_BYTES_MAX)),
      refusedAs(key, `${key} of ${FOREIGN_BYTES_MAX + 1} bytes`, sized(FOREIGN_BYTES_MAX + 1)),
      refusedAs(key, `${key} as text`, rawText('seven')),
      refusedAs(key, `${key} in chunks`, openString('bytes', filled(7))),
      refusedAs(key, `${key} of long length`, rawBytes(Uint8Array.of(7), 2)),
      refusedAs(key, `${key} as a number`, rawUint(7)),
      refusedAs(key, `${key} that claims 2^64 - 1 bytes`, head('bytes', 2n ** 64n - 1n, 8)),
    ]),
    takenAs('user_data', 'user_data of no byte', sized(0)),
    takenAs('nonce', 'a nonce of no byte', sized(0)),
    refusedAs('public_key', 'a public_key of no byte', sized(0)),
  ]
}
