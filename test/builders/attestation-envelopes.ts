/** Envelopes of an honest payload that two readers could read in two ways: most keep a signature that verifies. */
import { concatBytes } from '../../enclave/protocol/words.ts'
import {
  EMPTY_MAP,
  type EnvelopeEdit,
  type EnvelopeParts,
  honestEnvelope,
  PROTECTED_ES384,
  type Variant,
} from './attestation.ts'
import { head, NULL, openArray, openString, rawArray, rawBytes, rawMap, rawText, rawUint } from './raw-cbor.ts'

const MALFORMED = 'ATTESTATION_ENVELOPE'
const DOCUMENT_BYTES_MAX = 64 * 1024
/** {1: -7}: ES256. */
const ES256 = Uint8Array.of(0xa1, 0x01, 0x26)
const BREAK_OF_EMPTY = Uint8Array.of(0xbf, 0xff)

export const ENVELOPES: readonly Variant<EnvelopeEdit>[] = [
  { name: 'honest', expect: 'accepted', edit: honestEnvelope },
  ...outer(),
  ...headers(),
  ...payloads(),
  ...signatures(),
]

function malformed(name: string, edit: EnvelopeEdit): Variant<EnvelopeEdit> {
  return { name, expect: MALFORMED, edit }
}

function itemsOf(parts: EnvelopeParts): readonly Uint8Array[] {
  return [parts.protectedItem, parts.unprotectedItem, parts.payloadItem, parts.signatureItem]
}

function outer(): Variant<EnvelopeEdit>[] {
  return [
    malformed('tag 18', (parts) => concatBytes(head('tag', 18), honestEnvelope(parts))),
    malformed('tag 17', (parts) => concatBytes(head('tag', 17), honestEnvelope(parts))),
    malformed('five elements', (parts) => rawArray([...itemsOf(parts), NULL])),
    malformed('three elements', (parts) => rawArray(itemsOf(parts).slice(0, 3))),
    malformed('an open array', (parts) => openArray(itemsOf(parts))),
    malformed('an array whose length is longer than it has to be', (parts) =>
      concatBytes(head('array', 4, 1), ...itemsOf(parts)),
    ),
    malformed('an array that claims 2^32 - 1 elements', (parts) =>
      concatBytes(head('array', 2 ** 32 - 1, 4), ...itemsOf(parts)),
    ),
    malformed('a trailing byte', (parts) => concatBytes(honestEnvelope(parts), Uint8Array.of(0))),
    malformed('a second document behind it', (parts) => concatBytes(honestEnvelope(parts), honestEnvelope(parts))),
    malformed('the last byte cut off', (parts) => honestEnvelope(parts).slice(0, -1)),
    malformed('a map', () => EMPTY_MAP),
    { name: 'no byte at all', expect: 'ATTESTATION_SIZE', edit: () => new Uint8Array(0) },
    {
      name: 'a byte too many for any document',
      expect: 'ATTESTATION_SIZE',
      edit: (parts) => {
        const honest = honestEnvelope(parts)
        return concatBytes(honest, new Uint8Array(DOCUMENT_BYTES_MAX + 1 - honest.length))
      },
    },
  ]
}

/** Each signed as it stands, so that its signature verifies wherever the header is taken as it came. */
function headers(): Variant<EnvelopeEdit>[] {
  const under = (name: string, header: Uint8Array, unprotected: Uint8Array = EMPTY_MAP): Variant<EnvelopeEdit> =>
    malformed(name, ({ payload, payloadItem, signAs }) =>
      rawArray([rawBytes(header), unprotected, payloadItem, rawBytes(signAs(header, payload))]),
    )
  const algorithm = rawUint(1)
  const es384 = Uint8Array.of(0x38, 0x22)
  const es256 = Uint8Array.of(0x26)
  return [
    under('ES256 in the protected header', ES256),
    under('no algorithm, ES384 in the unprotected header', new Uint8Array(0), rawMap([[algorithm, es384]])),
    under('an empty protected map, ES384 in the unprotected header', EMPTY_MAP, rawMap([[algorithm, es384]])),
    under('ES256 in the unprotected header', PROTECTED_ES384, rawMap([[algorithm, es256]])),
    under('a key id in the unprotected header', PROTECTED_ES384, rawMap([[rawUint(4), rawBytes(new Uint8Array(4))]])),
    under('an open unprotected map', PROTECTED_ES384, BREAK_OF_EMPTY),
    under('an unprotected map of long length', PROTECTED_ES384, head('map', 0, 1)),
    under('an unprotected header of null', PROTECTED_ES384, NULL),
    under(
      'the algorithm twice',
      rawMap([
        [algorithm, es384],
        [algorithm, es256],
      ]),
    ),
    under(
      'a critical header beside the algorithm',
      rawMap([
        [algorithm, es384],
        [rawUint(2), rawArray([algorithm])],
      ]),
    ),
    under('the algorithm in two bytes', rawMap([[algorithm, Uint8Array.of(0x39, 0x00, 0x22)]])),
    malformed('a protected header of long length', ({ payloadItem, signatureItem }) =>
      rawArray([rawBytes(PROTECTED_ES384, 1), EMPTY_MAP, payloadItem, signatureItem]),
    ),
    malformed('a protected header in chunks', ({ payloadItem, signatureItem }) =>
      rawArray([openString('bytes', PROTECTED_ES384), EMPTY_MAP, payloadItem, signatureItem]),
    ),
    malformed('a protected header that is a map', ({ payloadItem, signatureItem }) =>
      rawArray([PROTECTED_ES384, EMPTY_MAP, payloadItem, signatureItem]),
    ),
  ]
}

function payloads(): Variant<EnvelopeEdit>[] {
  const as = (name: string, item: (payload: Uint8Array) => Uint8Array): Variant<EnvelopeEdit> =>
    malformed(name, (parts) =>
      rawArray([parts.protectedItem, parts.unprotectedItem, item(parts.payload), parts.signatureItem]),
    )
  return [
    as('a payload of long length', (payload) => rawBytes(payload, 4)),
    as('a payload in chunks', (payload) => openString('bytes', payload)),
    as('a payload kept elsewhere', () => NULL),
    as('a payload as text', () => rawText('payload')),
    as('a payload that stands there unwrapped', (payload) => payload),
    as('a payload that claims 2^64 - 1 bytes', (payload) => concatBytes(head('bytes', 2n ** 64n - 1n, 8), payload)),
    signedOver('an empty payload', () => new Uint8Array(0)),
    signedOver('a payload of 16385 bytes', (payload) => concatBytes(payload, new Uint8Array(16_385 - payload.length))),
  ]
}

function signedOver(name: string, change: (payload: Uint8Array) => Uint8Array): Variant<EnvelopeEdit> {
  return malformed(name, (parts) => {
    const payload = change(parts.payload)
    const signature = parts.signAs(PROTECTED_ES384, payload)
    return rawArray([parts.protectedItem, parts.unprotectedItem, rawBytes(payload), rawBytes(signature)])
  })
}

function signatures(): Variant<EnvelopeEdit>[] {
  const as = (
    name: string,
    expect: 'ATTESTATION_ENVELOPE' | 'ATTESTATION_SIGNATURE',
    item: (signature: Uint8Array, parts: EnvelopeParts) => Uint8Array,
  ): Variant<EnvelopeEdit> => ({
    name,
    expect,
    edit: (parts) =>
      rawArray([parts.protectedItem, parts.unprotectedItem, parts.payloadItem, item(parts.signature, parts)]),
  })
  const wrong = 'ATTESTATION_SIGNATURE'
  return [
    as('a signature of 95 bytes', MALFORMED, (signature) => rawBytes(signature.subarray(1))),
    as('a signature of 97 bytes', MALFORMED, (signature) => rawBytes(concatBytes(Uint8Array.of(0), signature))),
    as('a signature in DER', MALFORMED, (signature) => rawBytes(concatBytes(Uint8Array.of(0x30, 0x66), signature))),
    as('a signature in chunks', MALFORMED, (signature) => openString('bytes', signature)),
    as('a signature of long length', MALFORMED, (signature) => rawBytes(signature, 2)),
    as('a signature of null', MALFORMED, () => NULL),
    as('no signature but zeros', wrong, () => rawBytes(new Uint8Array(96))),
    as('a signature of r alone', wrong, (signature) => rawBytes(signature.slice().fill(0, 48))),
    as('r and s exchanged', wrong, (signature) =>
      rawBytes(concatBytes(signature.subarray(48), signature.subarray(0, 48))),
    ),
    as('a signature of another payload', wrong, (_, parts) =>
      rawBytes(parts.signAs(PROTECTED_ES384, concatBytes(parts.payload, Uint8Array.of(0)))),
    ),
    as('a signature under another header', wrong, (_, parts) => rawBytes(parts.signAs(ES256, parts.payload))),
  ]
}
