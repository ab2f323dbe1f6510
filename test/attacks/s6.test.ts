import { strict as assert } from 'node:assert'
import type { Boot } from './boot.ts'
import { refuses, useStage } from './use-stage.ts'

describe('S6: a host that provisions a running enclave', () => {
  const stage = useStage()

  async function keepsItsKeys(boot: Boot, phase: string): Promise<void> {
    const stranger = await (await stage().cold()).call('generate', {})
    const { ciphertext_b64, state_ciphertext_b64 } = stranger
    await refuses(boot.call('provision', { ciphertext_b64, state_ciphertext_b64 }), 'PHASE_FORBIDS')
    await refuses(boot.call('generate', {}), 'PHASE_FORBIDS')
    const status = await boot.call('status', {})
    assert.deepEqual({ phase: status.phase, address: status.address }, { phase, address: stage().authority })
  }

  it('finds it bound to the keys that it has, in every later phase', async () => {
    const boot = await stage().boot()
    await keepsItsKeys(boot, 'provisioned')
    await boot.begin(stage().genesis, 0)
    await keepsItsKeys(boot, 'recovering')
    await stage().activate(boot)
    await keepsItsKeys(boot, 'active')
    await boot.call('halt', { reason: 'the host said so' })
    await keepsItsKeys(boot, 'halted')
  })

  it('has nothing signed for a key whose ciphertexts it has only just been given', async () => {
    const boot = await stage().cold()
    const drawn = await boot.call('generate', {})
    assert.equal((await boot.call('status', {})).phase, 'cold')
    await refuses(boot.call('address', {}), 'PHASE_FORBIDS')
    await refuses(boot.begin(stage().genesis, 0), 'PHASE_FORBIDS')
    await boot.provision(drawn)
    assert.equal((await boot.call('address', {})).address, drawn.address)
  })
})
