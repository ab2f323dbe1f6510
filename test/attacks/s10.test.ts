import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { type Address, toHash } from '../../enclave/protocol/ids.ts'
import { METHODS, RETIRED } from '../../enclave/protocol/methods.ts'
import { SIGNER_METHODS } from '../../enclave/protocol/signer-methods.ts'
import { type Ticket, ticketHash } from '../../enclave/protocol/ticket.ts'
import { ask, type SignerReply } from '../e2e/signer-client.ts'
import { type SignerProcess, startEnclaveProcess } from '../e2e/signer-process.ts'
import {
  aTicket,
  aTx,
  BROKER,
  CHAIN_ID,
  fundData,
  PAYEES,
  redeemData,
  wireTicket,
} from '../unit/enclave/signer/a-signer.ts'
import { answerTo, frameOf } from './raw.ts'
import { refuses, useStage } from './use-stage.ts'

/** The hash of a ticket, of a transaction, or of whatever the host would like to have signed. */
const FOREIGN = new Uint8Array(32).fill(0xab)
const NAMES = ['message', 'hash', 'digest', 'payload', 'data', 'ticketHash', 'tx'] as const
const PHASES_ASKED = 3

describe('S10: a host that wants foreign bytes signed', () => {
  const stage = useStage()

  it('is refused each method of the replaced system that signed what it was given, in every phase', async () => {
    const boot = await stage().boot()
    const endpoint = boot.endpoint
    for (let phase = 0; phase < PHASES_ASKED; phase++) {
      for (const name of Object.keys(RETIRED)) {
        const params = encodeCbor({ message: FOREIGN, hash: FOREIGN })
        assert.equal(await answerTo(endpoint, frameOf(name, params)), 'METHOD_RETIRED', name)
      }
      if (phase === 0) await boot.begin(stage().genesis, 0)
      if (phase === 1) await stage().activate(boot)
    }
  })

  it('finds no method that takes them under any name', async () => {
    const boot = await stage().active()
    for (const method of Object.keys(METHODS))
      for (const name of NAMES) {
        const code = await answerTo(boot.endpoint, frameOf(method, encodeCbor({ [name]: FOREIGN })))
        assert(['PARAMS_INVALID', 'PHASE_FORBIDS'].includes(code), `${method} with ${name}: ${code}`)
      }
  })

  it('has nothing signed under a policy that says nothing', async () => {
    const boot = await stage().boot()
    await refuses(boot.begin({ ...stage().genesis, policy: {} }, 0), 'POLICY_INVALID')
    await refuses(boot.openSession(), 'PHASE_FORBIDS')
    await boot.begin(stage().genesis, 0)
  })
})

/** As the replaced signer was provisioned where nobody thought of a policy. */
const NO_POLICY = { chain_id: CHAIN_ID, ticket_broker: BROKER, require_allowlist: false }
const A_POLICY = { ...NO_POLICY, allowed_recipients: PAYEES.join(','), max_face_value_wei: 1_000 }
const REFUSED_FORMS = ['PARAMS_INVALID', 'PHASE_FORBIDS', 'SIGNER_TICKET', 'SIGNER_TRANSACTION']

describe('S10: a host that wants foreign bytes signed by the role signer', () => {
  const folder = mkdtempSync(join(tmpdir(), 's10-'))
  let signer: SignerProcess
  let sender: Address

  beforeEach(async () => {
    signer = await startEnclaveProcess(join(folder, 'enclave.sock'), join(folder, 'wrapping.key'))
  })
  afterEach(() => signer.stop())
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function provisioned(terms: object): Promise<void> {
    const drawn = await ask(signer.endpoint, 'generate', terms)
    const ciphertext_b64 = drawn.result?.['ciphertext_b64']
    const { result } = await ask(signer.endpoint, 'provision', { ...terms, ciphertext_b64 })
    assert(result !== undefined, 'the signer has its key')
    sender = (result['address'] as string).toLowerCase() as Address
  }

  const hashed = (messageHash: string, ticket?: Ticket): Promise<SignerReply> =>
    ask(signer.endpoint, 'sign_message_defunct', {
      message_hash: messageHash,
      ...(ticket === undefined ? {} : { ticket: wireTicket(ticket) }),
    })

  it('is given a signature over a ticket that it shows whole, and over no other thirty-two bytes', async () => {
    await provisioned(A_POLICY)
    const ticket = aTicket({ sender })
    const hash = ticketHash(ticket)
    assert.equal((await hashed(hash, ticket)).error, undefined)
    const foreign = toHash(FOREIGN)
    assert.equal((await hashed(foreign)).error?.code, 'SIGNER_TICKET', 'foreign bytes')
    assert.equal((await hashed(hash)).error?.code, 'SIGNER_TICKET', 'the hash of a good ticket, without it')
    assert.equal((await hashed(foreign, ticket)).error?.code, 'SIGNER_TICKET', 'foreign bytes beside a good ticket')
    const larger = aTicket({ sender, faceValueWei: 1_000_000n })
    assert.equal((await hashed(ticketHash(larger), larger)).error?.code, 'SIGNER_POLICY', 'a ticket above the cap')
  })

  it('finds no method of it that takes them under any name', async () => {
    await provisioned(A_POLICY)
    for (const method of Object.keys(SIGNER_METHODS))
      for (const name of [...NAMES, 'message_hash']) {
        const { error } = await ask(signer.endpoint, method, { [name]: toHash(FOREIGN) })
        assert(
          REFUSED_FORMS.includes(error?.code ?? 'accepted'),
          `${method} with ${name}: ${error?.code ?? 'accepted'}`,
        )
      }
  })

  it('has nothing signed by a signer whose policy says nothing', async () => {
    await provisioned(NO_POLICY)
    const worthless = aTicket({ sender, faceValueWei: 0n })
    assert.equal((await hashed(ticketHash(worthless), worthless)).error?.code, 'SIGNER_POLICY', 'a ticket of no value')
    const calls = [fundData(), redeemData(worthless)]
    for (const data of calls) {
      const { error } = await ask(signer.endpoint, 'sign_transaction', { tx: aTx({ data }) })
      assert.equal(error?.code, 'SIGNER_POLICY', data.slice(0, 10))
    }
  })
})
