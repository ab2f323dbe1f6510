/** What comes back from KMS, and what the host keeps of a key: BER, the envelope for a recipient, our own around a key. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { encryptionContext } from '../../../enclave/keys/encryption-context.ts'
import { type BerElement, readBer } from '../../../enclave/keys/kms/ber.ts'
import { openEnvelope, type RecipientKey } from '../../../enclave/keys/kms/cms.ts'
import { isEnvelope, openSealedKey, readEnvelope, sealKey } from '../../../enclave/keys/kms/envelope.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import { concatBytes } from '../../../enclave/protocol/words.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { indefinite, tlv, writeEnvelope } from '../../stand-ins/kms/envelope-writer.ts'
import { bytesOf, demand, isSame, judged, type Target } from '../engine/target.ts'
import { changeBytes } from '../mutations.ts'

const OCTETS = tlv(0x04, bytesOf('abc'))
const SOUP_ELEMENTS_MAX = 4
const SOUP_DEPTH_MAX = 13
const TAGS = [0x02, 0x04, 0x05, 0x06, 0x30, 0x31, 0x80, 0xa0, 0xa1, 0x1f, 0x3f, 0x00]

const ber: Target = {
  name: 'ber',
  claim: 'reads BER so that definite lengths say the same, and nothing but one whole element',
  inputs: 30_000,
  seeds: () => [
    OCTETS,
    tlv(0x30, OCTETS, tlv(0x05)),
    indefinite(0x30, OCTETS, indefinite(0xa0, tlv(0x31))),
    tlv(0x04, new Uint8Array(300)),
  ],
  generate: (dice) => soup(dice, 1),
  run: (input) =>
    judged(
      () => readBer(input),
      ['KMS_ENVELOPE'],
      (element) => {
        const again = written(element)
        demand(again.length <= input.length, 'definite lengths are never longer')
        demand(isSame(readBer(again), element), 'and say the same')
      },
    ),
}

function written({ tag, ...element }: BerElement): Uint8Array {
  return 'bytes' in element ? tlv(tag, element.bytes) : tlv(tag, ...element.elements.map(written))
}

/** Elements inside elements, most of them whole. */
function soup(dice: Dice, depth: number): Uint8Array {
  const tag = dice.pick(TAGS)
  const isPrimitive = (tag & 0x20) === 0 || depth > SOUP_DEPTH_MAX
  if (isPrimitive) return tlv(tag, new Uint8Array(dice.below(dice.pick([4, 40, 140, 400]))))
  const inside = Array.from({ length: dice.below(SOUP_ELEMENTS_MAX) }, () => soup(dice, depth + 1))
  return dice.pick([tlv, indefinite])(tag, ...inside)
}

const RECIPIENT = newRecipient()
const PLAINTEXT_BYTES_MAX = 127
const IDENTIFIER = createHash('sha256').update(RECIPIENT.publicKeySpki).digest('hex')

function newRecipient(): RecipientKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return { privateKey, publicKeySpki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })) }
}

const cms: Target = {
  name: 'cms',
  claim: 'opens an envelope for the key of this boot alone, or refuses it in one way',
  inputs: 8_000,
  seeds: () => [
    writeEnvelope(RECIPIENT.publicKeySpki, new Uint8Array(32).fill(7)),
    writeEnvelope(RECIPIENT.publicKeySpki, new Uint8Array(66).fill(7)),
    writeEnvelope(RECIPIENT.publicKeySpki, bytesOf(''), ({ content }) => ({
      content: tlv(0xa0, content.subarray(2, -2)),
    })),
  ],
  generate: (dice) => soup(dice, 1),
  mutate: spliced,
  run: (input) =>
    judged(
      () => openEnvelope(input, RECIPIENT),
      ['KMS_ENVELOPE'],
      (plaintext) => {
        demand(plaintext.length <= PLAINTEXT_BYTES_MAX, 'no more than was asked for')
        demand(Buffer.from(input).toString('hex').includes(IDENTIFIER), 'it names the key of this boot')
      },
    ),
}

/** One or two pieces dropped, doubled or changed: lengths inside stay what they were. */
function spliced(dice: Dice, input: Uint8Array): Uint8Array {
  if (dice.below(2) === 0) return changeBytes(dice, input)
  const [from, size] = [dice.below(input.length + 1), dice.below(40)]
  const piece = input.subarray(from, from + size)
  const rest = input.subarray(from + size)
  return dice.below(2) === 0
    ? concatBytes(input.subarray(0, from), rest)
    : concatBytes(input.subarray(0, from), piece, piece, rest)
}

const KEY = new Uint8Array(32).fill(3)
const DATA_KEY = { plaintext: new Uint8Array(32).fill(4), blob: new Uint8Array(40).fill(5) }
const CONTEXT = encryptionContext(
  {
    ledgerId: toHash(new Uint8Array(32).fill(1)),
    config: toHash(new Uint8Array(32).fill(2)),
    role: 'core',
    keyVersion: 1,
  },
  'state',
)
const SEALED = sealKey(KEY, DATA_KEY, CONTEXT, (bytes) => new Uint8Array(bytes).fill(6))
const SEALED_PART = SEALED.subarray(-60)

const keyEnvelope: Target = {
  name: 'key-envelope',
  claim: 'opens the envelope of a key to that very key, whatever stands in the place of the blob of KMS',
  inputs: 20_000,
  seeds: () => [
    SEALED,
    sealKey(KEY, { ...DATA_KEY, blob: Uint8Array.of(9) }, CONTEXT, () => new Uint8Array(12).fill(6)),
  ],
  mutate: spliced,
  run: (input) =>
    judged(
      () => openSealedKey(readEnvelope(input), DATA_KEY.plaintext, CONTEXT),
      ['KEY_CIPHERTEXT'],
      (key) => {
        demand(isEnvelope(input), 'it has the form of one')
        demand(isSame(key, KEY) && isSame(input.slice(-60), SEALED_PART.slice()), 'nothing but what was sealed opens')
      },
    ),
}

export const KMS: readonly Target[] = [ber, cms, keyEnvelope]
