/**
 * The chain above a development document: root, regional, zonal, instance, leaf, with the extensions, order and, below
 * the root, lifetimes of AWS's. It ends in a root of its own whose every name says what it is, so that nobody takes it for AWS's.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import type { Entropy } from '../keys/session-key.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificatePlan,
  crlPoint,
  type Extension,
  keyUsage,
  type Name,
  serialFrom,
  signCertificate,
  subjectKeyIdentifier,
} from './certificates.ts'
import { readPrivateFile } from './private-file.ts'

/** The top of the chain: its key and its own certificate, DER. A verifier pins the SHA-256 of the certificate. */
export type DevelopmentRoot = { readonly privateKey: KeyObject; readonly certificate: Uint8Array }

/** One certificate below the root, before its issuer signs it. */
export type Level = { readonly plan: CertificatePlan; readonly privateKey: KeyObject }

export type Chain = {
  /** Root, regional, zonal, instance: DER. */
  readonly bundle: readonly Uint8Array[]
  readonly leaf: Uint8Array
  readonly leafKey: KeyObject
  readonly notBeforeMs: number
  /** When the leaf ends: the first of all to do so. */
  readonly notAfterMs: number
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const SERIAL_BYTES = 16
const HEAD_START_MS = { regional: 3 * DAY_MS, zonal: DAY_MS, instance: 6 * HOUR_MS, leaf: 40 * SECOND_MS } as const
const LIFETIME_MS = { regional: 20 * DAY_MS, zonal: 5.75 * DAY_MS, instance: DAY_MS, leaf: 3 * HOUR_MS } as const
/** Whenever the root is drawn, it outlives every clock: what RFC 5280 section 4.1.2.5 gives for "without an end". */
const ROOT_FROM_MS = Date.UTC(2020, 0)
const ROOT_UNTIL_MS = Date.UTC(9999, 11, 31, 23, 59, 59)

const ROOT_LIMITS = { canonical: true, depthMax: 1, itemsMax: 5 } as const

const DOMAIN = 'development.anchorhold'
const ROOT_NAME: Name = [
  ['O', 'Anchorhold'],
  ['OU', 'development'],
  ['CN', 'anchorhold development, NOT AWS'],
]
const CRL_URL = 'http://crl.development.invalid/'

/** A root that nobody has seen before. Its certificate is signed with chance, so it has to be kept beside its key. */
export function drawDevelopmentRoot(entropy: Entropy): DevelopmentRoot {
  const { publicKey, privateKey } = newKeyPair()
  const plan: CertificatePlan = {
    ...planOf(ROOT_NAME, ROOT_NAME, publicKey, entropy),
    notBeforeMs: ROOT_FROM_MS,
    notAfterMs: ROOT_UNTIL_MS,
    extensions: [basicConstraints(true), subjectKeyIdentifier(publicKey), authorityUsage()],
  }
  return { privateKey, certificate: signCertificate(plan, privateKey) }
}

/** The root in the file `path`, drawn first where the file is absent: several processes share one. Refuses CONFIG_INVALID. */
export function readDevelopmentRoot(path: string, entropy: Entropy): DevelopmentRoot {
  const bytes = readPrivateFile(path, entropy, () => encodeRoot(drawDevelopmentRoot(entropy)))
  try {
    return decodeRoot(bytes)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected a development root in ${path}, got other bytes`, { cause })
  }
}

function encodeRoot({ privateKey, certificate }: DevelopmentRoot): Uint8Array {
  return encodeCbor({ certificate, key: new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })) })
}

function decodeRoot(bytes: Uint8Array): DevelopmentRoot {
  const { certificate, key } = decodeCbor(bytes, ROOT_LIMITS) as { certificate?: unknown; key?: unknown }
  if (!(certificate instanceof Uint8Array) || !(key instanceof Uint8Array))
    refuse('CONFIG_INVALID', 'certificate and key', 'others')
  const privateKey = createPrivateKey({ key: Buffer.from(key), type: 'pkcs8', format: 'der' })
  if (!new X509Certificate(certificate).checkPrivateKey(privateKey))
    refuse('CONFIG_INVALID', 'the key of the certificate', 'another')
  return { privateKey, certificate }
}

/** A chain for this enclave at this time, under new keys. */
export function issueChain(root: DevelopmentRoot, moduleId: string, atMs: number, entropy: Entropy): Chain {
  return chainOf(root, planLevels(root, moduleId, atMs, entropy))
}

/** The chain of these levels, the last of them the leaf. */
export function chainOf(root: DevelopmentRoot, levels: readonly Level[]): Chain {
  const signed = signLevels(root.privateKey, levels)
  const leaf = signed.at(-1)
  const level = levels.at(-1)
  assert(leaf !== undefined && level !== undefined, 'a chain has a leaf')
  const { notBeforeMs, notAfterMs } = level.plan
  return {
    bundle: [root.certificate, ...signed.slice(0, -1)],
    leaf,
    leafKey: level.privateKey,
    notBeforeMs,
    notAfterMs,
  }
}

/** Regional, zonal, instance and leaf as they would be issued at `atMs`. */
export function planLevels(root: DevelopmentRoot, moduleId: string, atMs: number, entropy: Entropy): readonly Level[] {
  const regional = planAuthority('regional', 2, atMs, entropy, {
    issuer: { name: ROOT_NAME, key: createPublicKey(root.privateKey) },
    subject: nameUnder(`regional.${DOMAIN}`),
    crl: true,
  })
  const zonal = planAuthority('zonal', 1, atMs, entropy, {
    issuer: issuerOf(regional),
    subject: nameUnder(`zonal.${DOMAIN}`),
    crl: true,
  })
  const instance = planAuthority('instance', 0, atMs, entropy, {
    issuer: issuerOf(zonal),
    subject: nameUnder(`${instanceIdOf(moduleId)}.${DOMAIN}`),
    crl: false,
  })
  return [regional, zonal, instance, planLeaf(instance, moduleId, atMs, entropy)]
}

/** The part of a module id that names the machine below the enclave. */
export function instanceIdOf(moduleId: string): string {
  return moduleId.split('-enc')[0] ?? moduleId
}

function signLevels(rootKey: KeyObject, levels: readonly Level[]): readonly Uint8Array[] {
  let issuerKey = rootKey
  return levels.map(({ plan, privateKey }) => {
    const certificate = signCertificate(plan, issuerKey)
    issuerKey = privateKey
    return certificate
  })
}

type Issuer = { readonly name: Name; readonly key: KeyObject }
type Lifetime = keyof typeof LIFETIME_MS
type Place = { readonly issuer: Issuer; readonly subject: Name; readonly crl: boolean }

function issuerOf({ plan }: Level): Issuer {
  return { name: plan.subject, key: plan.publicKey }
}

function planAuthority(kind: Lifetime, pathLengthMax: number, atMs: number, entropy: Entropy, place: Place): Level {
  const { publicKey, privateKey } = newKeyPair()
  const { issuer, subject, crl } = place
  const extensions: readonly Extension[] = [
    basicConstraints(true, pathLengthMax),
    authorityKeyIdentifier(issuer.key),
    subjectKeyIdentifier(publicKey),
    kind === 'instance' ? keyUsage(['keyCertSign'], true) : authorityUsage(),
    ...(crl ? [crlPoint(`${CRL_URL}${kind}.crl`)] : []),
  ]
  return {
    plan: { ...planOf(issuer.name, subject, publicKey, entropy), ...windowOf(kind, atMs), extensions },
    privateKey,
  }
}

/** A leaf has no key identifiers, and its KeyUsage is not critical: as AWS's. */
function planLeaf(instance: Level, moduleId: string, atMs: number, entropy: Entropy): Level {
  const { publicKey, privateKey } = newKeyPair()
  const extensions = [basicConstraints(false), keyUsage(['digitalSignature', 'nonRepudiation'], false)]
  const subject = nameUnder(`${moduleId}.${DOMAIN}`)
  return {
    plan: { ...planOf(instance.plan.subject, subject, publicKey, entropy), ...windowOf('leaf', atMs), extensions },
    privateKey,
  }
}

function planOf(issuer: Name, subject: Name, publicKey: KeyObject, entropy: Entropy) {
  const serial = serialFrom(entropy(SERIAL_BYTES))
  return { version: 3, serial, issuer, subject, publicKey, hash: 'sha384' } as const
}

function windowOf(kind: Lifetime, atMs: number): Pick<CertificatePlan, 'notBeforeMs' | 'notAfterMs'> {
  const notBeforeMs = atMs - HEAD_START_MS[kind]
  return { notBeforeMs, notAfterMs: notBeforeMs + LIFETIME_MS[kind] }
}

function nameUnder(commonName: string): Name {
  return [
    ['O', 'Anchorhold'],
    ['OU', 'development'],
    ['CN', commonName],
  ]
}

function authorityUsage(): Extension {
  return keyUsage(['digitalSignature', 'keyCertSign', 'crlSign'], true)
}

function newKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' })
}
