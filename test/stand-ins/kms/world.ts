/** Both sides of a key release: the stand-in as a process, and what an enclave brings, its NSM of the development kind. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { type DevelopmentRoot, drawDevelopmentRoot } from '../../../enclave/development/chain.ts'
import { openDevelopmentNsm } from '../../../enclave/development/nsm-device.ts'
import type { KeyContext } from '../../../enclave/keys/encryption-context.ts'
import type { AwsCredentials, ReleaseAccess } from '../../../enclave/keys/key-release.ts'
import type { RecipientKey } from '../../../enclave/keys/kms/cms.ts'
import type { KmsReleaseOptions } from '../../../enclave/keys/kms/release.ts'
import { type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import type { Clock } from '../../../enclave/shell/clock.ts'
import { randomBytes } from '../../../enclave/shell/entropy.ts'
import { openNsm } from '../../../enclave/shell/nsm.ts'
import { pcr3Of } from '../../../scripts/kms/arn.ts'
import { type ContextValues, keyPolicy } from '../../../scripts/kms/policy.ts'
import {
  ADMIN_ROLE,
  KEY_ID,
  type KmsProcess,
  PARENT,
  PARENT_ROLE,
  REGION,
  type StartOptions,
  startKms,
} from './start.ts'

export type Pcrs = ReadonlyMap<number, Uint8Array>

/** A clock that is believed, so many seconds ahead of this machine's. */
export function trustedClock(aheadSeconds = 0): Clock {
  return { unixSeconds: () => Math.floor(Date.now() / 1_000) + aheadSeconds, attested: true }
}

export const CONTEXT: KeyContext = {
  ledgerId: aHash(1),
  config: aHash(2),
  role: 'core',
  keyVersion: 1,
}

/** What an honest host lends. */
export const ACCESS: ReleaseAccess = {
  credentials: credentialsOf(PARENT.secretAccessKey),
  proxyPort: 8_000,
}

export function credentialsOf(secretAccessKey: string): AwsCredentials {
  return { accessKeyId: PARENT.accessKeyId, secretAccessKey, sessionToken: PARENT.sessionToken }
}

export function aHash(fill: number): Hash {
  return toHash(new Uint8Array(32).fill(fill))
}

/** Registers of an image that is not in debug mode, on an instance of the parent's role. */
export function imagePcrs(fill = 0x11): Pcrs {
  const measured = [0, 1, 2].map((index) => [index, new Uint8Array(48).fill(fill + index)] as const)
  return new Map([...measured, [3, Uint8Array.from(Buffer.from(pcr3Of(PARENT_ROLE), 'hex'))]])
}

/** The policy that the generator makes for that image and these contexts. */
export function imagePolicy(context: ContextValues, over: { fill?: number; importArn?: string } = {}) {
  const { fill = 0x11, importArn } = over
  const hex = (index: number): string => Buffer.alloc(48, fill + index).toString('hex')
  return keyPolicy({
    images: [{ name: 'test', pcr0: hex(0), pcr1: hex(1), pcr2: hex(2) }],
    roleArn: PARENT_ROLE,
    adminArns: [ADMIN_ROLE],
    context,
    ...(importArn === undefined ? {} : { importArn }),
  })
}

/** What the policy allows to the context above. */
export function contextValues({ ledgerId, config, role, keyVersion }: KeyContext = CONTEXT): ContextValues {
  return {
    ledger: [ledgerId],
    config: [config],
    role: [role],
    purpose: ['authority', 'state'],
    keyVersion: [keyVersion.toString()],
  }
}

/** A key of RSA-2048, drawn once for all tests of a process: it takes a third of a second. */
let drawn: RecipientKey | undefined
export function recipientKey(): RecipientKey {
  drawn ??= newRecipientKey()
  return drawn
}

export function newRecipientKey(): RecipientKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return { privateKey, publicKeySpki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })) }
}

export class KmsWorld {
  readonly root: DevelopmentRoot
  readonly kms: KmsProcess

  private constructor(root: DevelopmentRoot, kms: KmsProcess) {
    this.root = root
    this.kms = kms
  }

  /** With the generator's policy for CONTEXT, unless another is given. */
  static async start(over: Partial<StartOptions> & { readonly root?: DevelopmentRoot } = {}): Promise<KmsWorld> {
    const root = over.root ?? drawDevelopmentRoot(randomBytes)
    const policy = over.policy ?? imagePolicy(contextValues())
    return new KmsWorld(root, await startKms({ ...over, policy, rootPin: pinOf(root) }))
  }

  /** What an enclave of that image takes to its key release. */
  options(over: Partial<KmsReleaseOptions> & { readonly pcrs?: Pcrs; readonly clock?: Clock } = {}): KmsReleaseOptions {
    const { pcrs = imagePcrs(), clock = trustedClock(), ...rest } = over
    const recipient = rest.recipient ?? recipientKey()
    const nsmClock = (): number => clock.unixSeconds() * 1_000
    const nsm = openNsm(openDevelopmentNsm({ root: this.root, pcrs, clock: nsmClock }))
    return {
      terms: { keyId: KEY_ID, region: REGION, keyVersion: CONTEXT.keyVersion },
      recipient,
      attest: () => nsm.document({ nonce: null, userData: null, publicKey: recipient.publicKeySpki }),
      roots: [this.kms.ca],
      entropy: randomBytes,
      openPipe: this.kms.openPipe,
      ...rest,
      clock,
    }
  }
}

function pinOf({ certificate }: DevelopmentRoot): Hash {
  return toHash(new Uint8Array(createHash('sha256').update(certificate).digest()))
}
