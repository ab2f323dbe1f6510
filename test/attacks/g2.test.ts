import { strict as assert } from 'node:assert'
import { configHash } from '../../enclave/protocol/configuration.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { aHash, contextValues, imagePolicy } from '../stand-ins/kms/world.ts'
import { answerOf, HONEST, KmsStage, LENT, useKmsStage } from './kms-stage.ts'

/** The same ledger in everything but what its genesis says: other admins, a quorum of one. */
const OTHER_ADMINS = { ...HONEST, genesisHash: aHash(0xad) }

describe('G2: the real ledger with admins of the host’s choice', () => {
  const stage = useKmsStage()

  it('does not get the real keys: the ciphertexts are bound to what genesis was told', async () => {
    assert.equal(ledgerIdOf(OTHER_ADMINS), ledgerIdOf(HONEST))
    const keys = await stage().drawn()
    assert.equal(await stage().provisionOf(OTHER_ADMINS, keys), 'KEY_CIPHERTEXT')
  })

  it('does not even come to the ciphertexts where the key policy names the configuration', async () => {
    const { ledgerId, config } = { ledgerId: ledgerIdOf(HONEST), config: configHash(HONEST) }
    const policy = imagePolicy(contextValues({ ledgerId, config, role: 'core', keyVersion: 1 }))
    const strict = await KmsStage.open(policy)
    try {
      const keys = await strict.drawn()
      const enclave = await strict.enclave(OTHER_ADMINS)
      const { code, message } = await answerOf(enclave.call('provision', { ...LENT, ...keys }))
      assert.equal(code, 'KMS_REFUSED')
      assert.match(message, /^AccessDeniedException: /)
    } finally {
      await strict.close()
    }
  })
})
