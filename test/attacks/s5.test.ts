import { strict as assert } from 'node:assert'
import { keccak256 } from '../../enclave/protocol/hash.ts'
import { Forger } from './forger.ts'
import { refuses, useStage } from './use-stage.ts'

describe('S5: one key learnt, all learnt', () => {
  const stage = useStage()

  it('is no way in: an enclave takes no state key that is the authority key or follows from it', async () => {
    const { keys } = stage()
    assert(keys !== undefined, 'the keys are drawn when the stage opens')
    const forger = new Forger(stage())
    const authority = forger.authorityKey()
    const related = [authority, keccak256(authority)]
    for (const state of related) {
      const boot = await stage().cold()
      const state_ciphertext_b64 = forger.wrap('state', state)
      await refuses(boot.provision({ ...keys, state_ciphertext_b64 }), 'KEY_CIPHERTEXT')
    }
    // What the forger wraps is taken when the key is one of its own.
    const own = await stage().cold()
    await own.provision({ ...keys, state_ciphertext_b64: forger.wrap('state', forger.stateKey) })
  })

  it('is not helped by a ciphertext in the other’s place', async () => {
    const { keys } = stage()
    assert(keys !== undefined, 'the keys are drawn when the stage opens')
    const boot = await stage().cold()
    const { ciphertext_b64, state_ciphertext_b64 } = keys
    await refuses(boot.provision({ ciphertext_b64, state_ciphertext_b64: ciphertext_b64 }), 'KEY_CIPHERTEXT')
    const swapped = { ciphertext_b64: state_ciphertext_b64, state_ciphertext_b64: ciphertext_b64 }
    await refuses(boot.provision(swapped), 'KEY_CIPHERTEXT')
  })
})
