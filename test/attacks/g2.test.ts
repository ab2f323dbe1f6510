import { strict as assert } from 'node:assert'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { aHash, contextValues, imagePolicy } from '../stand-ins/kms/world.ts'
import { Boot } from './boot.ts'
import { contextOf, Forger } from './forger.ts'
import { answerOf, HONEST, KmsStage, LENT, useKmsStage } from './kms-stage.ts'
import { refuses, useStage } from './use-stage.ts'

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

describe('G2: the real keys and records in an enclave of the host’s own configuration', () => {
  const stage = useStage()

  it('are no ledger there: whoever got past key release is refused at the load', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await boot.kill()
    const own = parseConfiguration({ ...stage().configuration, genesisHash: aHash(0xad) })
    const folder = mkdtempSync(join(tmpdir(), 'g2-'))
    cpSync(join(stage().folder, 'keys'), join(folder, 'keys'), { recursive: true })
    writeFileSync(join(folder, 'enclave.json'), JSON.stringify(own))
    const accountNonce = async () => (await stage().facts()).accountNonce
    const other = await Boot.start(folder, 'enclave', { round: () => stage().round(), accountNonce })
    try {
      const forger = new Forger(stage())
      const ciphertext_b64 = forger.wrap('authority', forger.authorityKey(), contextOf(own))
      const state_ciphertext_b64 = forger.wrap('state', forger.stateKey, contextOf(own))
      await other.provision({ ciphertext_b64, state_ciphertext_b64 })
      assert.equal((await other.call('address', {})).address, stage().authority)
      await refuses(other.load(boot.kept, await stage().claimFor(boot.kept)), 'ROTATION_INVALID')
      await refuses(other.begin(stage().genesis, 1), 'GENESIS_HASH')
    } finally {
      await other.stop()
      rmSync(folder, { recursive: true })
    }
    await stage().pay(await stage().reloaded(boot.kept))
  })
})
