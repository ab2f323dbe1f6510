import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { openEnvelope } from '../../enclave/keys/kms/cms.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { newDice } from '../../scripts/journal/dice.ts'
import {
  type EnvelopeParts,
  encryptContent,
  recipientInfo,
  tlv,
  wrapKey,
  writeEnvelope,
} from '../stand-ins/kms/envelope-writer.ts'
import { newRecipientKey, recipientKey } from '../stand-ins/kms/world.ts'

const KEY = new Uint8Array(32).fill(0x42)
const MUTATIONS = 4_000

/** The code of a refusal, or `opened`. Anything else that is thrown is a crash. */
function answerTo(bytes: Uint8Array): string {
  try {
    openEnvelope(bytes, recipientKey())
    return 'opened'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}

describe('N24: a hostile envelope in the place of CiphertextForRecipient', function () {
  this.timeout(60_000)
  const { publicKeySpki } = recipientKey()
  const write = (over?: (honest: EnvelopeParts, key: Uint8Array) => Partial<EnvelopeParts>): Uint8Array =>
    writeEnvelope(publicKeySpki, KEY, over)

  it('is refused when it names another key than that of this boot, though our key opens it', () => {
    assert.equal(answerTo(write()), 'opened')
    const other = tlv(0x80, new Uint8Array(32).fill(1))
    assert.equal(answerTo(write(() => ({ keyIdentifier: other }))), 'KMS_ENVELOPE')
  })

  it('is refused with several recipients, in whichever order, and with none', () => {
    const stranger = newRecipientKey()
    const theirs = (honest: EnvelopeParts, key: Uint8Array): Uint8Array =>
      recipientInfo({ ...honest, encryptedKey: tlv(0x04, wrapKey(stranger.publicKeySpki, key)) })
    const sets: ((honest: EnvelopeParts, key: Uint8Array) => Uint8Array)[] = [
      (honest) => concatBytes(recipientInfo(honest), recipientInfo(honest)),
      (honest, key) => concatBytes(recipientInfo(honest), theirs(honest, key)),
      (honest, key) => concatBytes(theirs(honest, key), recipientInfo(honest)),
    ]
    for (const recipients of sets) {
      const hostile = write((honest, key) => ({ recipients: recipients(honest, key) }))
      assert.equal(answerTo(hostile), 'KMS_ENVELOPE')
    }
  })

  it('is refused with any padding that is none', () => {
    for (const last of [0, 17, 255]) {
      const iv = new Uint8Array(16)
      const blocks = new Uint8Array(48).fill(last)
      const hostile = write((_, key) => ({
        iv: tlv(0x04, iv),
        content: tlv(0x80, encryptContent(key, iv, blocks, false)),
      }))
      assert.equal(answerTo(hostile), 'KMS_ENVELOPE', `${last}`)
    }
  })

  it('is refused where it claims depth, length or number without end', () => {
    const deep = new Uint8Array(2_000).fill(0x80)
    for (let at = 0; at < deep.length; at += 2) deep[at] = 0x30
    const claims = [
      deep,
      Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff),
      Uint8Array.of(0x30, 0x82, 0xff, 0xff),
      concatBytes(Uint8Array.of(0x30, 0x80), new Uint8Array(2_000).fill(0x05)),
      new Uint8Array(50_000_000),
    ]
    for (const claim of claims) assert.equal(answerTo(claim), 'KMS_ENVELOPE')
  })

  it(`is refused or opened as before in each of ${MUTATIONS} mutations, and never ends the process`, () => {
    const dice = newDice(20_261_121)
    const honest = write()
    const outcomes = new Set<string>()
    for (let run = 0; run < MUTATIONS; run++) {
      const bytes = honest.slice()
      for (let change = 0; change <= dice.below(3); change++) bytes[dice.below(bytes.length)] = dice.below(256)
      const at = dice.below(bytes.length)
      const cut = dice.below(4) === 0 ? bytes.subarray(0, at) : bytes
      const grown = dice.below(8) === 0 ? concatBytes(cut, new Uint8Array(randomBytes(dice.below(64)))) : cut
      outcomes.add(answerTo(grown))
    }
    assert.deepEqual(
      [...outcomes].filter((outcome) => outcome !== 'opened'),
      ['KMS_ENVELOPE'],
    )
  })
})
