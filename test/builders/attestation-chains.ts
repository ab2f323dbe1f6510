/** Chains of certificates under a document that is honest otherwise: each breaks one rule, at one place. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  basicConstraints,
  type CertificatePlan,
  EXTENSION_IDS,
  type Extension,
  keyUsage,
  type Name,
  signCertificate,
} from '../../enclave/development/certificates.ts'
import { chainOf, type DevelopmentRoot, drawDevelopmentRoot, type Level } from '../../enclave/development/chain.ts'
import { utf8Text } from '../../enclave/development/der-writer.ts'
import type { ErrorCode } from '../../enclave/protocol/errors.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import { type ChainEdit, honestChain, type SignedChain, type Variant } from './attestation.ts'

const BROKEN = 'ATTESTATION_CHAIN'
const FOREIGN = 'ATTESTATION_ROOT'
const EXPIRED = 'ATTESTATION_EXPIRED'
const DAY_MS = 86_400_000
export const LEVEL_NAMES = ['regional', 'zonal', 'instance', 'leaf'] as const
const [REGIONAL, ZONAL, INSTANCE, LEAF] = [0, 1, 2, 3] as const
/** An identifier that no certificate of anybody's uses. */
const UNKNOWN_ID = '1.3.6.1.4.1.99999.1'
/** As AWS's own root names itself. */
const AWS_ROOT_NAME: Name = [
  ['C', 'US'],
  ['O', 'Amazon'],
  ['OU', 'AWS'],
  ['CN', 'aws.nitro-enclaves'],
]
const SHA384_IDENTIFIER = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]

type PlanEdit = (plan: CertificatePlan, atMs: number) => CertificatePlan

export const CHAINS: readonly Variant<ChainEdit>[] = [
  { name: 'honest', expect: 'accepted', edit: honestChain },
  ...powers(),
  ...links(),
  ...encodings(),
  ...windows(),
  ...roots(),
]

function variant(name: string, expect: Variant<ChainEdit>['expect'], edit: ChainEdit): Variant<ChainEdit> {
  return { name, expect, edit }
}

/** One level's certificate changed before it is signed. */
function planned(level: number, name: string, edit: PlanEdit, expect: ErrorCode | 'accepted' = BROKEN) {
  return variant(name, expect, ({ root, levels, atMs }) => chainOf(root, changed(levels, level, edit, atMs)))
}

function changed(levels: readonly Level[], at: number, edit: PlanEdit, atMs: number): readonly Level[] {
  return levels.map((level, index) => (index === at ? { ...level, plan: edit(level.plan, atMs) } : level))
}

/** Extensions with the one of the same identifier exchanged, or with one more. */
function withExtension(plan: CertificatePlan, extension: Extension): CertificatePlan {
  const others = plan.extensions.filter(({ id }) => id !== extension.id)
  return { ...plan, extensions: [...others, extension] }
}

function withoutExtension(plan: CertificatePlan, id: string): CertificatePlan {
  return { ...plan, extensions: plan.extensions.filter((extension) => extension.id !== id) }
}

function unknown(critical: boolean): Extension {
  return { id: UNKNOWN_ID, critical, value: utf8Text('unknown') }
}

/** What a certificate may do. */
function powers(): Variant<ChainEdit>[] {
  const { keyUsage: usage, basicConstraints: basic } = EXTENSION_IDS
  const change = (level: number, name: string, extension: Extension, expect: ErrorCode | 'accepted' = BROKEN) =>
    planned(level, name, (plan) => withExtension(plan, extension), expect)
  const drop = (level: number, name: string, id: string, expect: ErrorCode | 'accepted' = BROKEN) =>
    planned(level, name, (plan) => withoutExtension(plan, id), expect)
  return [
    change(INSTANCE, 'a CA whose KeyUsage lacks keyCertSign', keyUsage(['digitalSignature', 'crlSign'], true)),
    drop(INSTANCE, 'a CA without KeyUsage', usage),
    drop(ZONAL, 'a CA without BasicConstraints', basic),
    change(INSTANCE, 'an issuer that is no CA', basicConstraints(false)),
    change(REGIONAL, 'a regional CA that allows one CA below it', basicConstraints(true, 1)),
    change(ZONAL, 'a zonal CA that allows no CA below it', basicConstraints(true, 0)),
    change(LEAF, 'a leaf that is a CA', basicConstraints(true)),
    change(LEAF, 'a leaf that may not sign', keyUsage(['nonRepudiation'], false)),
    drop(LEAF, 'a leaf without KeyUsage', usage),
    change(LEAF, 'a leaf whose KeyUsage is critical', keyUsage(['digitalSignature'], true), 'accepted'),
    drop(INSTANCE, 'an instance without key identifiers', EXTENSION_IDS.authorityKeyIdentifier, 'accepted'),
    change(ZONAL, 'an unknown critical extension of a CA', unknown(true)),
    change(LEAF, 'an unknown critical extension of the leaf', unknown(true)),
    change(ZONAL, 'an unknown extension that is not critical', unknown(false), 'accepted'),
    planned(ZONAL, 'KeyUsage twice', (plan) => ({
      ...plan,
      extensions: [...plan.extensions, keyUsage(['keyCertSign'], true)],
    })),
    variant('a leaf that signs a leaf', BROKEN, ({ root, levels }) => chainOf(root, [...levels, below(levels, LEAF)])),
    variant('one CA more than the instance allows', BROKEN, ({ root, levels }) => {
      const extra = below(levels, INSTANCE)
      const authority = withExtension(
        withExtension(extra.plan, basicConstraints(true, 0)),
        keyUsage(['keyCertSign'], true),
      )
      const [leaf] = levels.slice(LEAF)
      if (leaf === undefined) throw new Error('expected a leaf')
      const renamed = { ...leaf, plan: { ...leaf.plan, issuer: authority.subject } }
      return chainOf(root, [...levels.slice(0, LEAF), { ...extra, plan: authority }, renamed])
    }),
  ]
}

/** A certificate like the leaf under a key of its own, issued by the level at `issuer`. */
function below(levels: readonly Level[], issuer: number): Level {
  const [above, leaf] = [levels[issuer], levels[LEAF]]
  if (above === undefined || leaf === undefined) throw new Error('expected four levels')
  const { publicKey, privateKey } = keyPair('P-384')
  const subject: Name = [['CN', 'one more']]
  return { plan: { ...leaf.plan, issuer: above.plan.subject, subject, publicKey }, privateKey }
}

/** Who signed whom. */
function links(): Variant<ChainEdit>[] {
  const bundleOf = (
    name: string,
    expect: ErrorCode,
    change: (bundle: readonly Uint8Array[]) => readonly Uint8Array[],
  ): Variant<ChainEdit> =>
    variant(name, expect, (issue) => {
      const chain = honestChain(issue)
      return { ...chain, bundle: change(chain.bundle) }
    })
  return [
    bundleOf('the bundle from its other end', FOREIGN, (bundle) => bundle.toReversed()),
    bundleOf('regional and zonal exchanged', BROKEN, ([root, regional, zonal, instance]) =>
      [root, zonal, regional, instance].filter((certificate) => certificate !== undefined),
    ),
    bundleOf('no instance', BROKEN, (bundle) => bundle.slice(0, -1)),
    bundleOf('no zonal', BROKEN, (bundle) => bundle.toSpliced(2, 1)),
    bundleOf('no root', FOREIGN, (bundle) => bundle.slice(1)),
    bundleOf('the zonal twice', BROKEN, (bundle) => bundle.toSpliced(2, 0, ...bundle.slice(2, 3))),
    bundleOf('the root alone', BROKEN, (bundle) => bundle.slice(0, 1)),
    ...LEVEL_NAMES.map((name, level) =>
      planned(level, `a ${name} whose issuer has another name`, (plan) => ({ ...plan, issuer: [['CN', 'another']] })),
    ),
    ...LEVEL_NAMES.map((name, level) =>
      variant(`a ${name} signed by a stranger under the issuer's name`, BROKEN, ({ root, levels }) =>
        strangerAt(root, levels, level),
      ),
    ),
    ...LEVEL_NAMES.map((name, level) =>
      variant(`a ${name} with one bit of its signature flipped`, BROKEN, (issue) =>
        reshaped(issue, level, (certificate) => flipLast(certificate)),
      ),
    ),
    variant('a leaf of another chain', BROKEN, (issue) => {
      const stranger = honestChain({ ...issue, root: drawDevelopmentRoot(randomBytes) })
      const levels = issue.levels.map((level) => ({ ...level, privateKey: keyPair('P-384').privateKey }))
      return { ...chainOf(issue.root, levels), bundle: honestChain(issue).bundle, leafKey: stranger.leafKey }
    }),
    variant('a document signed by the instance', 'ATTESTATION_SIGNATURE', (issue) => {
      const [instance] = issue.levels.slice(INSTANCE)
      return { ...honestChain(issue), leafKey: instance?.privateKey ?? issue.root.privateKey }
    }),
  ]
}

/** The certificate at `at`, signed by a key that nobody knows; the others as they are. */
function strangerAt(root: DevelopmentRoot, levels: readonly Level[], at: number): SignedChain {
  const honest = chainOf(root, levels)
  const [level] = levels.slice(at)
  if (level === undefined) throw new Error('expected that level')
  return exchanged(honest, at, signCertificate(level.plan, keyPair('P-384').privateKey))
}

/** Level `at` of a signed chain in another certificate's place: -1 is the root. */
function exchanged(chain: SignedChain, at: number, certificate: Uint8Array): SignedChain {
  if (at === LEAF) return { ...chain, leaf: certificate }
  return { ...chain, bundle: chain.bundle.with(at + 1, certificate) }
}

/** The certificate at `at` with its bytes changed after it was signed. */
function reshaped(
  issue: Parameters<ChainEdit>[0],
  at: number,
  change: (certificate: Uint8Array) => Uint8Array,
): SignedChain {
  const chain = honestChain(issue)
  const certificate = at === LEAF ? chain.leaf : chain.bundle[at + 1]
  return exchanged(chain, at, change(certificate ?? new Uint8Array(0)))
}

function flipLast(bytes: Uint8Array): Uint8Array {
  return bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1)
}

/** How a certificate is written: keys, hashes, bytes. */
function encodings(): Variant<ChainEdit>[] {
  return [
    ...LEVEL_NAMES.map((name, level) =>
      variant(`a ${name} with a byte behind its DER`, BROKEN, (issue) =>
        reshaped(issue, level, (certificate) => concatBytes(certificate, Uint8Array.of(0))),
      ),
    ),
    variant('a root with a byte behind its DER', FOREIGN, (issue) =>
      reshaped(issue, -1, (certificate) => concatBytes(certificate, Uint8Array.of(0))),
    ),
    ...LEVEL_NAMES.map((name, level) =>
      planned(level, `a ${name} signed over SHA-256`, (plan) => ({ ...plan, hash: 'sha256' })),
    ),
    variant('two signature algorithms in one certificate', BROKEN, (issue) =>
      reshaped(issue, ZONAL, (certificate) => {
        const at = Buffer.from(certificate).lastIndexOf(Buffer.from(SHA384_IDENTIFIER))
        return certificate.with(at + SHA384_IDENTIFIER.length - 1, 0x02)
      }),
    ),
    planned(ZONAL, 'a certificate of version 1', (plan) => ({ ...plan, version: 1 })),
    variant('a leaf key on P-256', BROKEN, ({ root, levels }) => onCurve(root, levels, LEAF, 'P-256')),
    variant('a leaf key on P-521', BROKEN, ({ root, levels }) => onCurve(root, levels, LEAF, 'P-521')),
    variant('an instance key on P-256', BROKEN, ({ root, levels }) => onCurve(root, levels, INSTANCE, 'P-256')),
    variant('bytes that are no certificate', BROKEN, (issue) => reshaped(issue, ZONAL, () => randomBytes(600))),
    variant('a leaf of one byte', BROKEN, (issue) => reshaped(issue, LEAF, () => Uint8Array.of(0x30))),
    variant('a leaf cut in half', BROKEN, (issue) =>
      reshaped(issue, LEAF, (certificate) => certificate.slice(0, certificate.length >> 1)),
    ),
  ]
}

/** A key on another curve at one level. A leaf on P-521 signs too long a document: the instance's key does it there. */
function onCurve(root: DevelopmentRoot, levels: readonly Level[], at: number, curve: string): SignedChain {
  const { publicKey, privateKey } = keyPair(curve)
  const moved = levels.map((level, index) =>
    index === at ? { plan: { ...level.plan, publicKey }, privateKey } : level,
  )
  const chain = chainOf(root, moved)
  const isTooLong = at === LEAF && curve === 'P-521'
  return isTooLong ? { ...chain, leafKey: levels[INSTANCE]?.privateKey ?? privateKey } : chain
}

/** When a certificate is valid, against the document's own time. */
function windows(): Variant<ChainEdit>[] {
  return LEVEL_NAMES.flatMap((name, level) => [
    planned(
      level,
      `a ${name} that ended a second ago`,
      (plan, atMs) => ({ ...plan, notAfterMs: atMs - 1_000 }),
      EXPIRED,
    ),
    planned(
      level,
      `a ${name} that begins in a second`,
      (plan, atMs) => ({ ...plan, notBeforeMs: atMs + 1_000, notAfterMs: atMs + DAY_MS }),
      EXPIRED,
    ),
  ])
}

function roots(): Variant<ChainEdit>[] {
  return [
    variant('a root of one’s own', FOREIGN, (issue) => {
      const root = drawDevelopmentRoot(randomBytes)
      return honestChain({ ...issue, root })
    }),
    variant('a root of one’s own that calls itself AWS’s', FOREIGN, (issue) => {
      const root = namedRoot(AWS_ROOT_NAME)
      const levels = changed(issue.levels, REGIONAL, (plan) => ({ ...plan, issuer: AWS_ROOT_NAME }), issue.atMs)
      return chainOf(root, levels)
    }),
    variant('the pinned root in front of a root of one’s own', BROKEN, (issue) => {
      const chain = honestChain({ ...issue, root: drawDevelopmentRoot(randomBytes) })
      return { ...chain, bundle: [issue.root.certificate, ...chain.bundle] }
    }),
    variant('the pinned root in front of a foreign regional', BROKEN, (issue) => {
      const chain = honestChain({ ...issue, root: drawDevelopmentRoot(randomBytes) })
      return { ...chain, bundle: chain.bundle.with(0, issue.root.certificate) }
    }),
    variant('the pinned root at the end', FOREIGN, (issue) => {
      const chain = honestChain({ ...issue, root: drawDevelopmentRoot(randomBytes) })
      return { ...chain, bundle: [...chain.bundle, issue.root.certificate] }
    }),
    variant('a second certificate over the root’s own key', FOREIGN, (issue) => {
      const again = namedRoot(undefined, issue.root.privateKey)
      return honestChain({ ...issue, root: again })
    }),
  ]
}

/** A root of this name, over this key or a new one. */
function namedRoot(name: Name = [['CN', 'anchorhold development, NOT AWS']], key?: KeyObject): DevelopmentRoot {
  const privateKey = key ?? keyPair('P-384').privateKey
  const publicKey = createPublicKey(privateKey)
  const plan: CertificatePlan = {
    version: 3,
    serial: Uint8Array.of(1),
    issuer: name,
    subject: name,
    notBeforeMs: Date.UTC(2020, 0),
    notAfterMs: Date.UTC(2049, 11),
    publicKey,
    extensions: [basicConstraints(true), keyUsage(['digitalSignature', 'keyCertSign', 'crlSign'], true)],
    hash: 'sha384',
  }
  return { privateKey, certificate: signCertificate(plan, privateKey) }
}

function keyPair(curve: string): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: curve })
}
