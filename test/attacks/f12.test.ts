import { strict as assert } from 'node:assert'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import { refuses, useStage } from './use-stage.ts'

describe('F12: a key with a past, brought in as the authority', () => {
  const stage = useStage()

  it('is no ciphertext that the enclave opens, in whatever form it comes', async () => {
    const { keys } = stage()
    assert(keys !== undefined)
    const own = { ciphertext_b64: keys.ciphertext_b64, state_ciphertext_b64: keys.state_ciphertext_b64 }
    const plain = Buffer.from(randomBytes(32)).toString('base64')
    const flipped = Buffer.from(own.ciphertext_b64, 'base64')
    flipped[20] = (flipped[20] as number) ^ 1
    const imports = [plain, flipped.toString('base64'), own.state_ciphertext_b64, '']
    const boot = await stage().cold()
    for (const ciphertext_b64 of imports)
      await refuses(boot.call('provision', { ...own, ciphertext_b64 }), 'KEY_CIPHERTEXT')
    await boot.provision(own)
  })

  it('cannot be asked for: each draw is another key, and the enclave keeps none of them', async () => {
    const boot = await stage().cold()
    const drawn = [await boot.call('generate', {}), await boot.call('generate', {})]
    assert.notEqual(drawn[0]?.address, drawn[1]?.address)
    assert.equal((await boot.call('status', {})).phase, 'cold')
    await refuses(boot.call('address', {}), 'PHASE_FORBIDS')
  })
})
