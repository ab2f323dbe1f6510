import { expect } from 'chai'
import { hashMessage, recoverAddress } from 'viem'
import type { SignerRelease } from '../../../../enclave/keys/key-release.ts'
import { decodeUserData } from '../../../../enclave/protocol/attestation/user-data.ts'
import { refuse } from '../../../../enclave/protocol/errors.ts'
import { decodeMessage, encodeMessage } from '../../../../enclave/protocol/frame.ts'
import type { Hex } from '../../../../enclave/protocol/ids.ts'
import { signerConfigHash, signerPolicyHash } from '../../../../enclave/protocol/signer-configuration.ts'
import { SIGNER_METHODS, SIGNER_REQUEST_BYTES_MAX } from '../../../../enclave/protocol/signer-methods.ts'
import { ticketHash } from '../../../../enclave/protocol/ticket.ts'
import { answerSigner } from '../../../../enclave/signer/dispatch.ts'
import { newSigner, type Signer, type SignerSurroundings, userDataOf } from '../../../../enclave/signer/signer.ts'
import {
  ACCOUNT,
  aHash,
  aSignerConfiguration,
  aTicket,
  aTx,
  BROKER,
  CHAIN_ID,
  fundData,
  KEY,
  PAYEES,
  SIGNER,
  STRANGER,
  wireTicket,
} from './a-signer.ts'

const encoder = new TextEncoder()
const LATER = Symbol('later')
const PROVISION = {
  chain_id: CHAIN_ID,
  ticket_broker: BROKER,
  allowed_recipients: PAYEES.join(','),
  require_allowlist: true,
  max_face_value_wei: 1_000,
  max_fund_deposit_wei: 5_000,
  ciphertext_b64: 'AAEC',
}

type Answer = { readonly result?: Readonly<Record<string, unknown>>; readonly error?: Readonly<Record<string, string>> }

/** Gives the key of these tests, as a release that asks nobody: what is under test stands in front of it. */
function aRelease(over: Partial<{ key: Uint8Array; imported: boolean }> = {}): SignerRelease {
  return {
    keyId: 'key of tests',
    generateAuthority: () => ({ address: SIGNER, authorityCiphertext: Uint8Array.of(1, 2, 3) }),
    openAuthority: () => ({ key: (over.key ?? KEY).slice(), imported: over.imported ?? false }),
  }
}

function aSigner(over: Partial<SignerSurroundings> = {}): Signer & { readonly reported: unknown[] } {
  const reported: unknown[] = []
  const report = (error: unknown): void => void reported.push(error)
  return Object.assign(newSigner({ begin: () => aRelease(), report, ...over }), { reported })
}

async function ask(signer: Signer, method: string, params: object = {}): Promise<Answer> {
  return answered(signer, encoder.encode(JSON.stringify({ method, params }, plainNumbers)))
}

/** The types of the language do not know it yet. */
type RawJson = { readonly rawJSON: (text: string) => unknown }

/** Bigints as bare JSON integers, as Python writes them. */
function plainNumbers(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? (JSON as unknown as RawJson).rawJSON(value.toString()) : value
}

async function answered(signer: Signer, request: Uint8Array): Promise<Answer> {
  return decodeMessage(await answerSigner(signer, request)).message as Answer
}

async function codeOf(answer: Promise<Answer>): Promise<string | undefined> {
  return (await answer).error?.['code']
}

async function aProvisioned(over: Partial<SignerSurroundings> = {}): Promise<ReturnType<typeof aSigner>> {
  const signer = aSigner(over)
  expect((await ask(signer, 'provision', PROVISION)).result).to.deep.equal({ address: ACCOUNT.address })
  return signer
}

describe('dispatch of a signer', () => {
  it('answers in the shapes of the replaced signer, and with nothing beside them', async () => {
    const signer = aSigner()
    const generated = await ask(signer, 'generate', { ...PROVISION, ciphertext_b64: undefined })
    expect(generated.result).to.deep.equal({
      address: ACCOUNT.address,
      ciphertext_b64: 'AQID',
      key_id: 'key of tests',
      key_spec: 'AES-256',
    })
    expect((await ask(signer, 'provision', PROVISION)).result).to.deep.equal({ address: ACCOUNT.address })
    expect((await ask(signer, 'address')).result).to.deep.equal({ address: ACCOUNT.address })
    const ticket = aTicket()
    const message = { message_hash: ticketHash(ticket), ticket: wireTicket(ticket) }
    expect((await ask(signer, 'sign_message_defunct', message)).result).to.have.all.keys('signature')
    expect((await ask(signer, 'sign_transaction', { tx: aTx() })).result).to.have.all.keys('raw_tx')
    expect((await ask(signer, 'sign_transaction', { tx: aTx({ chainId: 1 }) })).error).to.include({
      code: 'SIGNER_POLICY',
      message: 'chainId mismatch (got 1, expected 42161)',
    })
  })

  it('takes each method in its phases and in no other', async () => {
    const phases = { cold: aSigner(), provisioned: await aProvisioned(), halted: aSigner() }
    phases.halted.phase = 'halted'
    for (const [phase, signer] of Object.entries(phases))
      for (const [name, { phases: legal }] of Object.entries(SIGNER_METHODS)) {
        const code = await codeOf(ask(signer, name, { nothing: 'of this name' }))
        const expected = (legal as readonly string[]).includes(phase) ? 'PARAMS_INVALID' : 'PHASE_FORBIDS'
        expect(code, `${name} in ${phase}`).to.equal(expected)
      }
  })

  it('knows no method of the core, and none that an object brings along', async () => {
    const signer = await aProvisioned()
    for (const name of ['prepare_commit', 'load_state', 'credit', 'toString', '__proto__', 'constructor', ''])
      expect(await codeOf(ask(signer, name)), name).to.equal('METHOD_UNKNOWN')
  })

  it('is provisioned once: a second key, a second policy and a second draw are refused', async () => {
    const signer = await aProvisioned()
    expect(await codeOf(ask(signer, 'provision', PROVISION))).to.equal('PHASE_FORBIDS')
    expect(await codeOf(ask(signer, 'generate', { ...PROVISION, ciphertext_b64: undefined }))).to.equal('PHASE_FORBIDS')
    expect((await ask(signer, 'address')).result).to.deep.equal({ address: ACCOUNT.address })
  })

  it('holds to the terms that it was first told, whoever told them and however', async () => {
    const lax = { ...PROVISION, max_face_value_wei: 1_001 }
    const drawn = aSigner()
    await ask(drawn, 'generate', { ...PROVISION, ciphertext_b64: undefined })
    expect(await codeOf(ask(drawn, 'provision', lax))).to.equal('CONFIG_LOCKED')
    expect(await codeOf(ask(drawn, 'provision', PROVISION))).to.equal(undefined)
    const failed = aSigner({ begin: () => refuse('KEY_CIPHERTEXT', 'a key', 'none') })
    expect(await codeOf(ask(failed, 'provision', PROVISION))).to.equal('KEY_CIPHERTEXT')
    expect(await codeOf(ask(failed, 'provision', lax))).to.equal('CONFIG_LOCKED')
    const told = aSigner({ configuration: aSignerConfiguration() })
    expect(await codeOf(ask(told, 'provision', PROVISION))).to.equal('CONFIG_LOCKED')
    expect((await ask(told, 'provision', { ciphertext_b64: 'AAEC' })).result).to.deep.equal({
      address: ACCOUNT.address,
    })
  })

  it('locks the terms before it asks for a key, and asks under nothing else', async () => {
    const seen: unknown[] = []
    const begin: SignerSurroundings['begin'] = (configuration) => {
      seen.push(signerConfigHash(configuration))
      const openAuthority: SignerRelease['openAuthority'] = (context) => {
        seen.push(context)
        return { key: KEY.slice(), imported: false }
      }
      return { ...aRelease(), openAuthority }
    }
    const signer = await aProvisioned({ begin })
    const config = signerConfigHash(signer.fixed as never)
    expect(seen).to.deep.equal([config, { ...(seen[1] as object), config, role: 'signer', keyVersion: 1 }])
  })

  it('refuses a key of another address, one outside the curve, and an imported one that nobody names', async () => {
    const provisioned = (release: SignerRelease, over: object = {}) =>
      codeOf(ask(aSigner({ begin: () => release }), 'provision', { ...PROVISION, ...over }))
    expect(await provisioned(aRelease(), { expected_address: ACCOUNT.address })).to.equal(undefined)
    expect(await provisioned(aRelease(), { expected_address: STRANGER })).to.equal('KEY_ADDRESS')
    expect(await provisioned(aRelease({ key: new Uint8Array(32) }))).to.equal('KEY_CIPHERTEXT')
    expect(await provisioned(aRelease({ key: KEY.slice(1) }))).to.equal('KEY_CIPHERTEXT')
    expect(await provisioned(aRelease({ imported: true }))).to.equal('KEY_ADDRESS')
    expect(await provisioned(aRelease({ imported: true }), { expected_address: SIGNER })).to.equal(undefined)
    expect(await provisioned(aRelease(), { ciphertext_b64: 'AAE' })).to.equal('PARAMS_INVALID')
    expect(await provisioned(aRelease(), { encryption_algorithm: 'RSAES_OAEP_SHA_256' })).to.equal('PARAMS_INVALID')
    expect(await provisioned(aRelease(), { encryption_algorithm: 'SYMMETRIC_DEFAULT' })).to.equal(undefined)
  })

  it('wipes the bytes that a release has lent it', async () => {
    const lent = KEY.slice()
    const release = { ...aRelease(), openAuthority: () => ({ key: lent, imported: false }) }
    await aProvisioned({ begin: () => release })
    expect(lent).to.deep.equal(new Uint8Array(32))
  })

  it('answers the same out of a release that takes its time', async () => {
    const release = aRelease()
    const slow: SignerRelease = {
      ...release,
      openAuthority: async (...words) => {
        await Promise.resolve(LATER)
        return release.openAuthority(...words)
      },
    }
    await aProvisioned({ begin: async () => slow })
  })

  it('signs the hash of a ticket that it sees, to the bytes that viem signs', async () => {
    const signer = await aProvisioned()
    const ticket = aTicket()
    const hash = ticketHash(ticket)
    const params = { message_hash: hash, ticket: wireTicket(ticket) }
    const signature = (await ask(signer, 'sign_message_defunct', params)).result?.['signature'] as Hex
    expect(signature).to.equal(await ACCOUNT.signMessage({ message: { raw: hash } }))
    expect(await recoverAddress({ hash: hashMessage({ raw: hash }), signature })).to.equal(ACCOUNT.address)
  })

  it('refuses a hash alone and says what to send, and a hash of anything but the ticket', async () => {
    const signer = await aProvisioned()
    const ticket = aTicket()
    const hash = ticketHash(ticket)
    const sign = (params: object) => ask(signer, 'sign_message_defunct', params)
    const alone = await sign({ message_hash: hash })
    expect(alone.error).to.include({ code: 'SIGNER_TICKET' })
    expect(alone.error?.['message']).to.match(
      /recipient, sender, faceValue, winProb, senderNonce, recipientRandHash, auxData/,
    )
    expect(await codeOf(sign({ message_hash: aHash(1), ticket: wireTicket(ticket) }))).to.equal('SIGNER_TICKET')
    expect(await codeOf(sign({ ticket: wireTicket(ticket) }))).to.equal('PARAMS_INVALID')
    const flips: readonly Parameters<typeof aTicket>[0][] = [
      { recipient: PAYEES[1] as never },
      { sender: STRANGER },
      { faceValueWei: 701n },
      { winProb: 1n },
      { senderNonce: 4n },
      { recipientRandHash: aHash(2) },
      { auxData: new Uint8Array(64).fill(8) },
    ]
    for (const flip of flips) {
      const other = { message_hash: hash, ticket: wireTicket(aTicket(flip)) }
      expect(await codeOf(sign(other)), JSON.stringify(Object.keys(flip ?? {}))).to.equal('SIGNER_TICKET')
    }
    for (const field of Object.keys(wireTicket(ticket)))
      expect(
        await codeOf(sign({ message_hash: hash, ticket: { ...wireTicket(ticket), [field]: undefined } })),
      ).to.equal('SIGNER_TICKET')
  })

  it('signs no ticket that the policy refuses, though the hash is its own', async () => {
    const signer = await aProvisioned()
    for (const over of [{ recipient: STRANGER }, { sender: STRANGER }, { faceValueWei: 1_001n }]) {
      const ticket = aTicket(over)
      const params = { message_hash: ticketHash(ticket), ticket: wireTicket(ticket) }
      expect(await codeOf(ask(signer, 'sign_message_defunct', params))).to.equal('SIGNER_POLICY')
    }
  })

  it('reads a JSON integer of more than 2^53 to its last digit', async () => {
    const wide = { ...PROVISION, max_fund_deposit_wei: 20_000_000_000_000_001n }
    const signer = aSigner()
    expect((await ask(signer, 'provision', wide)).error).to.equal(undefined)
    const deposit = (value: bigint) => ask(signer, 'sign_transaction', { tx: aTx({ data: fundData(), value }) })
    expect((await deposit(20_000_000_000_000_001n)).error).to.equal(undefined)
    expect((await deposit(20_000_000_000_000_002n)).error?.['message']).to.equal(
      'tx.value above max_fund_deposit_wei (got 20000000000000002, expected at most 20000000000000001)',
    )
    expect(await codeOf(answered(signer, encoder.encode(aDepositOf('1e16'))))).to.equal('SIGNER_TRANSACTION')
    expect(await codeOf(answered(signer, encoder.encode(aDepositOf('1e400'))))).to.equal('SIGNER_TRANSACTION')
  })

  it('answers CBOR in CBOR, with bytes for hex and large numbers as they are', async () => {
    const signer = await aProvisioned()
    const { data } = aTx()
    const tx = {
      ...aTx(),
      data: Buffer.from((data as string).slice(2), 'hex'),
      to: Buffer.from(BROKER.slice(2), 'hex'),
    }
    const request = encodeMessage({ method: 'sign_transaction', params: { tx } as never }, 'cbor')
    const reply = decodeMessage(await answerSigner(signer, request))
    expect(reply.encoding).to.equal('cbor')
    const inJson = await ask(signer, 'sign_transaction', { tx: aTx() })
    expect((reply.message['result'] as { raw_tx: unknown }).raw_tx).to.equal(inJson.result?.['raw_tx'])
  })

  it('refuses garbage with a code and signs the next honest request', async () => {
    const signer = await aProvisioned()
    const garbage = ['', 'x', '{', '[]', '{"method":"address"}', '{"method":"address","params":[]}', '{"a":1,"a":2}']
    for (const text of garbage) {
      const code = await codeOf(answered(signer, encoder.encode(text)))
      expect(['FRAME_SYNTAX', 'JSON_SYNTAX'], text).to.include(code)
    }
    const large = new Uint8Array(SIGNER_REQUEST_BYTES_MAX + 1).fill(0x20)
    expect(await codeOf(answered(signer, large))).to.equal('FRAME_TOO_LARGE')
    expect(await codeOf(ask(signer, 'sign_transaction', { tx: aTx() }))).to.equal(undefined)
  })

  it('halts after a bug of ours, wipes its key and tells the operator alone', async () => {
    const signer = await aProvisioned({ document: () => assertionOf('a secret: 0x4242') })
    const privateKey = signer.key?.privateKey
    const answer = await ask(signer, 'attestation')
    expect(answer.error).to.include({ code: 'INTERNAL', message: 'an unexpected error' })
    expect(signer.reported).to.have.length(1)
    expect(privateKey).to.deep.equal(new Uint8Array(32))
    expect(await codeOf(ask(signer, 'sign_transaction', { tx: aTx() }))).to.equal('PHASE_FORBIDS')
    expect((await ask(signer, 'status')).result).to.include({ phase: 'halted', provisioned: false })
  })
})

describe('what a document of a signer says', () => {
  it('is nothing but the role before anything is fixed', () => {
    expect(decodeUserData(userDataOf(aSigner()))).to.include({ role: 'signer', chainId: 0, authority: null })
  })

  it('is chain, configuration, policy and address once it has a key', async () => {
    const asked: { nonce: Uint8Array | null; userData: Uint8Array }[] = []
    const document: SignerSurroundings['document'] = (bound) => {
      asked.push(bound)
      return Uint8Array.of(1, 2, 3)
    }
    const signer = await aProvisioned({ document })
    expect((await ask(signer, 'attestation', { nonce: '0x0102' })).result).to.deep.equal({ document_b64: 'AQID' })
    expect(asked[0]?.nonce).to.deep.equal(Uint8Array.of(1, 2))
    const fixed = signer.fixed as NonNullable<Signer['fixed']>
    expect(decodeUserData(asked[0]?.userData as Uint8Array)).to.include({
      role: 'signer',
      chainId: CHAIN_ID,
      anchor: null,
      config: signerConfigHash(fixed),
      authority: SIGNER,
      policyHash: signerPolicyHash(fixed.policy),
    })
    await ask(signer, 'attestation')
    await ask(signer, 'attestation', { nonce: null })
    expect(asked.slice(1).map(({ nonce }) => nonce)).to.deep.equal([null, null])
    expect(await codeOf(ask(signer, 'attestation', { nonce: `0x${'00'.repeat(65)}` }))).to.equal('PARAMS_INVALID')
  })

  it('is refused where nothing can vouch', async () => {
    const signer = await aProvisioned()
    expect(await codeOf(ask(signer, 'attestation'))).to.equal('ATTESTATION_NONE')
    expect((await ask(signer, 'status')).result).to.include({ attestation_available: false })
  })
})

function aDepositOf(value: string): string {
  const tx = JSON.stringify({ ...aTx({ data: fundData() }), value: 0 }).replace('"value":0', `"value":${value}`)
  return `{"method":"sign_transaction","params":{"tx":${tx}}}`
}

function assertionOf(text: string): never {
  throw new TypeError(text)
}
