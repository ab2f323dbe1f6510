/** What stands in on a development machine: an NSM under a root of our own, keys that lie on the disk, the machine's clock. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { KmsReleaseOptions } from '../keys/kms/release.ts'
import { openKmsRelease, openKmsSignerRelease } from '../keys/kms/release.ts'
import { newRecipientKey } from '../keys/recipient-key.ts'
import { verifyUnder } from '../protocol/attestation/verify-under.ts'
import type { KeyReleaseTerms } from '../protocol/configuration.ts'
import { CodedError } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'
import { DEVELOPMENT_IMAGE_DIGEST } from '../protocol/header.ts'
import { fromHexOr, toHash } from '../protocol/ids.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import type { Parts } from '../roles.ts'
import type { Clock } from '../shell/clock.ts'
import { parseEndpoint } from '../shell/endpoint.ts'
import { randomBytes } from '../shell/entropy.ts'
import { type Nsm, openNsm } from '../shell/nsm.ts'
import { attestedMs, attestSelf, type SelfVerifier } from '../shell/self-attestation.ts'
import { openTrustedClock } from '../shell/trusted-clock.ts'
import { drawDevelopmentRoot, readDevelopmentRoot } from './chain.ts'
import { openDevelopmentKms } from './kms.ts'
import { openDevelopmentNsm } from './nsm-device.ts'
import { developmentSignerRelease } from './signer-release.ts'

export type PartOptions = {
  readonly wrappingKey: string
  readonly nsmRoot: string | undefined
  readonly measurements: string | undefined
  readonly kms: string | undefined
  readonly kmsCa: string | undefined
}

const PCR_BYTES = 48
const MEASURED = ['pcr0', 'pcr1', 'pcr2'] as const
const ROLE_PCR = 3

/** Refuses CONFIG_INVALID for files that are not what the options say. */
export async function openParts(options: PartOptions, report: Parts['report']): Promise<Parts> {
  const development = openDevelopmentKms(options.wrappingKey, randomBytes)
  const { nsm, verify } = openModule(options)
  const clock = clockOf(nsm, verify)
  const standIn = await openStandIn(options, nsm, clock)
  const recipient = standIn?.recipient.publicKeySpki ?? null
  const self = attestSelf(nsm, verify, { recipientKeyDer: recipient })
  return {
    nsm,
    imageDigest: self.debug ? DEVELOPMENT_IMAGE_DIGEST : self.imageDigest,
    recipient,
    entropy: randomBytes,
    clock,
    releaseOf: (terms) => (terms === undefined ? development : openKmsRelease(reached(standIn, terms))),
    signerReleaseOf: (terms) =>
      terms === undefined ? developmentSignerRelease(development) : openKmsSignerRelease(reached(standIn, terms)),
    report,
  }
}

type Module = { readonly nsm: Nsm; readonly verify: SelfVerifier }

function openModule({ nsmRoot, measurements }: PartOptions): Module {
  const root = nsmRoot === undefined ? drawDevelopmentRoot(randomBytes) : readDevelopmentRoot(nsmRoot, randomBytes)
  const pin = toHash(sha256(root.certificate))
  const pcrs = measurements === undefined ? new Map() : readMeasurements(measurements)
  return {
    nsm: openNsm(openDevelopmentNsm({ root, pcrs })),
    verify: (document, expectation) => verifyUnder(document, expectation, pin),
  }
}

/** The road of the real one, and not attested all the same: this module takes its time from the machine. */
function clockOf(nsm: Nsm, verify: SelfVerifier): Clock {
  const source = { documentMs: () => attestedMs(nsm, verify), monotonicMs: () => performance.now() }
  return { ...openTrustedClock(source), attested: false }
}

type StandIn = Omit<KmsReleaseOptions, 'terms'>

async function openStandIn({ kms, kmsCa }: PartOptions, nsm: Nsm, clock: Clock): Promise<StandIn | undefined> {
  if (kms === undefined || kmsCa === undefined) return undefined
  const recipient = await newRecipientKey()
  const { publicKeySpki: publicKey } = recipient
  return {
    recipient,
    attest: () => nsm.document({ nonce: null, userData: null, publicKey }),
    roots: [readFileSync(kmsCa, 'utf8')],
    clock,
    entropy: randomBytes,
    openPipe: async () => connect(pipeOf(kms)),
  }
}

function pipeOf(text: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const endpoint = parseEndpoint(text)
  if (endpoint.kind === 'unix') return { path: endpoint.path }
  if (endpoint.kind === 'tcp') return { host: endpoint.host, port: endpoint.port }
  throw new CodedError('CONFIG_INVALID', `expected --kms unix:///path or tcp://host:port, got ${text}`)
}

function reached(standIn: StandIn | undefined, terms: KeyReleaseTerms | undefined): KmsReleaseOptions {
  if (standIn !== undefined && terms !== undefined) return { ...standIn, terms }
  const got = `--kms ${standIn === undefined ? 'missing' : 'given'}, keyRelease ${terms?.keyId ?? 'missing'}`
  throw new CodedError('CONFIG_INVALID', `expected --kms and keyRelease in the configuration, got ${got}`)
}

function readMeasurements(path: string): ReadonlyMap<number, Uint8Array> {
  const read = parseStrictJson(readFileSync(path))
  const value: { readonly [name: string]: unknown } = read.kind === 'object' ? read.value : {}
  const images = MEASURED.map((name, index) => [index, measured(path, name, value[name])] as const)
  const { pcr3 } = value
  return new Map(pcr3 === undefined ? images : [...images, [ROLE_PCR, measured(path, 'pcr3', pcr3)]])
}

function measured(path: string, name: string, value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromHexOr(`0x${value.replace(/^0x/, '')}`) : undefined
  if (bytes?.length === PCR_BYTES) return bytes
  throw new CodedError('CONFIG_INVALID', `expected ${name} as ${PCR_BYTES} bytes of hex in ${path}`)
}
