import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import { BOUND_FIELDS, type ExpectedUserData } from '../../enclave/protocol/attestation/binding.ts'
import { attestationDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { type Policy, parsePolicy, policyHash } from '../../enclave/protocol/policy.ts'
import { SKEW_MS_MAX, verdictOf } from '../builders/expectations.ts'
import type { Boot } from './boot.ts'
import { useStage } from './use-stage.ts'

const AGE_MS_MAX = 60_000
const ZERO_PCR = new Uint8Array(48)

describe('S37: an attestation that leaves things out', () => {
  const stage = useStage()

  /** What a verifier knows without asking the enclave: from the chain, and from what the ledger was begun with. */
  async function known(over: Partial<ExpectedUserData> = {}): Promise<ExpectedUserData> {
    const { head, epoch, session, authority } = await stage().facts()
    const { policy } = stage().genesis as { readonly policy: unknown }
    const parsed: Policy = parsePolicy(policy)
    const configuration = parseConfiguration(stage().configuration)
    return {
      role: 'core',
      chainId: configuration.chainId,
      anchor: stage().anchor,
      config: configHash(configuration),
      authority,
      policyHash: policyHash(parsed),
      head,
      epoch,
      session,
      credits: parsed.credits,
      ...over,
    }
  }

  async function verdictOn(boot: Boot, userData: ExpectedUserData): Promise<string> {
    const nonce = new Uint8Array(randomBytes(32))
    const { document_b64 } = await boot.call('attestation', { nonce })
    return judged(Buffer.from(document_b64, 'base64'), nonce, userData)
  }

  function judged(document: Uint8Array, nonce: Uint8Array | 'unchecked', userData: ExpectedUserData): string {
    const root = readDevelopmentRoot(join(stage().folder, 'keys', 'development-root'), randomBytes)
    return verdictOf(() =>
      verifyUnder(
        document,
        {
          mode: 'live',
          nowMs: Date.now(),
          maxAgeMs: AGE_MS_MAX,
          maxSkewMs: SKEW_MS_MAX,
          measurements: [{ name: 'development', pcr0: ZERO_PCR, pcr1: ZERO_PCR, pcr2: ZERO_PCR }],
          allowDebug: true,
          nonce,
          binding: { userData, publicKey: 'unchecked' },
        },
        toHash(sha256(root.certificate)),
      ),
    )
  }

  it('leaves nothing out: each field is what the chain and the genesis say, and any other value is refused', async () => {
    const boot = await stage().active()
    const truth = await known()
    assert.equal(await verdictOn(boot, truth), 'accepted')
    for (const field of BOUND_FIELDS) {
      const other = { role: 'signer', chainId: 1, epoch: 77, credits: 'signed' }[field as string] ?? null
      assert.equal(await verdictOn(boot, { ...truth, [field]: other }), 'ATTESTATION_BINDING', field)
    }
  })

  it('follows the ledger: after a commit the old head is refused', async () => {
    const boot = await stage().active()
    const before = await known()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    assert.equal(await verdictOn(boot, await known()), 'accepted')
    assert.equal(await verdictOn(boot, before), 'ATTESTATION_BINDING')
  })

  it('tells a clone: its session is not the one on chain', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const clone = await stage().reloaded(boot.kept)
    assert.equal(await verdictOn(clone, await known()), 'accepted')
    assert.equal(await verdictOn(boot, await known()), 'ATTESTATION_BINDING')
  })

  it('says that nothing is known yet, and passes for no enclave that is at work', async () => {
    const boot = await stage().boot()
    const unknown = { policyHash: null, head: null, epoch: null, credits: null }
    assert.equal(
      await verdictOn(boot, await known({ ...unknown, session: boot.session, authority: stage().authority })),
      'accepted',
    )
    assert.equal(await verdictOn(boot, await known()), 'ATTESTATION_BINDING')
  })

  it('is named by the session on chain, and by no other document', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const opened = await boot.openSession()
    assert((await stage().send(opened)).landed)
    await boot.tellLanded(opened.epoch)
    assert(opened.attestation !== null)
    assert.equal(await stage().sessionDigest(opened.epoch), attestationDigestOf(opened.attestation))
    assert.equal(judged(opened.attestation, 'unchecked', await known()), 'accepted')
    const again = await boot.call('attestation', {})
    assert.notEqual(
      attestationDigestOf(Buffer.from(again.document_b64, 'base64')),
      attestationDigestOf(opened.attestation),
    )
  })
})
