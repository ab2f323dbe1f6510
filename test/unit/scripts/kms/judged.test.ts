/** Generated policies as KMS would judge them: who gets in, and who does not. The judge knows nothing of the generator. */
import { expect } from 'chai'
import { pcr3Of } from '../../../../scripts/kms/arn.ts'
import { contextOf } from '../../../../scripts/kms/context.ts'
import { judgePolicy, type PolicyVerdict } from '../../../stand-ins/kms/policy.ts'
import {
  ADMIN_ROLE,
  aKeyPolicy,
  anImage,
  CONFIGURATION,
  found,
  HOST_ROLE,
  type Loose,
  NEXT_IMAGE,
  pcr,
  withAnother,
  without,
} from './key-policies.ts'

const OTHER_ROLE = 'arn:aws:iam::444455556666:role/anchorhold-host'
const USES = ['kms:Decrypt', 'kms:GenerateDataKey']
const NOT_USED = [
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:GenerateDataKeyPair',
  'kms:DeriveSharedSecret',
  'kms:Encrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:CreateGrant',
  'kms:ReplicateKey',
  'kms:ScheduleKeyDeletion',
]

type Keys = { readonly [name: string]: string | undefined }

function documentOf(image = anImage(), role = HOST_ROLE): Keys {
  const { pcr0, pcr1, pcr2 } = image
  const pcrs = { PCR0: pcr0, PCR1: pcr1, PCR2: pcr2, PCR3: pcr3Of(role), ImageSha384: pcr0 }
  return Object.fromEntries(Object.entries(pcrs).map(([name, value]) => [`kms:RecipientAttestation:${name}`, value]))
}

function contextKeys(over: Keys = {}): Keys {
  const pairs = Object.entries({ ...contextOf(CONFIGURATION, []), purpose: ['state'] })
  const keys = Object.fromEntries(pairs.map(([name, [value]]) => [`kms:EncryptionContext:${name}`, value]))
  return { ...keys, ...over }
}

const HONEST = { ...documentOf(), ...contextKeys() }

function judged(policy: Loose, keys: Keys, principal = HOST_ROLE, action = 'kms:Decrypt'): PolicyVerdict {
  const present = Object.entries(keys).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return judgePolicy(policy, { principal, action, keys: Object.fromEntries(present) })
}

/** An Allow as an account statement, an IAM policy or a grant would add it. */
const HOLE = { Principal: { AWS: HOST_ROLE }, Action: 'kms:*' }

describe('a generated key policy, as KMS judges it', () => {
  it('lets the measured image use the key for each purpose, on the host of the role', () => {
    for (const action of USES)
      for (const purpose of ['authority', 'state']) {
        const keys = { ...HONEST, 'kms:EncryptionContext:purpose': purpose }
        expect(judged(aKeyPolicy(), keys, HOST_ROLE, action), `${action} ${purpose}`).to.equal('allow')
      }
  })

  it('lets nobody in when any single part of the document or the context differs or is absent', () => {
    for (const name of Object.keys(HONEST).filter((key) => !key.endsWith('ImageSha384')))
      for (const value of [undefined, pcr('dd'), ''])
        expect(judged(aKeyPolicy(), { ...HONEST, [name]: value }), `${name} ${value}`).to.not.equal('allow')
  })

  it('lets no other role in with the same image, and the administrator neither', () => {
    for (const principal of [OTHER_ROLE, ADMIN_ROLE])
      expect(judged(aKeyPolicy(), HONEST, principal), principal).to.equal('no allow')
    expect(judged(aKeyPolicy(), { ...documentOf(anImage(), OTHER_ROLE), ...contextKeys() })).to.equal('no allow')
  })

  it('allows the image no action but the two that it needs', () => {
    for (const action of NOT_USED) expect(judged(aKeyPolicy(), HONEST, HOST_ROLE, action), action).to.not.equal('allow')
  })

  it('admits both images of a changeover, and no mixture of their parts', () => {
    const policy = aKeyPolicy({ images: [anImage(), NEXT_IMAGE] })
    for (const image of [anImage(), NEXT_IMAGE])
      expect(judged(policy, { ...documentOf(image), ...contextKeys() }), image.name).to.equal('allow')
    const mixed = anImage({ pcr1: NEXT_IMAGE.pcr1 })
    expect(judged(policy, { ...documentOf(mixed), ...contextKeys() })).to.equal('no allow')
  })

  it('admits two key versions during a rotation, and then one', () => {
    const second = { 'kms:EncryptionContext:keyVersion': '2' }
    const both = aKeyPolicy({ context: contextOf(CONFIGURATION, ['1', '2']) })
    for (const keys of [HONEST, { ...HONEST, ...second }]) expect(judged(both, keys)).to.equal('allow')
    expect(judged(aKeyPolicy(), { ...HONEST, ...second })).to.equal('explicit deny')
  })

  it('still denies what a second, unconditioned Allow would let in, and the linter refuses it all the same', () => {
    const policy = withAnother(aKeyPolicy(), HOLE)
    const attempts: Keys[] = [contextKeys(), { ...documentOf(NEXT_IMAGE), ...contextKeys() }, documentOf(), {}]
    for (const keys of attempts)
      for (const action of [...USES, ...NOT_USED.slice(0, -1)])
        expect(judged(policy, keys, HOST_ROLE, action), action).to.equal('explicit deny')
    expect(found(policy, 'error')).to.include('ALLOW_UNATTESTED')
  })

  it('opens by that Allow once the Denies of its kind are gone, which the linter names', () => {
    const holed = withAnother(aKeyPolicy(), HOLE)
    const sids = ['NoUseUnattested', 'NoUseByOtherImages']
    const open = sids.reduce(without, holed)
    expect(judged(open, contextKeys())).to.equal('allow')
    expect(found(open, 'error')).to.include.members(['DENY_OTHER_IMAGES_MISSING', 'DENY_UNATTESTED_MISSING'])
    const around = without(holed, 'NoWayAround')
    expect(judged(around, {}, HOST_ROLE, 'kms:CreateGrant')).to.equal('allow')
    expect(found(around, 'error')).to.include('DENY_AROUND_MISSING')
  })

  it('lets a key be encrypted for an import by whoever is named, for this ledger, and by nobody otherwise', () => {
    const policy = aKeyPolicy({ importArn: ADMIN_ROLE })
    expect(judged(policy, contextKeys(), ADMIN_ROLE, 'kms:Encrypt')).to.equal('allow')
    expect(judged(policy, contextKeys(), HOST_ROLE, 'kms:Encrypt')).to.equal('no allow')
    const elsewhere = contextKeys({ 'kms:EncryptionContext:ledger': `0x${'00'.repeat(32)}` })
    expect(judged(policy, elsewhere, ADMIN_ROLE, 'kms:Encrypt')).to.equal('no allow')
    expect(judged(aKeyPolicy(), contextKeys(), ADMIN_ROLE, 'kms:Encrypt')).to.equal('explicit deny')
  })
})
