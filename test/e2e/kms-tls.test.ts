/** Who may stand behind the byte pipe: each false endpoint holds everything but a certificate for KMS's name by a pinned root. */
import { X509Certificate } from 'node:crypto'
import { get } from 'node:https'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { expect } from 'chai'
import { amazonRoots, KMS_CONNECT_TIMEOUT_MS, kmsAgent, kmsHost } from '../../enclave/shell/kms-tls.ts'
import { issueServer, type ServerIdentity, type Span } from '../stand-ins/kms/certificates.ts'
import { refusalOf } from '../stand-ins/kms/refusal.ts'
import { serveAnswers, serveBytes } from '../stand-ins/kms/serve.ts'
import { REGION } from '../stand-ins/kms/start.ts'
import { trustedClock } from '../stand-ins/kms/world.ts'

const HOST = kmsHost(REGION)
const DAY_SECONDS = 86_400
const YEAR_SECONDS = 365 * DAY_SECONDS
const ANSWER = { status: 200, body: { said: 'something' } }

type Way = {
  readonly identity?: ServerIdentity
  /** What is pinned, where it is not the authority of the server. */
  readonly roots?: readonly string[]
  readonly clock?: ReturnType<typeof trustedClock>
  readonly openPipe?: () => Promise<Duplex>
}

/** The body of an answer through the enclave's agent. */
async function fetched({
  identity = issueServer(HOST),
  roots,
  clock = trustedClock(),
  openPipe,
}: Way): Promise<string> {
  const served = await serveAnswers([ANSWER], identity)
  const agent = kmsAgent({
    region: REGION,
    roots: roots ?? [identity.ca],
    clock,
    openPipe: openPipe ?? served.openPipe,
  })
  try {
    return await bodyOf(agent)
  } finally {
    agent.destroy()
    await served.stop()
  }
}

function bodyOf(agent: ReturnType<typeof kmsAgent>): Promise<string> {
  return new Promise((resolve, reject) => {
    // The host and port of a request decide nothing: the pipe and the pinned name do.
    const request = get({ host: 'localhost', port: 1, path: '/', agent }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    })
    request.on('error', reject)
  })
}

function around(ahead: { readonly fromDays: number; readonly untilDays: number }): Span {
  const nowMs = Date.now()
  return {
    fromMs: nowMs + ahead.fromDays * DAY_SECONDS * 1_000,
    untilMs: nowMs + ahead.untilDays * DAY_SECONDS * 1_000,
  }
}

describe('TLS to KMS', function () {
  this.timeout(120_000)

  it('carries a request over any byte pipe to whoever proves the name of KMS by a pinned root', async () => {
    expect(await fetched({})).to.equal('{"said":"something"}')
  })

  const refusals: readonly { readonly title: string; readonly way: () => Way }[] = [
    { title: 'a certificate by a root that is not pinned', way: () => ({ roots: [issueServer(HOST).ca] }) },
    { title: "a certificate by any other root that the world's browsers trust", way: () => ({ roots: amazonRoots() }) },
    {
      title: 'a genuine name of another service',
      way: () => ({ identity: issueServer(`sts.${REGION}.amazonaws.com`) }),
    },
    { title: 'the name of KMS in another region', way: () => ({ identity: issueServer(kmsHost('us-east-1')) }) },
    { title: 'a name that begins like that of KMS', way: () => ({ identity: issueServer(`${HOST}.example`) }) },
    {
      title: 'a certificate that has ended',
      way: () => ({ identity: issueServer(HOST, { leaf: around({ fromDays: -2, untilDays: -1 }) }) }),
    },
    {
      title: 'a certificate that has not begun',
      way: () => ({ identity: issueServer(HOST, { leaf: around({ fromDays: 1, untilDays: 2 }) }) }),
    },
  ]
  for (const { title, way } of refusals) {
    it(`is refused to ${title}`, async () => {
      expect((await refusalOf(() => fetched(way()))).code).to.equal('KMS_TLS')
    })
  }

  const inside = around({ fromDays: -30, untilDays: 30 })
  const chains: readonly { readonly title: string; readonly spans: { leaf?: Span; between?: Span; root?: Span } }[] = [
    { title: 'leaf', spans: { leaf: inside } },
    { title: 'authority below the root', spans: { between: inside } },
    { title: 'root', spans: { root: inside } },
  ]
  for (const { title, spans } of chains) {
    it(`judges the ${title} by the trusted time, though this machine's clock finds it valid`, async () => {
      const identity = issueServer(HOST, spans)
      expect(await fetched({ identity })).to.contain('something')
      for (const aheadSeconds of [YEAR_SECONDS, -YEAR_SECONDS]) {
        const { code, message } = await refusalOf(() => fetched({ identity, clock: trustedClock(aheadSeconds) }))
        expect(code).to.equal('KMS_TLS')
        expect(message).to.contain('that is valid at')
      }
    })
  }

  it('is refused to a wrong certificate when the environment tells Node to take any', async () => {
    const variable = 'NODE_TLS_REJECT_UNAUTHORIZED'
    const before_ = process.env[variable]
    process.env[variable] = '0'
    const refused = await refusalOf(() => fetched({ roots: [issueServer(HOST).ca] }))
    if (before_ === undefined) delete process.env[variable]
    else process.env[variable] = before_
    expect(refused.code).to.equal('KMS_TLS')
  })

  it('closes a connection that nobody waits for any more', async () => {
    const served = await serveAnswers([ANSWER])
    const pipe = await served.openPipe()
    const gone = new Promise((resolve) => pipe.once('close', resolve))
    let open: (pipe: Duplex) => void = () => undefined
    const opening = new Promise<Duplex>((resolve) => {
      open = resolve
    })
    const agent = kmsAgent({ region: REGION, roots: [served.ca], clock: trustedClock(), openPipe: () => opening })
    const asked = refusalOf(() => bodyOf(agent))
    agent.destroy()
    open(pipe)
    expect((await asked).code).to.equal('KMS_UNREACHABLE')
    await gone
    await served.stop()
  })

  it('is refused to a server without TLS', async () => {
    const plain = await serveBytes((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    expect((await refusalOf(() => fetched({ openPipe: plain.openPipe }))).code).to.equal('KMS_TLS')
    await plain.stop()
  })

  it('ends as unreachable where no pipe opens, or it breaks off before anybody proved anything', async () => {
    const hangingUp = await serveBytes((socket) => void socket.end())
    const resetting = await serveBytes((socket) => void socket.resetAndDestroy())
    const pipes = [
      () => Promise.reject(new Error('nobody there')),
      // Still connecting when it is handed over, and then refused.
      async () => connect({ host: '127.0.0.1', port: 1 }),
      hangingUp.openPipe,
      resetting.openPipe,
    ]
    for (const openPipe of pipes)
      expect((await refusalOf(() => fetched({ openPipe }))).code).to.equal('KMS_UNREACHABLE')
    await Promise.all([hangingUp.stop(), resetting.stop()])
  })

  it('ends as unreachable where nobody speaks and where the pipe opens too late, and closes both', async function () {
    this.timeout(KMS_CONNECT_TIMEOUT_MS * 20)
    const silent = await serveBytes((socket) => void socket.resume())
    const pipes = await Promise.all([silent.openPipe(), silent.openPipe()])
    const [spoken, late] = pipes
    const gone = Promise.all(pipes.map((pipe) => new Promise((resolve) => pipe.once('close', resolve))))
    let open: (pipe: Duplex) => void = () => undefined
    const opening = new Promise<Duplex>((resolve) => {
      open = resolve
    })
    const codes = [async () => spoken, () => opening].map(async (openPipe) => {
      return (await refusalOf(() => fetched({ openPipe: openPipe as () => Promise<Duplex> }))).code
    })
    expect(await Promise.all(codes)).to.deep.equal(['KMS_UNREACHABLE', 'KMS_UNREACHABLE'])
    open(late as Duplex)
    await gone
    await silent.stop()
  })
})

describe("Amazon's roots", () => {
  it('are five, out of the list that Node has, each valid for years', () => {
    const roots = amazonRoots().map((pem) => new X509Certificate(pem))
    expect(roots.map(({ subject }) => subject.match(/CN=(.*)/)?.[1])).to.deep.equal([
      'Amazon Root CA 1',
      'Amazon Root CA 2',
      'Amazon Root CA 3',
      'Amazon Root CA 4',
      'Starfield Services Root Certificate Authority - G2',
    ])
    for (const { ca, validToDate } of roots) {
      expect(ca).to.equal(true)
      expect(validToDate.getTime()).to.be.above(Date.UTC(2036, 0))
    }
  })

  it('stop the boot when one of them is missing from the list', async () => {
    const bundled = amazonRoots()
    for (const missing of bundled) {
      const rest = rootCertificates.filter((pem) => pem !== missing)
      expect((await refusalOf(() => amazonRoots(rest))).code).to.equal('KMS_ROOTS')
    }
  })
})

describe('the endpoint of KMS', () => {
  it('is named by its region, in China under the domain of China', () => {
    expect(kmsHost('eu-central-1')).to.equal('kms.eu-central-1.amazonaws.com')
    expect(kmsHost('us-gov-west-1')).to.equal('kms.us-gov-west-1.amazonaws.com')
    expect(kmsHost('cn-north-1')).to.equal('kms.cn-north-1.amazonaws.com.cn')
  })
})
