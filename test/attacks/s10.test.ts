import { strict as assert } from 'node:assert'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { METHODS, RETIRED } from '../../enclave/protocol/methods.ts'
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
