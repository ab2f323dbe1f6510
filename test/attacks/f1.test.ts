import { strict as assert } from 'node:assert'
import type { KeyContext } from '../../enclave/keys/encryption-context.ts'
import { openKmsRelease } from '../../enclave/keys/kms/release.ts'
import { anAddress } from '../builders/boot.ts'
import { ACCESS, aHash, CONTEXT } from '../stand-ins/kms/world.ts'
import { answerOf, HONEST, useKmsStage } from './kms-stage.ts'

describe('F1: the real keys under the attacker’s anchor', () => {
  const stage = useKmsStage()

  it('open under no other anchor, broker or guardian, though the image and the role of the host are genuine', async () => {
    const keys = await stage().drawn()
    const others = [
      { ...HONEST, anchor: anAddress(0xbad) },
      { ...HONEST, broker: anAddress(0xbad) },
      { ...HONEST, guardian: anAddress(0xbad) },
    ]
    for (const configuration of others)
      assert.equal(await stage().provisionOf(configuration, keys), 'KEY_CIPHERTEXT', JSON.stringify(configuration))
  })

  it('open under no other key version, nor one purpose for the other', async () => {
    const keys = await stage().drawn()
    const { ciphertext_b64, state_ciphertext_b64 } = keys
    const terms = { keyId: HONEST.keyRelease?.keyId, region: HONEST.keyRelease?.region, keyVersion: 2 }
    assert.equal(await stage().provisionOf({ ...HONEST, keyRelease: terms }, keys), 'KEY_CIPHERTEXT')
    const exchanged = { ciphertext_b64: state_ciphertext_b64, state_ciphertext_b64: ciphertext_b64 }
    assert.equal(await stage().provisionOf(HONEST, exchanged), 'KEY_CIPHERTEXT')
  })

  it('open with no single value of their context changed', async () => {
    const release = openKmsRelease(stage().world.options())
    const { authorityCiphertext } = await release.generateKeys(CONTEXT, ACCESS)
    const opened = (context: KeyContext) =>
      answerOf(Promise.resolve(release.openKey(context, 'authority', authorityCiphertext, ACCESS)))
    assert.equal((await opened(CONTEXT)).code, 'accepted')
    const others: KeyContext[] = [
      { ...CONTEXT, ledgerId: aHash(9) },
      { ...CONTEXT, config: aHash(9) },
      { ...CONTEXT, role: 'signer' },
      { ...CONTEXT, keyVersion: 2 },
    ]
    for (const context of others) assert.equal((await opened(context)).code, 'KEY_CIPHERTEXT', JSON.stringify(context))
  })
})
