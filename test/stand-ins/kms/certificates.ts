/** An authority of the tests, and certificates for the endpoint of KMS below it: what Amazon's roots are to the real one. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  basicConstraints,
  type CertificatePlan,
  type Extension,
  keyUsage,
  type Name,
  serialFrom,
  signCertificate,
} from '../../../enclave/development/certificates.ts'
import { implicit, sequence } from '../../../enclave/development/der-writer.ts'

export type Span = { readonly fromMs: number; readonly untilMs: number }
export type ServerIdentity = {
  /** The leaf and the authority between it and the root: PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** The root: PEM. Whoever is given it believes the leaf. */
  readonly ca: string
}

/** So wide that neither this machine's clock nor a trusted time of the tests falls out of it. */
export const WIDE: Span = { fromMs: Date.UTC(2020, 0), untilMs: Date.UTC(2049, 0) }

const SERIAL_BYTES = 16
const ALTERNATIVE_NAME = '2.5.29.17'
const DNS_NAME = 2
const LINE = /.{1,64}/g

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
type Signer = { readonly name: Name; readonly key: KeyObject }
type Subject = Signer & {
  readonly publicKey: KeyObject
  readonly span: Span
  readonly extensions: readonly Extension[]
}

/** A root, an authority below it, and a leaf for this name. */
export function issueServer(
  host: string,
  spans: { readonly leaf?: Span; readonly between?: Span; readonly root?: Span } = {},
): ServerIdentity {
  const [root, between, leaf] = [newPair(), newPair(), newPair()]
  const rootName = named('test root of KMS')
  const betweenName = named('test authority of KMS')
  const rootSigner = { name: rootName, key: root.privateKey }
  const authority = (extra: number | undefined): Extension[] => [
    basicConstraints(true, extra),
    keyUsage(['keyCertSign', 'crlSign'], true),
  ]
  const rootDer = issue(
    { ...rootSigner, publicKey: root.publicKey, span: spans.root ?? WIDE, extensions: authority(undefined) },
    rootSigner,
  )
  const betweenSigner = { name: betweenName, key: between.privateKey }
  const betweenDer = issue(
    { ...betweenSigner, publicKey: between.publicKey, span: spans.between ?? WIDE, extensions: authority(0) },
    rootSigner,
  )
  const leafPlan = { name: named(host), key: leaf.privateKey, publicKey: leaf.publicKey, span: spans.leaf ?? WIDE }
  const leafDer = issue({ ...leafPlan, extensions: leafExtensions(host) }, betweenSigner)
  return {
    cert: pem('CERTIFICATE', leafDer) + pem('CERTIFICATE', betweenDer),
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ca: pem('CERTIFICATE', rootDer),
  }
}

function issue(subject: Subject, issuer: Signer): Uint8Array {
  const plan: CertificatePlan = {
    version: 3,
    serial: serialFrom(new Uint8Array(randomBytes(SERIAL_BYTES))),
    issuer: issuer.name,
    subject: subject.name,
    notBeforeMs: subject.span.fromMs,
    notAfterMs: subject.span.untilMs,
    publicKey: subject.publicKey,
    extensions: subject.extensions,
    hash: 'sha384',
  }
  return signCertificate(plan, issuer.key)
}

function leafExtensions(host: string): Extension[] {
  const names = sequence(implicit(DNS_NAME, new TextEncoder().encode(host)))
  return [
    basicConstraints(false),
    keyUsage(['digitalSignature'], true),
    { id: ALTERNATIVE_NAME, critical: false, value: names },
  ]
}

function newPair(): Pair {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' })
}

function named(text: string): Name {
  return [['CN', text]]
}

function pem(kind: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(LINE) ?? []
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`
}
