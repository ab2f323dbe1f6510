import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { mnemonicToAccount } from 'viem/accounts'
import { decodeMessage } from '../../enclave/protocol/frame.ts'
import { type Address, fromHex, type Hash, type Hex } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { SignerConfiguration } from '../../enclave/protocol/signer-configuration.ts'
import type { Ticket } from '../../enclave/protocol/ticket.ts'
import { readCall } from '../../enclave/signer/calldata.ts'
import { answerSigner } from '../../enclave/signer/dispatch.ts'
import { newSigner, type Signer } from '../../enclave/signer/signer.ts'
import { DEV_MNEMONIC } from '../../scripts/chain/accounts.ts'
import { describeWithShared } from '../builders/shared-data.ts'
import { aSignerPolicy, BROKER, CHAIN_ID, KEY, wireTicket } from '../unit/enclave/signer/a-signer.ts'
import { CASES, TERMS } from './make-signer.ts'

type Pinned = {
  readonly config: Hash
  readonly locked: Hash
  readonly policyHash: Hash
  readonly signed: { readonly [name: string]: Hex }
}

const PINNED: Pinned = JSON.parse(readFileSync(join(import.meta.dirname, 'signer.json'), 'utf8'))

async function ask(signer: Signer, method: string, params: object): Promise<Readonly<Record<string, unknown>>> {
  const request = new TextEncoder().encode(JSON.stringify({ method, params }))
  const { result, error } = decodeMessage(await answerSigner(signer, request)).message
  return (result ?? error) as Readonly<Record<string, unknown>>
}

function aSignerWith(key: Uint8Array, configuration?: SignerConfiguration): Signer {
  const release = {
    keyId: 'vectors',
    generateAuthority: () => {
      throw new Error('nothing is drawn here')
    },
    openAuthority: () => ({ key: key.slice(), imported: false }),
  }
  const known = configuration === undefined ? {} : { configuration }
  return newSigner({ ...known, begin: () => release, report: () => undefined })
}

describe('vectors of the signer', () => {
  const signer = aSignerWith(KEY)
  before(() => ask(signer, 'provision', { ...TERMS, ciphertext_b64: '' }))

  it('pin the configuration, the policy and what is locked, by their hashes', async () => {
    const { config, policyHash } = await ask(signer, 'status', {})
    expect({ config, policyHash }).to.deep.equal({ config: PINNED.config, policyHash: PINNED.policyHash })
    const told = aSignerWith(KEY)
    const { keyRelease: _, ...configuration } = signer.fixed as SignerConfiguration
    const plain = JSON.parse(JSON.stringify(configuration, (__, one) => (typeof one === 'bigint' ? `${one}` : one)))
    expect(await ask(told, 'configure', { configuration: plain })).to.include({ config, locked: PINNED.locked })
  })

  it('pin every case and nothing else', () => {
    expect(Object.keys(PINNED.signed)).to.deep.equal(CASES.map(({ name }) => name))
  })

  for (const { name, method, params, signed } of CASES)
    it(`of ${name} are signed by viem and by the signer to the pinned bytes`, async () => {
      expect(await signed()).to.equal(PINNED.signed[name])
      const { signature, raw_tx: rawTx } = await ask(signer, method, params)
      expect(signature ?? rawTx).to.equal(PINNED.signed[name])
    })
})

type SharedTicket = {
  readonly ticket: { readonly [K in 'recipient' | 'sender' | 'recipientRandHash' | 'auxData']: Hex } & {
    readonly [K in 'faceValue' | 'winProb' | 'senderNonce']: string
  }
  readonly hash: Hash
  readonly sig: Hex
  readonly redeemCalldata: Hex
}

describeWithShared('the shared ticket vectors, in a signer', 'vectors', (folder) => {
  const { complete, batchCalldata } = JSON.parse(readFileSync(join(folder, 'ticket-vectors.json'), 'utf8')) as {
    complete: readonly SharedTicket[]
    batchCalldata: Hex | { readonly calldata: Hex }
  }
  const owner = mnemonicToAccount(DEV_MNEMONIC, { addressIndex: 1 })
  const key = owner.getHdKey().privateKey as Uint8Array

  function ticketOf({ ticket }: SharedTicket): Ticket {
    const { recipient, sender, recipientRandHash, auxData, faceValue, winProb, senderNonce } = ticket
    return {
      recipient: recipient as Address,
      sender: sender as Address,
      faceValueWei: BigInt(faceValue),
      winProb: BigInt(winProb),
      senderNonce: BigInt(senderNonce),
      recipientRandHash: recipientRandHash as Hash,
      auxData: fromHex(auxData),
    }
  }

  it('are read out of their calldata, alone and as a batch', () => {
    for (const one of complete)
      expect(readCall(fromHex(one.redeemCalldata))).to.have.deep.property('tickets', [ticketOf(one)])
    const data = typeof batchCalldata === 'string' ? batchCalldata : batchCalldata.calldata
    expect(readCall(fromHex(data))).to.have.deep.property('tickets', complete.map(ticketOf))
  })

  it('are signed to their signatures where the policy allows their face value, and refused above it', async () => {
    const capWei = 2n ** 127n
    const policy = aSignerPolicy({
      allowedRecipients: [],
      requireAllowlist: false,
      maxFaceValueWei: wei(capWei),
      maxTotalFaceValueWei: wei(capWei),
    })
    const signer = aSignerWith(key, { role: 'signer', chainId: CHAIN_ID, broker: BROKER, policy })
    await ask(signer, 'provision', { ciphertext_b64: '' })
    for (const one of complete) {
      const ticket = ticketOf(one)
      const reply = await ask(signer, 'sign_message_defunct', { message_hash: one.hash, ticket: wireTicket(ticket) })
      if (ticket.faceValueWei <= capWei) expect(reply).to.deep.equal({ signature: one.sig })
      else expect(reply).to.include({ code: 'SIGNER_POLICY' })
    }
  })
})
