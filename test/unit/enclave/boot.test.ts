import { expect } from 'chai'
import { answer } from '../../../enclave/dispatch.ts'
import { halt, newInstance } from '../../../enclave/instance.ts'
import { pcr16Of } from '../../../enclave/protocol/attestation/user-data.ts'
import { type Configuration, lockedHash } from '../../../enclave/protocol/configuration.ts'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../enclave/protocol/frame.ts'
import { type Hex, toHex } from '../../../enclave/protocol/ids.ts'
import { METHODS } from '../../../enclave/protocol/methods.ts'
import { signerLockedHash } from '../../../enclave/protocol/signer-configuration.ts'
import { SIGNER_METHODS } from '../../../enclave/protocol/signer-methods.ts'
import { randomBytes } from '../../../enclave/shell/entropy.ts'
import { anAddress } from '../../builders/boot.ts'
import { systemClock } from '../../builders/clock.ts'
import {
  aColdBoot,
  aWatchedNsm,
  codeTold,
  extensions,
  NO_RELEASE,
  type NsmFault,
  register,
  tell,
} from '../../builders/cold-boot.ts'
import { aHash, aSignerConfiguration, BROKER, CHAIN_ID } from './signer/a-signer.ts'

const CORE: Configuration = {
  chainId: 42_161,
  anchor: anAddress(1),
  broker: anAddress(2),
  guardian: anAddress(3),
  role: 'core',
  genesisHash: aHash(4),
}
const OTHER: Configuration = { ...CORE, chainId: 42_162 }
const SIGNER = aSignerConfiguration()
const SIGNER_TOLD = { ...SIGNER, policy: { ...SIGNER.policy, maxFundDepositWei: '5000', maxFaceValueWei: '1000' } }
const ZERO_PCR = `0x${'00'.repeat(48)}`
/** More calls of the module than any configuration takes. */
const CALLS_MAX = 8

function pcrOf(configuration: Configuration): Hex {
  return toHex(pcr16Of(lockedHash(configuration)))
}

describe('The first minute of an enclave', () => {
  it('extends PCR16 once with the first configuration, and answers for that one and no other', async () => {
    const watched = aWatchedNsm()
    const boot = aColdBoot(watched)
    const { result } = await tell(boot, 'configure', { configuration: CORE })
    expect(result).to.include({ locked: lockedHash(CORE), role: 'core' })
    expect(register(watched)).to.deep.equal({ locked: true, value: pcrOf(CORE) })
    expect((await tell(boot, 'configure', { configuration: CORE })).result).to.deep.equal(result)
    expect(await codeTold(boot, 'configure', { configuration: OTHER })).to.equal('CONFIG_LOCKED')
    expect(await codeTold(boot, 'configure', { configuration: SIGNER_TOLD })).to.equal('CONFIG_INVALID')
    expect(extensions(watched)).to.equal(1)
  })

  it('answers nothing but status before that, and asks the NSM for nothing', async () => {
    const watched = aWatchedNsm()
    const boot = aColdBoot(watched)
    const names = new Set([...Object.keys(METHODS), ...Object.keys(SIGNER_METHODS), 'sign_anything', '__proto__'])
    names.delete('status')
    names.delete('configure')
    for (const name of names) expect(await codeTold(boot, name), name).to.equal('CONFIG_MISSING')
    expect((await tell(boot, 'status')).result).to.include({ phase: 'cold', configured: false })
    expect(watched.asked).to.deep.equal([])
  })

  it('takes no part in what it refuses: neither PCR16 nor the role follows from such a configuration', async () => {
    const watched = aWatchedNsm()
    const boot = aColdBoot(watched)
    const hostile: readonly object[] = [
      {},
      { configuration: null },
      { configuration: [] },
      { configuration: 'core' },
      { configuration: { role: 'signer' } },
      { configuration: { ...CORE, role: 'vault' } },
      { configuration: { ...CORE, anchor: `${CORE.anchor}00` } },
      { configuration: { ...CORE, keyRelease: null } },
      { configuration: { ...CORE, keyRelease: { keyId: 'alias/ours', region: 'eu-west-1', keyVersion: 1 } } },
      { configuration: { ...CORE, stray: 1 } },
      { configuration: CORE, stray: 1 },
      { configuration: SIGNER_TOLD, stray: 1 },
    ]
    for (const [at, params] of hostile.entries()) {
      const code = await codeTold(boot, 'configure', params)
      expect(code, `configuration ${at}`).to.be.oneOf(['CONFIG_INVALID', 'PARAMS_INVALID'])
      expect(await codeTold(boot, 'attestation'), `after configuration ${at}`).to.equal('CONFIG_MISSING')
    }
    expect(register(watched)).to.deep.equal({ locked: false, value: ZERO_PCR })
    expect(await codeTold(boot, 'configure', { configuration: CORE })).to.equal(undefined)
  })

  it('becomes no signer by a first request that a signer refuses', async () => {
    const watched = aWatchedNsm()
    const boot = aColdBoot(watched)
    for (const params of [{ chain_id: 'one' }, { chain_id: 1 }, { chain_id: 0, ticket_broker: BROKER }]) {
      for (const method of ['generate', 'provision'])
        expect(await codeTold(boot, method, params)).to.be.oneOf(['CONFIG_INVALID', 'PARAMS_INVALID'])
      expect(await codeTold(boot, 'attestation')).to.equal('CONFIG_MISSING')
    }
    expect(register(watched)).to.deep.equal({ locked: false, value: ZERO_PCR })
    expect(await codeTold(boot, 'configure', { configuration: CORE })).to.equal(undefined)
    expect(register(watched).value).to.equal(pcrOf(CORE))
  })

  it('has the configuration of a signer in PCR16 by the time that it answers, whichever request brought it', async () => {
    const configured = aWatchedNsm()
    const { result } = await tell(aColdBoot(configured), 'configure', { configuration: SIGNER_TOLD })
    const told = { ...SIGNER, policy: { ...SIGNER.policy, maxFundDepositWei: 5_000n, maxFaceValueWei: 1_000n } }
    expect(result).to.include({ role: 'signer', locked: signerLockedHash(told as never) })
    expect(register(configured)).to.deep.equal({ locked: true, value: toHex(pcr16Of(result?.['locked'] as never)) })
    const drawn = aWatchedNsm()
    const boot = aColdBoot(drawn)
    const terms = { chain_id: CHAIN_ID, ticket_broker: BROKER }
    expect(await codeTold(boot, 'generate', terms)).to.equal('KMS_UNREACHABLE')
    const { locked, value } = register(drawn)
    expect(locked && value !== ZERO_PCR).to.equal(true)
    expect(await codeTold(boot, 'generate', { ...terms, max_face_value_wei: 1 })).to.equal('CONFIG_LOCKED')
    expect(register(drawn).value).to.equal(value)
    expect(extensions(drawn)).to.equal(1)
  })

  it('locks no configuration whose keys could not be released on this machine', async () => {
    const watched = aWatchedNsm()
    const none = (): never => refuse('CONFIG_INVALID', 'keyRelease in the configuration', 'none')
    const boot = aColdBoot(watched, { releaseOf: none, signerReleaseOf: none })
    expect(await codeTold(boot, 'configure', { configuration: CORE })).to.equal('CONFIG_INVALID')
    expect(await codeTold(boot, 'configure', { configuration: SIGNER_TOLD })).to.equal('CONFIG_INVALID')
    const terms = { chain_id: CHAIN_ID, ticket_broker: BROKER, ciphertext_b64: 'AAEC' }
    expect(await codeTold(boot, 'provision', terms)).to.equal('CONFIG_INVALID')
    expect(await codeTold(boot, 'attestation')).to.equal('CONFIG_MISSING')
    expect(watched.asked).to.deep.equal([])
  })

  it('goes on after an NSM that failed at any moment, with the configuration that it failed under and no other', async () => {
    const faults = Array.from({ length: CALLS_MAX }, (_, call) => call).flatMap((call): NsmFault[] => [
      { call, moment: 'before' },
      { call, moment: 'after' },
    ])
    for (const fault of faults) {
      const watched = aWatchedNsm()
      const boot = aColdBoot(watched)
      watched.fault = fault
      const first = await codeTold(boot, 'configure', { configuration: CORE })
      const title = `${fault.moment} call ${fault.call}, ${watched.asked.join(' ')}`
      expect(first, title).to.equal(fault.call < watched.asked.length ? 'NSM_FAILED' : undefined)
      watched.fault = undefined
      const isWritten = register(watched).value !== ZERO_PCR
      if (isWritten)
        expect(await codeTold(boot, 'configure', { configuration: OTHER }), title).to.equal('CONFIG_LOCKED')
      expect(await codeTold(boot, 'configure', { configuration: CORE }), title).to.equal(undefined)
      expect(register(watched), title).to.deep.equal({ locked: true, value: pcrOf(CORE) })
      expect(extensions(watched), title).to.be.at.most(fault.moment === 'before' ? 2 : 1)
    }
  })

  it('extends PCR16 over nothing that stands there already, locked or not', async () => {
    for (const isLocked of [false, true]) {
      const watched = aWatchedNsm()
      watched.nsm.extendPcr(16, new Uint8Array(32).fill(7))
      if (isLocked) watched.nsm.lockPcr(16)
      const { value } = register(watched)
      expect(await codeTold(aColdBoot(watched), 'configure', { configuration: CORE })).to.equal('CONFIG_LOCKED')
      expect(register(watched)).to.deep.equal({ locked: isLocked, value })
    }
  })

  it('finds what a process before it locked, and takes nothing else', async () => {
    const watched = aWatchedNsm()
    expect(await codeTold(aColdBoot(watched), 'configure', { configuration: CORE })).to.equal(undefined)
    expect(await codeTold(aColdBoot(watched), 'configure', { configuration: OTHER })).to.equal('CONFIG_LOCKED')
    expect(await codeTold(aColdBoot(watched), 'configure', { configuration: SIGNER_TOLD })).to.equal('CONFIG_LOCKED')
    expect(await codeTold(aColdBoot(watched), 'configure', { configuration: CORE })).to.equal(undefined)
    expect(extensions(watched)).to.equal(1)
  })

  it('tells its operator of a bug, and a stranger only that there was one', async () => {
    const bug = new Error('with a secret in its text')
    const releaseOf = (): never => {
      throw bug
    }
    const boot = aColdBoot(aWatchedNsm(), { releaseOf })
    const { error } = await tell(boot, 'configure', { configuration: CORE })
    expect(error).to.include({ code: 'INTERNAL' })
    expect(JSON.stringify(error)).not.to.include('secret')
    expect(boot.reported).to.deep.equal([bug])
  })
})

describe('A question to KMS', () => {
  const PARAMS = { ciphertext_b64: 'AAEC', state_ciphertext_b64: 'AAED' }
  const SIGNER_PARAMS = { chain_id: CHAIN_ID, ticket_broker: BROKER, ciphertext_b64: 'AAEC' }
  const aKey = async (fill: number) => new Uint8Array(32).fill(fill)
  const release = {
    ...NO_RELEASE,
    openKey: (_: unknown, purpose: string) => aKey(purpose === 'authority' ? 0x42 : 0x43),
    openAuthority: async () => ({ key: await aKey(0x42), imported: false }),
  }
  const aReleased = () => aColdBoot(aWatchedNsm(), { releaseOf: () => release, signerReleaseOf: () => release })

  it('comes from a cold enclave alone: with keys, nobody waits for one', async () => {
    for (const methods of [METHODS, SIGNER_METHODS])
      for (const name of ['generate', 'provision'] as const) expect(methods[name].phases).to.deep.equal(['cold'])
    const boot = aReleased()
    await tell(boot, 'configure', { configuration: CORE })
    expect(await codeTold(boot, 'provision', PARAMS)).to.equal(undefined)
    expect(await codeTold(boot, 'provision', PARAMS)).to.equal('PHASE_FORBIDS')
  })

  it('ends the enclave where another request came between it and its answer, rather than let two keys in', async () => {
    const core = aReleased()
    await tell(core, 'configure', { configuration: CORE })
    const codes = await Promise.all([codeTold(core, 'provision', PARAMS), codeTold(core, 'provision', PARAMS)])
    expect(codes).to.deep.equal([undefined, 'INTERNAL'])
    expect((await tell(core, 'status')).result).to.include({ phase: 'halted' })
    const signer = aReleased()
    await tell(signer, 'configure', { configuration: SIGNER_TOLD })
    const { ciphertext_b64 } = SIGNER_PARAMS
    const both = [codeTold(signer, 'provision', { ciphertext_b64 }), codeTold(signer, 'provision', { ciphertext_b64 })]
    expect(await Promise.all(both)).to.deep.equal([undefined, 'INTERNAL'])
    expect((await tell(signer, 'status')).result).to.include({ phase: 'halted', provisioned: false })
  })
})

describe('A halted enclave', () => {
  it('has nothing left that signs for money', async () => {
    const authorityKey = new Uint8Array(32).fill(0x42)
    const openKey = (_: unknown, purpose: string) =>
      purpose === 'authority' ? authorityKey : new Uint8Array(32).fill(0x43)
    const instance = newInstance({
      configuration: CORE,
      kms: { ...NO_RELEASE, openKey },
      entropy: randomBytes,
      clock: systemClock,
      report: () => undefined,
    })
    const ask = (method: string, params: Message) =>
      decodeMessage(answer(instance, encodeMessage({ method, params }, 'json'))).message['result']
    const { address } = ask('provision', { ciphertext_b64: 'AAEC', state_ciphertext_b64: 'AAED' }) as Message
    expect(authorityKey).to.deep.equal(new Uint8Array(32).fill(0x42))
    halt(instance, 'by hand')
    expect(authorityKey).to.deep.equal(new Uint8Array(32))
    expect(ask('address', {})).to.deep.equal({ address })
  })
})

describe('Keys that were released for nothing', () => {
  const PARAMS = { ciphertext_b64: 'AAEC', state_ciphertext_b64: 'AAED' }

  function aRelease(failing: 'authority' | 'state' | undefined, isLater: boolean) {
    const lent: Uint8Array[] = []
    const open = (purpose: 'authority' | 'state'): Uint8Array => {
      if (purpose === failing) throw new CodedError('KMS_REFUSED', 'expected a key, got a no')
      const key = new Uint8Array(32).fill(purpose === 'authority' ? 0x42 : 0x43)
      lent.push(key)
      return key
    }
    const openKey = (_: unknown, purpose: 'authority' | 'state') =>
      isLater ? Promise.resolve().then(() => open(purpose)) : open(purpose)
    return { lent, release: { ...NO_RELEASE, openKey } }
  }

  for (const isLater of [false, true]) {
    const when = isLater ? 'later' : 'at once'

    it(`are wiped where the second one is refused ${when}`, async () => {
      const { lent, release } = aRelease('state', isLater)
      const boot = aColdBoot(aWatchedNsm(), { releaseOf: () => release })
      await tell(boot, 'configure', { configuration: CORE })
      expect(await codeTold(boot, 'provision', PARAMS)).to.equal('KMS_REFUSED')
      expect(lent).to.deep.equal([new Uint8Array(32)])
    })

    it(`are wiped where they are not the expected ones, opened ${when}`, async () => {
      const { lent, release } = aRelease(undefined, isLater)
      const boot = aColdBoot(aWatchedNsm(), { releaseOf: () => release })
      await tell(boot, 'configure', { configuration: CORE })
      const wrong = { ...PARAMS, expected_address: anAddress(9) }
      expect(await codeTold(boot, 'provision', wrong)).to.equal('KEY_ADDRESS')
      expect(lent).to.deep.equal([new Uint8Array(32), new Uint8Array(32)])
      expect(await codeTold(boot, 'provision', PARAMS)).to.equal(undefined)
      expect(lent[2]).to.deep.equal(new Uint8Array(32).fill(0x42))
    })
  }
})
