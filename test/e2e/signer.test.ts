import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { toHex } from '../../enclave/protocol/ids.ts'
import { ticketHash } from '../../enclave/protocol/ticket.ts'
import {
  ACCOUNT,
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
} from '../unit/enclave/signer/a-signer.ts'
import { typed } from './cli-run.ts'
import { ask, exchange, framed } from './signer-client.ts'
import { refusedStart, type SignerProcess, startDemonstration, startEnclaveProcess } from './signer-process.ts'

const POLICY = [
  ...['--chain-id', `${CHAIN_ID}`, '--ticket-broker', BROKER],
  ...PAYEES.flatMap((payee) => ['--allowed-recipient', payee]),
  ...['--max-face-value-wei', '1000', '--max-fund-deposit-wei', '20000000000000001'],
]
const DOCUMENT = Buffer.from('a document from elsewhere').toString('base64')
const TERMS = {
  chain_id: CHAIN_ID,
  ticket_broker: BROKER,
  allowed_recipients: PAYEES,
  require_allowlist: true,
  max_face_value_wei: 1_000n,
}

describe('a signer as a process, asked by a client of the replaced one', function () {
  this.timeout(180_000)

  describe('the demonstration of the command line', () => {
    let signer: SignerProcess
    before(async () => {
      signer = await startDemonstration(POLICY, {
        SIGNER_PRIVATE_KEY: toHex(KEY),
        SIGNER_ATTESTATION_DOC_B64: DOCUMENT,
      })
    })
    after(() => signer.stop())

    it('says aloud that the key lies on this machine, and never says the key', () => {
      expect(signer.said()).to.match(/WARNING: a demonstration/)
      expect(signer.said()).to.not.contain(toHex(KEY).slice(2))
    })

    it('gives its address, signs a ticket and signs a transaction, to the bytes that viem signs', async () => {
      const { endpoint } = signer
      expect((await ask(endpoint, 'address')).result).to.deep.equal({ address: ACCOUNT.address })
      const ticket = aTicket()
      const hash = ticketHash(ticket)
      const signed = await ask(endpoint, 'sign_message_defunct', { message_hash: hash, ticket: wireTicket(ticket) })
      expect(signed.result).to.deep.equal({ signature: await ACCOUNT.signMessage({ message: { raw: hash } }) })
      const { result } = await ask(endpoint, 'sign_transaction', { tx: aTx() })
      const { data, to } = aTx() as { data: `0x${string}`; to: `0x${string}` }
      const twin = { chainId: CHAIN_ID, nonce: 5, gas: 350_000n, maxFeePerGas: 1_500n, maxPriorityFeePerGas: 20n }
      expect(result).to.deep.equal({ raw_tx: await ACCOUNT.signTransaction({ ...twin, type: 'eip1559', data, to }) })
    })

    it('takes wei of more than 2^53 as a bare integer, to the last digit', async () => {
      const deposit = (value: bigint) =>
        ask(signer.endpoint, 'sign_transaction', { tx: aTx({ data: fundData(), value }) })
      expect((await deposit(20_000_000_000_000_001n)).result).to.have.all.keys('raw_tx')
      expect((await deposit(20_000_000_000_000_002n)).error?.message).to.equal(
        'tx.value above max_fund_deposit_wei (got 20000000000000002, expected at most 20000000000000001)',
      )
    })

    it('refuses by a message in the old place, with a code beside it', async () => {
      const { error, result } = await ask(signer.endpoint, 'sign_transaction', { tx: aTx({ chainId: 1 }) })
      expect(result).to.equal(undefined)
      expect(error).to.include({ message: 'chainId mismatch (got 1, expected 42161)', code: 'SIGNER_POLICY' })
      const alone = await ask(signer.endpoint, 'sign_message_defunct', { message_hash: `0x${'ab'.repeat(32)}` })
      expect(alone.error?.code).to.equal('SIGNER_TICKET')
    })

    it('shows the document that it was given, and calls nothing else one', async () => {
      expect((await ask(signer.endpoint, 'attestation', { nonce: '0x01' })).result).to.deep.equal({
        document_b64: DOCUMENT,
      })
    })

    it('is not provisioned or drawn for by whoever reaches it', async () => {
      for (const method of ['provision', 'generate'])
        expect((await ask(signer.endpoint, method, { ...TERMS, ciphertext_b64: '' })).error?.code).to.equal(
          'PHASE_FORBIDS',
        )
    })

    it('answers several requests on one connection in their order, garbage among them', async () => {
      const requests = ['{"method":"address","params":{}}', '{"method":', '{"method":"status","params":{}}']
      const [address, garbage, status] = await exchange(signer.endpoint, requests.map(framed))
      expect(address?.result).to.deep.equal({ address: ACCOUNT.address })
      expect(garbage?.error?.code).to.equal('JSON_SYNTAX')
      expect(status?.result).to.include({ role: 'signer', address: ACCOUNT.address, attestation_available: true })
    })

    it('refuses a frame that is longer than anything a signer is asked, before it has come', async () => {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(262_145)
      const [reply] = await exchange(signer.endpoint, [head])
      expect(reply?.error?.code).to.equal('FRAME_TOO_LARGE')
      expect((await ask(signer.endpoint, 'address')).result).to.deep.equal({ address: ACCOUNT.address })
    })
  })

  it('does not start where others could reach it, without a key, or with terms that contradict themselves', async () => {
    const terms = { ...TERMS, max_face_value_wei: '1000' }
    const start = { privateKey: toHex(KEY), terms }
    const cases: readonly (readonly [string, object, string])[] = [
      ['tcp://0.0.0.0:0', start, 'CONFIG_INVALID: expected an endpoint on the loopback'],
      ['vsock://any:7000', start, 'CONFIG_INVALID: expected an endpoint on the loopback'],
      ['tcp://127.0.0.1:0', { terms }, 'CONFIG_INVALID: expected {"privateKey", "terms"'],
      ['tcp://127.0.0.1:0', { ...start, privateKey: '0x42' }, 'CONFIG_INVALID: expected SIGNER_PRIVATE_KEY'],
      ['tcp://127.0.0.1:0', { ...start, document: '!' }, 'CONFIG_INVALID: expected SIGNER_ATTESTATION_DOC_B64'],
      ['tcp://127.0.0.1:0', { ...start, terms: { ...terms, batch_max: 51 } }, 'CONFIG_INVALID: configuration.policy'],
      ['tcp://127.0.0.1:0', { ...start, terms: { ...terms, chain_id: '1e3' } }, 'PARAMS_INVALID: chain_id'],
    ]
    for (const [endpoint, line, message] of cases) {
      const { code, said } = await refusedStart(endpoint, line)
      expect([code, said.startsWith(message)], said).to.deep.equal([1, true])
      expect(said).to.not.contain(toHex(KEY).slice(2))
    }
    const keyless = await typed(['signer', ...POLICY])
    expect([keyless.code, keyless.err.split(',')[0]]).to.deep.equal([
      1,
      'CONFIG_INVALID: expected a private key in SIGNER_PRIVATE_KEY',
    ])
  })

  it('says what a key of these terms is encrypted under, and the enclave says the same of them', async () => {
    const { code, out } = await typed(['signer', '--config-only', '--json', ...POLICY])
    const { config, policyHash, encryptionContext } = JSON.parse(out)
    expect(code).to.equal(0)
    const signer = await startDemonstration(POLICY, { SIGNER_PRIVATE_KEY: toHex(KEY) })
    const { result } = await ask(signer.endpoint, 'status')
    expect(await signer.stop()).to.equal(0)
    expect(result).to.include({ config, policyHash, broker: BROKER })
    expect(encryptionContext).to.include({ config, role: 'signer', purpose: 'authority', keyVersion: '1' })
  })

  describe('the enclave of a development machine', () => {
    const folder = mkdtempSync(join(tmpdir(), 'signer-'))
    const start = () => startEnclaveProcess(join(folder, 'enclave.sock'), join(folder, 'wrapping.key'))
    after(() => rmSync(folder, { recursive: true, force: true }))

    it('draws a key under a policy, and opens it after a restart under that policy alone', async () => {
      const first = await start()
      const { result } = await ask(first.endpoint, 'generate', TERMS)
      expect(result).to.have.all.keys('address', 'ciphertext_b64', 'key_id', 'key_spec')
      const { address, ciphertext_b64 } = result as { address: string; ciphertext_b64: string }
      expect((await ask(first.endpoint, 'address')).error?.code, 'a key that is drawn is not yet used').to.equal(
        'PHASE_FORBIDS',
      )
      await first.stop()

      const lax = await start()
      const laxTerms = { ...TERMS, ciphertext_b64, max_face_value_wei: 1_001n }
      expect((await ask(lax.endpoint, 'provision', laxTerms)).error?.code).to.equal('KEY_CIPHERTEXT')
      const honest = await ask(lax.endpoint, 'provision', { ...TERMS, ciphertext_b64 })
      expect(honest.error?.code, 'the first terms are locked').to.equal('CONFIG_LOCKED')
      await lax.stop()

      const again = await start()
      const wrong = await ask(again.endpoint, 'provision', { ...TERMS, ciphertext_b64, expected_address: SIGNER })
      expect(wrong.error?.code).to.equal('KEY_ADDRESS')
      const opened = await ask(again.endpoint, 'provision', { ...TERMS, ciphertext_b64, expected_address: address })
      expect(opened.result).to.deep.equal({ address })
      const sender = address.toLowerCase() as typeof SIGNER
      const own = aTicket({ sender })
      const sign = (ticket: typeof own) =>
        ask(again.endpoint, 'sign_message_defunct', { message_hash: ticketHash(ticket), ticket: wireTicket(ticket) })
      expect((await sign(own)).result).to.have.all.keys('signature')
      expect((await sign(aTicket({ sender, recipient: STRANGER }))).error?.code).to.equal('SIGNER_POLICY')
      expect((await ask(again.endpoint, 'provision', { ...TERMS, ciphertext_b64 })).error?.code).to.equal(
        'PHASE_FORBIDS',
      )
      await again.stop()
    })
  })
})
