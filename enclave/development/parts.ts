/** What stands in on a development machine: an NSM under a root of our own, keys that lie on the disk, the machine's clock. */
import { readFileSync } from 'node:fs'
import type { KeyRelease } from '../keys/key-release.ts'
import { imageDigestOf } from '../protocol/attestation/user-data.ts'
import type { KeyReleaseTerms } from '../protocol/configuration.ts'
import { CodedError } from '../protocol/errors.ts'
import { DEVELOPMENT_IMAGE_DIGEST } from '../protocol/header.ts'
import { fromHexOr, type Hash } from '../protocol/ids.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import type { Parts } from '../roles.ts'
import { systemClock } from '../shell/clock.ts'
import { randomBytes } from '../shell/entropy.ts'
import { openNsm } from '../shell/nsm.ts'
import { readDevelopmentRoot } from './chain.ts'
import { openDevelopmentKms } from './kms.ts'
import { openDevelopmentNsm } from './nsm-device.ts'

export type PartOptions = {
  readonly wrappingKey: string
  readonly nsmRoot: string | undefined
  readonly measurements: string | undefined
  readonly kms: string | undefined
  readonly kmsCa: string | undefined
}

const PCR_BYTES = 48
const MEASURED = ['pcr0', 'pcr1', 'pcr2'] as const

/** Refuses CONFIG_INVALID for files that are not what the options say. */
export async function openParts(options: PartOptions, report: Parts['report']): Promise<Parts> {
  const development = openDevelopmentKms(options.wrappingKey, randomBytes)
  const pcrs = options.measurements === undefined ? undefined : readMeasurements(options.measurements)
  const root = options.nsmRoot === undefined ? {} : { root: readDevelopmentRoot(options.nsmRoot, randomBytes) }
  const nsm = openNsm(openDevelopmentNsm({ ...root, ...(pcrs === undefined ? {} : { pcrs }) }))
  return {
    nsm,
    imageDigest: pcrs === undefined ? DEVELOPMENT_IMAGE_DIGEST : digestOf(pcrs),
    recipient: null,
    entropy: randomBytes,
    clock: systemClock,
    releaseOf: (terms) => releaseOf(terms, development),
    report,
  }
}

function releaseOf(terms: KeyReleaseTerms | undefined, development: KeyRelease): KeyRelease {
  if (terms === undefined) return development
  throw new CodedError('CONFIG_INVALID', `expected --kms for keys of ${terms.keyId}, got none`)
}

function readMeasurements(path: string): ReadonlyMap<number, Uint8Array> {
  const read = parseStrictJson(readFileSync(path))
  const value: { readonly [name: string]: unknown } = read.kind === 'object' ? read.value : {}
  return new Map(MEASURED.map((name, index) => [index, measured(path, name, value[name])]))
}

function measured(path: string, name: string, value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromHexOr(`0x${value.replace(/^0x/, '')}`) : undefined
  if (bytes?.length === PCR_BYTES) return bytes
  throw new CodedError('CONFIG_INVALID', `expected ${name} as ${PCR_BYTES} bytes of hex in ${path}`)
}

function digestOf(pcrs: ReadonlyMap<number, Uint8Array>): Hash {
  const at = (index: number): Uint8Array => pcrs.get(index) ?? new Uint8Array(PCR_BYTES)
  return imageDigestOf(at(0), at(1), at(2))
}
