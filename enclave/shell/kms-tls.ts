/**
 * TLS to KMS that ends in here. Nothing in an answer of KMS is signed by KMS, so who answers is proven by the connection
 * alone: certificates that Amazon's own roots vouch for, judged at the trusted time. The host carries the bytes [N21].
 */
import { createHash, X509Certificate } from 'node:crypto'
import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, rootCertificates, type TLSSocket } from 'node:tls'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { Clock } from './clock.ts'

/** One byte stream to the endpoint of KMS: AF_VSOCK to the parent in production. Rejects where there is none. */
export type OpenPipe = () => Promise<Duplex>

export type KmsTlsOptions = {
  readonly region: string
  /** Certificates in PEM, no others vouch for KMS: `amazonRoots()` in production. */
  readonly roots: readonly string[]
  readonly clock: Clock
  readonly openPipe: OpenPipe
}

/** From asking for a pipe to the end of the handshake. */
export const KMS_CONNECT_TIMEOUT_MS = 5_000
/** A connection serves the two calls of `generate` one after the other. */
const CONNECTIONS_MAX = 1
/** A leaf and two or three authorities; roots are not sent. */
const CHAIN_CERTIFICATES_MAX = 8
const MS_PER_SECOND = 1_000

/** SHA-256 of the DER of each root that Amazon Trust Services names for its endpoints. */
const AMAZON_ROOTS: readonly { readonly name: string; readonly sha256: string }[] = [
  { name: 'Amazon Root CA 1', sha256: '8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e' },
  { name: 'Amazon Root CA 2', sha256: '1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4' },
  { name: 'Amazon Root CA 3', sha256: '18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4' },
  { name: 'Amazon Root CA 4', sha256: 'e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092' },
  {
    name: 'Starfield Services Root CA - G2',
    sha256: '568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5',
  },
]

/** Amazon's roots in PEM, out of the list that Node is built with. Refuses KMS_ROOTS when one is missing there. */
export function amazonRoots(bundled: readonly string[] = rootCertificates): readonly string[] {
  const found = new Map(bundled.map((pem) => [sha256Of(pem), pem]))
  return AMAZON_ROOTS.map(({ name, sha256 }) => {
    const pem = found.get(sha256)
    if (pem === undefined) throw new CodedError('KMS_ROOTS', `expected ${name} (SHA-256 ${sha256}) in Node, got none`)
    return pem
  })
}

function sha256Of(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
}

/** The endpoint's name, which its certificate has to carry. */
export function kmsHost(region: string): string {
  return `kms.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

/** An agent whose every connection is TLS to KMS over a pipe; whatever host and port a request names. */
export function kmsAgent(options: KmsTlsOptions): Agent {
  return new KmsAgent(options)
}

class KmsAgent extends Agent {
  readonly #options: KmsTlsOptions
  #ended = false

  constructor(options: KmsTlsOptions) {
    super({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
    this.#options = options
  }

  override createConnection(_options: AgentOptions, told: (error: Error | null, stream: Duplex) => void): undefined {
    // On a failure the stream is never looked at, but the type wants one.
    const failed = (error: Error): void => told(error, undefined as unknown as Duplex)
    connectTls(this.#options).then((socket) => {
      if (!this.#ended) return told(null, socket)
      // Nobody waits for it any more, and nobody would ever close it.
      socket.destroy()
      failed(unreachable('a connection in time', 'one that came too late'))
    }, failed)
    return undefined
  }

  override destroy(): void {
    this.#ended = true
    super.destroy()
  }
}

/** Refuses KMS_UNREACHABLE where no pipe opens, breaks off or takes too long, and KMS_TLS for who else answers. */
async function connectTls(options: KmsTlsOptions): Promise<TLSSocket> {
  const nowMs = options.clock.unixSeconds() * MS_PER_SECOND
  const ca = validRoots(options.roots, nowMs)
  const deadline = AbortSignal.timeout(KMS_CONNECT_TIMEOUT_MS)
  const pipe = await openWithin(options.openPipe, deadline)
  // Heard before TLS hears of it: a pipe that fails is no answer of a false KMS.
  const broken = new Promise<never>((_, reject) => {
    pipe.once('error', (cause) => reject(unreachable('a byte pipe to KMS', cause)))
  })
  const socket = startTls(options, ca, pipe)
  // Whatever ends the one ends the other. The host can break the pipe whenever he likes: an error that nobody happens to
  // listen for at that moment must not end the process.
  pipe.on('error', () => socket.destroy())
  socket.on('error', () => pipe.destroy()).once('close', () => pipe.destroy())
  try {
    await Promise.race([shaken(socket, deadline), broken])
    refuseOutOfTime(socket, nowMs)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function openWithin(openPipe: OpenPipe, deadline: AbortSignal): Promise<Duplex> {
  const opening = openPipe()
  try {
    return await Promise.race([opening, refusedBy(deadline)])
  } catch (cause) {
    opening.then(
      (late) => late.destroy(),
      () => undefined,
    )
    throw unreachable('a byte pipe to KMS', cause)
  }
}

/** Everything that TLS takes from defaults or the environment is said here. No session is resumed: it would show no certificates. */
function startTls({ region }: KmsTlsOptions, ca: readonly string[], pipe: Duplex): TLSSocket {
  return connect({
    socket: pipe,
    servername: kmsHost(region),
    ca: [...ca],
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  })
}

function shaken(socket: TLSSocket, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(unreachable('a TLS handshake', deadline.reason))
    const failed = (cause: NodeJS.ErrnoException): void => reject(handshakeFailure(cause))
    const closed = (): void => reject(unreachable('a TLS handshake', 'a pipe that closed'))
    const settle = (): void => {
      deadline.removeEventListener('abort', late)
      socket.off('error', failed).off('close', closed)
    }
    deadline.addEventListener('abort', late)
    socket.once('error', failed).once('close', closed)
    socket.once('secureConnect', () => {
      settle()
      resolve()
    })
  })
}

/** A root vouches for nobody outside of its own time. */
function validRoots(roots: readonly string[], nowMs: number): readonly string[] {
  const valid = roots.filter((pem) => isValidAt(new X509Certificate(pem), nowMs))
  if (valid.length === 0) refuse('KMS_TLS', `a pinned root that is valid at ${new Date(nowMs).toISOString()}`, 'none')
  return valid
}

/**
 * OpenSSL judged the dates by the kernel's clock, which boot sets from the NSM. That this is so is not taken on trust: a
 * host that got at the kernel's clock would have an expired certificate accepted [N25].
 */
function refuseOutOfTime(socket: TLSSocket, nowMs: number): void {
  let certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) refuse('KMS_TLS', 'a certificate of KMS', 'none')
  for (let depth = 0; certificate !== undefined; depth++) {
    if (depth === CHAIN_CERTIFICATES_MAX) refuse('KMS_TLS', `at most ${CHAIN_CERTIFICATES_MAX} certificates`, 'more')
    if (!isValidAt(certificate, nowMs)) {
      const { subject, validFrom, validTo } = certificate
      const expected = `a certificate that is valid at ${new Date(nowMs).toISOString()}`
      refuse('KMS_TLS', expected, `${subject} from ${validFrom} to ${validTo}`)
    }
    certificate = certificate.issuerCertificate
  }
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime()
}

/** A parent without a way to KMS just hangs up. */
const HUNG_UP: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE'])

function handshakeFailure(cause: NodeJS.ErrnoException): CodedError {
  const { code, message } = cause
  if (HUNG_UP.has(code)) return unreachable('a TLS handshake', cause)
  const got = code === undefined ? message : `${code}: ${message}`
  return new CodedError('KMS_TLS', `expected TLS that ends at KMS, got ${got}`, { cause })
}

function unreachable(expected: string, cause: unknown): CodedError {
  const got = cause instanceof Error ? cause.message : String(cause)
  return new CodedError('KMS_UNREACHABLE', `expected ${expected}, got ${got}`, { cause })
}

function refusedBy(deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const late = (): void => reject(deadline.reason)
    if (deadline.aborted) late()
    else deadline.addEventListener('abort', late, { once: true })
  })
}
