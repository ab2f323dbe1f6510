/** What an enclave makes of answers that the real KMS would not give, behind certificates that it believes. */
import { createPublicKey, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { encryptionContext } from '../../enclave/keys/encryption-context.ts'
import {
  KMS_ANSWER_BYTES_MAX,
  KMS_ATTEMPTS_MAX,
  KMS_CALL_TIMEOUT_MS,
  type Kms,
  type KmsOptions,
  withKms,
} from '../../enclave/keys/kms/client.ts'
import { writeEnvelope } from '../stand-ins/kms/envelope-writer.ts'
import { type Refusal, refusalOf } from '../stand-ins/kms/refusal.ts'
import { serveAnswers } from '../stand-ins/kms/serve.ts'
import type { Answer } from '../stand-ins/kms/service.ts'
import type { SignedRequest } from '../stand-ins/kms/signature.ts'
import { KEY_ID, PARENT, REGION } from '../stand-ins/kms/start.ts'
import { CONTEXT, credentialsOf, recipientKey, trustedClock } from '../stand-ins/kms/world.ts'

const BOUND = encryptionContext(CONTEXT, 'authority')
const DAY_SECONDS = 86_400
const DOCUMENT = Uint8Array.of(1, 2, 3)

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** What KMS would say: each field can be said otherwise, or left out as undefined. */
function honest(over: object = {}, plaintext: Uint8Array = randomBytes(32)): Answer {
  const envelope = writeEnvelope(recipientKey().publicKeySpki, plaintext)
  const body = {
    KeyId: KEY_ID,
    CiphertextBlob: base64(randomBytes(184)),
    CiphertextForRecipient: base64(envelope),
    ...over,
  }
  return { status: 200, body }
}

function optionsFor(ca: string, clock = trustedClock()): KmsOptions {
  const terms = { keyId: KEY_ID, region: REGION, keyVersion: 1 }
  return { terms, recipient: recipientKey(), attest: () => DOCUMENT, roots: [ca], clock }
}

/** A byte each quarter of a second, and no end. */
async function* dripping(): AsyncGenerator<string> {
  for (;;) {
    yield ' '
    await sleep(250)
  }
}

type Answers = Parameters<typeof serveAnswers>[0]
type Asked<T> = { readonly result: T; readonly requests: readonly SignedRequest[] }

async function ask<T>(answers: Answers, use: (kms: Kms) => Promise<T>, clock = trustedClock()): Promise<Asked<T>> {
  const served = await serveAnswers(answers)
  try {
    const options = optionsFor(served.ca, clock)
    const result = await withKms(options, credentialsOf(PARENT.secretAccessKey), served.openPipe, use)
    return { result, requests: served.requests }
  } finally {
    await served.stop()
  }
}

const generate = (kms: Kms) => kms.generateDataKey(BOUND)
const decrypt = (kms: Kms) => kms.decrypt(Uint8Array.of(9, 9), BOUND)

async function refusedBoth(answer: Answer): Promise<Refusal> {
  const first = await refusalOf(() => ask([answer], generate))
  expect(await refusalOf(() => ask([answer], decrypt))).to.deep.equal(first)
  return first
}

describe('an answer of KMS', function () {
  this.timeout(120_000)

  it('is asked for with the full ARN, the whole context, the document, and a signature at the trusted time', async () => {
    const ahead = trustedClock(-DAY_SECONDS)
    const { requests } = await ask([honest()], decrypt, ahead)
    const { headers, body } = requests[0] as SignedRequest
    expect(JSON.parse(Buffer.from(body).toString())).to.deep.equal({
      CiphertextBlob: base64(Uint8Array.of(9, 9)),
      KeyId: KEY_ID,
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      EncryptionContext: { ...BOUND },
      Recipient: { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: base64(DOCUMENT) },
    })
    const day = new Date(ahead.unixSeconds() * 1_000).toISOString().slice(0, 10).replaceAll('-', '')
    expect(headers['x-amz-date']?.slice(0, 8)).to.equal(day)
    expect(headers['host']).to.equal(`kms.${REGION}.amazonaws.com`)
  })

  it('gives the data key and its blob, or the plaintext', async () => {
    const plaintext = new Uint8Array(32).fill(7)
    const { result } = await ask([honest({}, plaintext)], generate)
    expect(result.plaintext).to.deep.equal(plaintext)
    expect(result.blob).to.have.length(184)
    expect((await ask([honest({}, plaintext)], decrypt)).result).to.deep.equal(plaintext)
  })

  it('is refused with a Plaintext beside the envelope: the host could have read it', async () => {
    const { code } = await refusedBoth(honest({ Plaintext: base64(new Uint8Array(32)) }))
    expect(code).to.equal('KMS_ANSWER')
  })

  const others = [KEY_ID.replace('0001', '0002'), 'alias/ours', KEY_ID.slice(KEY_ID.indexOf('/') + 1), '', undefined]
  for (const KeyId of others) {
    it(`is refused with ${KeyId === undefined ? 'nothing' : JSON.stringify(KeyId)} as KeyId`, async () => {
      expect((await refusedBoth(honest({ KeyId }))).code).to.equal('KMS_ANSWER')
    })
  }

  it('is refused without an envelope, with a broken one, and with one of another key', async () => {
    expect((await refusedBoth(honest({ CiphertextForRecipient: undefined }))).code).to.equal('KMS_ANSWER')
    expect((await refusedBoth(honest({ CiphertextForRecipient: base64(new Uint8Array(4_096)) }))).code).to.equal(
      'KMS_ANSWER',
    )
    expect((await refusedBoth(honest({ CiphertextForRecipient: 'MAA=' }))).code).to.equal('KMS_ENVELOPE')
    const stranger = createPublicKey({ key: STRANGER, format: 'jwk' }).export({ type: 'spki', format: 'der' })
    const envelope = base64(writeEnvelope(stranger, randomBytes(32)))
    expect((await refusedBoth(honest({ CiphertextForRecipient: envelope }))).code).to.equal('KMS_ENVELOPE')
  })

  it('is refused without a CiphertextBlob, with one that is too long, and with a data key of 31 bytes', async () => {
    for (const over of [
      { CiphertextBlob: undefined },
      { CiphertextBlob: '' },
      { CiphertextBlob: base64(new Uint8Array(6_145)) },
    ])
      expect((await refusalOf(() => ask([honest(over)], generate))).code).to.equal('KMS_ANSWER')
    expect((await refusalOf(() => ask([honest({}, randomBytes(31))], generate))).code).to.equal('KMS_ANSWER')
  })

  it('is cut off when it does not end', async () => {
    const endless = honest({ more: 'x'.repeat(KMS_ANSWER_BYTES_MAX) })
    const { code, message } = await refusedBoth(endless)
    expect(code).to.equal('KMS_ANSWER')
    expect(message).to.contain(`a body of more than ${KMS_ANSWER_BYTES_MAX} bytes`)
  })

  it('is asked for again when KMS is throttled, and not a time more than the limit', async () => {
    const throttled = { status: 400, body: { __type: 'ThrottlingException', message: 'slower' } }
    const { requests } = await ask([throttled, honest()], decrypt)
    expect(requests).to.have.length(2)
    const served = await serveAnswers([throttled])
    const options = optionsFor(served.ca)
    const call = () => withKms(options, credentialsOf(PARENT.secretAccessKey), served.openPipe, decrypt)
    const { code, message } = await refusalOf(call)
    await served.stop()
    expect(`${code} ${message}`).to.equal('KMS_REFUSED ThrottlingException: slower')
    expect(served.requests).to.have.length(KMS_ATTEMPTS_MAX)
  })

  it('is not waited for without end, whether nothing comes or a byte now and then', async function () {
    this.timeout(12 * KMS_CALL_TIMEOUT_MS)
    const answers = await Promise.all([
      serveAnswers([() => new Promise<Answer>(() => undefined)]),
      serveAnswers([() => ({ status: 200, body: dripping() })]),
    ])
    const refused = answers.map(({ ca, openPipe }) =>
      refusalOf(() => withKms(optionsFor(ca), credentialsOf(PARENT.secretAccessKey), openPipe, decrypt)),
    )
    const message = `expected an answer of KMS within ${KMS_CALL_TIMEOUT_MS} ms, got none`
    for (const refusal of await Promise.all(refused))
      expect(refusal).to.deep.equal({ code: 'KMS_UNREACHABLE', message })
    await Promise.all(answers.map(({ stop }) => stop()))
  })

  it('is not asked for again when KMS says no, and passed on in its own words', async () => {
    for (const type of [
      'AccessDeniedException',
      'DisabledException',
      'KMSInvalidStateException',
      'SomethingNewException',
    ]) {
      const served = await serveAnswers([{ status: 400, body: { __type: type, message: 'said so' } }])
      const options = optionsFor(served.ca)
      const call = () => withKms(options, credentialsOf(PARENT.secretAccessKey), served.openPipe, decrypt)
      expect(await refusalOf(call)).to.deep.equal({ code: 'KMS_REFUSED', message: `${type}: said so` })
      await served.stop()
      expect(served.requests, type).to.have.length(1)
    }
  })

  it('is passed on without what KMS quotes below its first line, where the session token stands', async () => {
    const token = PARENT.sessionToken ?? 'token'
    const message = `signed otherwise\n\nThe Canonical String should have been\nx-amz-security-token:${token}`
    const answer: Answer = { status: 400, body: { __type: 'InvalidSignatureException', message } }
    const { code, message: told } = await refusedBoth(answer)
    expect({ code, told }).to.deep.equal({ code: 'KMS_REFUSED', told: 'InvalidSignatureException: signed otherwise' })
  })
})

/** A public key of RSA-2048 whose private half nobody has: the modulus is an odd number of the right size. */
const STRANGER = { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(256, 0xc5).toString('base64url') }
