import { strict as assert } from 'node:assert'
import { openKmsRelease, openKmsSignerRelease } from '../../enclave/keys/kms/release.ts'
import { ACCESS, CONTEXT } from '../stand-ins/kms/world.ts'
import { answerOf, HONEST, LENT, SIGNER, useKmsStage } from './kms-stage.ts'

describe('F2: the core’s key in an image of another role', () => {
  const stage = useKmsStage()

  it('is not released to a signer that signs plain transfers for anybody, with or without its address named', async () => {
    const { ciphertext_b64 } = await stage().drawn()
    assert.equal(await stage().provisionOf(SIGNER, { ciphertext_b64 }), 'KEY_CIPHERTEXT')
    const own = await (await stage().enclave(SIGNER)).call('generate', { ...LENT })
    const named = { ciphertext_b64, expected_address: own['address'] }
    assert.equal(await stage().provisionOf(SIGNER, named), 'KEY_CIPHERTEXT')
    assert.equal(await stage().provisionOf(SIGNER, { ciphertext_b64: own['ciphertext_b64'] }), 'accepted')
  })

  it('nor is a signer’s own key to a core', async () => {
    const { state_ciphertext_b64 } = await stage().drawn()
    const { ciphertext_b64 } = await (await stage().enclave(SIGNER)).call('generate', { ...LENT })
    assert.equal(await stage().provisionOf(HONEST, { ciphertext_b64, state_ciphertext_b64 }), 'KEY_CIPHERTEXT')
  })

  it('is held apart by the role alone, where ledger, configuration and version are the same', async () => {
    const options = stage().world.options()
    const core = openKmsRelease(options)
    const signer = openKmsSignerRelease(options)
    const { authorityCiphertext } = await core.generateKeys(CONTEXT, ACCESS)
    const asSigner = { ...CONTEXT, role: 'signer' } as const
    const taken = Promise.resolve(signer.openAuthority(asSigner, authorityCiphertext, ACCESS))
    assert.equal((await answerOf(taken)).code, 'KEY_CIPHERTEXT')
    const own = await signer.generateAuthority(asSigner, ACCESS)
    const opened = await signer.openAuthority(asSigner, own.authorityCiphertext, ACCESS)
    assert.equal(opened.imported, false)
    const back = Promise.resolve(core.openKey(CONTEXT, 'authority', own.authorityCiphertext, ACCESS))
    assert.equal((await answerOf(back)).code, 'KEY_CIPHERTEXT')
  })
})
