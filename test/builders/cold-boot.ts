/** A process that was not told yet what it is for, over an NSM that counts what it is asked and fails when a test says so. */
import { answerBoot, type Boot, CONFIGURATION_PCR } from '../../enclave/boot.ts'
import { type DevelopmentRoot, drawDevelopmentRoot } from '../../enclave/development/chain.ts'
import { openDevelopmentNsm } from '../../enclave/development/nsm-device.ts'
import type { KeyRelease, SignerRelease } from '../../enclave/keys/key-release.ts'
import { type CborValue, decodeCbor } from '../../enclave/protocol/cbor.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { decodeMessage, type Encoding, encodeMessage, type Message } from '../../enclave/protocol/frame.ts'
import { type Hex, toHex, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { newBootOf, type Parts } from '../../enclave/roles.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import { type Nsm, type NsmDevice, openNsm } from '../../enclave/shell/nsm.ts'
import { systemClock } from './clock.ts'

/** `before` the module has done what it was asked, or `after` it, with the answer lost. */
export type NsmFault = { readonly call: number; readonly moment: 'before' | 'after' }

/** The registers of one enclave: they outlive a process in it. */
export type WatchedNsm = {
  readonly nsm: Nsm
  /** The name of every request, in their order. */
  readonly asked: string[]
  /** Counted from the first call on. */
  fault: NsmFault | undefined
}

let root: DevelopmentRoot | undefined

export function aWatchedNsm(): WatchedNsm {
  // One root for all: drawing it takes longer than everything else here.
  root ??= drawDevelopmentRoot(randomBytes)
  const device = openDevelopmentNsm({ root })
  const asked: string[] = []
  const watch = (request: Uint8Array): Uint8Array => {
    const { fault } = watched
    const isHit = fault?.call === asked.length
    asked.push(nameOf(request))
    if (isHit && fault?.moment === 'before') throw new Error('EIO')
    const response = device(request)
    if (isHit) throw new Error('EIO')
    return response
  }
  const watched: WatchedNsm = { nsm: openNsm(watch as NsmDevice), asked, fault: undefined }
  return watched
}

function nameOf(request: Uint8Array): string {
  const value: CborValue = decodeCbor(request, { canonical: false })
  return typeof value === 'string' ? value : (Object.keys(value as Message)[0] ?? '')
}

export function extensions({ asked }: WatchedNsm): number {
  return asked.filter((name) => name === 'ExtendPCR').length
}

export function register({ nsm }: WatchedNsm): { readonly locked: boolean; readonly value: Hex } {
  const { locked, value } = nsm.describePcr(CONFIGURATION_PCR)
  return { locked, value: toHex(value) }
}

const FAR_AWAY = (): never => {
  throw new CodedError('KMS_UNREACHABLE', 'expected a byte pipe to KMS, got a test without one')
}

/** Releases no key, as where no KMS is to be reached. */
export const NO_RELEASE: KeyRelease & SignerRelease = {
  keyId: 'nowhere',
  generateKeys: FAR_AWAY,
  openKey: FAR_AWAY,
  generateAuthority: FAR_AWAY,
  openAuthority: FAR_AWAY,
}

export function aColdBoot({ nsm }: WatchedNsm, over: Partial<Parts> = {}): Boot & { readonly reported: unknown[] } {
  const reported: unknown[] = []
  const parts: Parts = {
    nsm,
    imageDigest: ZERO_HASH,
    recipient: null,
    entropy: randomBytes,
    clock: systemClock,
    releaseOf: () => NO_RELEASE,
    signerReleaseOf: () => NO_RELEASE,
    report: (error) => void reported.push(error),
    ...over,
  }
  return Object.assign(newBootOf(parts), { reported })
}

export type Told = { readonly result?: Message; readonly error?: { readonly code: string; readonly message: string } }

export async function tell(
  boot: Boot,
  method: string,
  params: object = {},
  encoding: Encoding = 'json',
): Promise<Told> {
  return answerOf(boot, encodeMessage({ method, params: params as Message }, encoding))
}

export async function answerOf(boot: Boot, request: Uint8Array): Promise<Told> {
  return decodeMessage(await answerBoot(boot, request)).message as Told
}

export async function codeTold(boot: Boot, method: string, params: object = {}): Promise<string | undefined> {
  return (await tell(boot, method, params)).error?.code
}
