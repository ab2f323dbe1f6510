import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { decodeUserData, type UserData } from '../../enclave/protocol/attestation/user-data.ts'
import { decodeBase64 } from '../../enclave/protocol/base64.ts'
import { fromHex, type Hex, toHex } from '../../enclave/protocol/ids.ts'
import { leafHash, verifyInclusion } from '../../enclave/protocol/log-tree.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { type EnclaveProcess, startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { type ApiProcess, startApi } from './api-process.ts'
import { anchorhold, type Value } from './cli-run.ts'
import { verdictUnder, verifiedUnder } from './development-documents.ts'
import { startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 180_000
const SETTLED_MS_MAX = 60_000
/** Of one request: a limit of the api is over in a minute at most. */
const ASKS_MAX = 3
const TOO_MANY = 429
const MS_PER_SECOND = 1_000
const VIEWER = randomBytes(24).toString('base64')
const ADMIN = randomBytes(24).toString('base64')
const CORE = '/api/tee/core/attestation'
const SIGNER = '/api/tee/attestation'

describe('anchorhold api', function () {
  this.timeout(WORLD_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'api-'))
  const signerConfig = signerOf(folder)
  let world: World
  let signer: EnclaveProcess
  let signerAddress = ''
  let api: ApiProcess

  before(async () => {
    world = await startWorld({ settings: { signerEndpoint: signerConfig.enclaveEndpoint } })
    signer = await startEnclave(signerConfig, openLog({ level: 'silent', name: 'signer' }))
    signerAddress = await drawKey(signerConfig)
    await world.start('supervisor')
    for (const stage of ['ingest', 'prepare', 'broadcast', 'confirm'] as const) await world.start(stage)
    const adminToken = join(folder, 'admin.token')
    writeFileSync(adminToken, `${ADMIN}\n`, { mode: 0o600 })
    api = await startApi(world.dataDir, ['--admin-token', adminToken], {
      ANCHORHOLD_VIEWER_TOKENS: `${VIEWER},${'o'.repeat(40)}`,
    })
    await until(
      'the api is ready',
      async () => ((await get('/readyz')).status === 200 ? true : undefined),
      SETTLED_MS_MAX,
    )
  })

  after(async () => {
    await api?.stop()
    await signer?.stop()
    await world?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function get(path: string, token?: string): Promise<{ status: number; body: Value; text: string }> {
    const answer = await ask(path, token === undefined ? {} : { authorization: `Bearer ${token}` })
    const said = await answer.text()
    const isJson = answer.headers.get('content-type')?.startsWith('application/json')
    return { status: answer.status, body: isJson ? JSON.parse(said) : undefined, text: said }
  }

  /** Waits as long as it is told to, as a caller should who has asked too often. */
  async function ask(path: string, headers: Record<string, string>): Promise<Response> {
    for (let asked = 1; ; asked++) {
      const answer = await fetch(`${api.url}${path}`, { headers })
      if (answer.status !== TOO_MANY || asked === ASKS_MAX) return answer
      await sleep(Number(answer.headers.get('retry-after')) * MS_PER_SECOND)
    }
  }

  async function active(): Promise<Value> {
    return until(
      'the enclave is active',
      async () => {
        const status = await world.status()
        return status?.phase === 'active' ? status : undefined
      },
      SETTLED_MS_MAX,
    )
  }

  it('hands on documents of both enclaves that verify live, under the nonce that was asked for and no other', async () => {
    await active()
    for (const [path, config] of [
      [CORE, world.config],
      [SIGNER, signerConfig],
    ] as const) {
      const nonce = randomBytes(32)
      const { status, body } = await get(`${path}?nonce=${toHex(nonce)}`)
      expect([status, Object.keys(body)], path).to.deep.equal([200, ['document_b64']])
      const document = decodeBase64(body.document_b64) as Uint8Array
      expect(verdictUnder(rootOf(config), document, nonce), path).to.equal('accepted')
      expect(verdictUnder(rootOf(config), document, randomBytes(32)), path).to.equal('ATTESTATION_NONCE')
    }
  })

  it('lets several callers share a fresh document, and proves to each that his nonce is under it', async () => {
    const nonces = Array.from({ length: 5 }, () => randomBytes(32))
    const places = await Promise.all(nonces.map((nonce) => get(`${CORE}/batch?nonce=${toHex(nonce)}`)))
    for (const [at, { body }] of places.entries()) {
      const document = decodeBase64(body.document_b64) as Uint8Array
      const root = verifiedUnder(rootOf(world.config), document, 'unchecked').nonce as Uint8Array
      verifyInclusion({
        leafHash: leafHash(nonces[at] as Uint8Array),
        index: body.leaf_index,
        size: body.tree_size,
        root,
        proof: body.proof.map((hash: Hex) => fromHex(hash)),
      })
      expect(verdictUnder(rootOf(world.config), document, root)).to.equal('accepted')
    }
  })

  it('knows its viewers and its admin, and tells each who attests', async () => {
    const { address } = await active()
    for (const token of [VIEWER, 'o'.repeat(40), ADMIN]) {
      const remote = { mode: 'remote', address: signerAddress, attestation_available: true }
      expect((await get('/api/tee/status', token)).body).to.deep.equal(remote)
      const core = (await get('/api/tee/core/status', token)).body
      expect([core.provisioned, core.address, core.attestation_available]).to.deep.equal([true, address, true])
    }
    expect((await get('/api/tee/core/status')).status).to.equal(401)
    const earlier = (await get(SIGNER, VIEWER)).body
    expect([earlier.address, earlier.nonce_hex]).to.deep.equal([signerAddress, null])
    const live = (await get('/api/status', VIEWER)).body
    expect(live.enclave.authority).to.equal(address)
    expect((await get('/', VIEWER)).text).to.contain('<h1>Anchorhold</h1>')
  })

  it('keeps a document that follows the head of the ledger without being asked', async () => {
    const bound = async (): Promise<UserData> => {
      const { body } = await get(CORE)
      const document = decodeBase64(body.document_b64) as Uint8Array
      return decodeUserData(verifiedUnder(rootOf(world.config), document, 'unchecked').userData as Uint8Array)
    }
    world.credit(1, '0.25')
    const paid = await until(
      'a commit is settled',
      async () => {
        const ledger = (await world.status())?.ledger
        return ledger !== undefined && ledger.paidWei > 0n && ledger.unlanded === null ? ledger : undefined
      },
      SETTLED_MS_MAX,
    )
    const follows = async (): Promise<UserData | undefined> => {
      const told = await bound()
      return told.head === paid.head ? told : undefined
    }
    const { session, epoch, anchor, role } = await until('the kept document binds that head', follows, WORLD_MS_MAX)
    expect([role, anchor, epoch, session]).to.deep.equal([
      'core',
      world.config.anchor,
      paid.epoch,
      (await world.status())?.session,
    ])
  })

  it('answers bytes that are no HTTP in the form of every refusal, and hangs up', async () => {
    const { hostname, port } = new URL(api.url)
    for (const bytes of ['\x00\x01\x02\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`]) {
      const socket = connect(Number(port), hostname)
      socket.write(bytes, 'latin1')
      const answer = await text(socket)
      expect(answer).to.match(/^HTTP\/1.1 400 /)
      expect(JSON.parse(answer.slice(answer.indexOf('{'))).error.code).to.equal('REQUEST_INVALID')
    }
  })

  it('never writes a token into its log', async () => {
    await get('/api/tee/status', VIEWER)
    await get('/api/tee/status', 'wrong'.repeat(8))
    for (const token of [VIEWER, ADMIN, 'wrong'.repeat(8)]) expect(api.said()).to.not.contain(token)
    expect(api.said()).to.contain('"tokens":3')
  })

  it('does not start with an empty token, with a file that others may read, or on a taken port', async () => {
    const words = ['api', '--data', world.dataDir, '--listen', new URL(api.url).host]
    const open = join(folder, 'open.token')
    writeFileSync(open, ADMIN, { mode: 0o644 })
    const refused = async (more: readonly string[], env: NodeJS.ProcessEnv) => {
      const { code, err } = await anchorhold([...words, ...more], { ...process.env, ...env })
      return [code, err.trimEnd().split('\n').at(-1)?.split(':')[0]]
    }
    expect(await refused([], { ANCHORHOLD_VIEWER_TOKENS: '' })).to.deep.equal([1, 'TOKEN_WEAK'])
    expect(await refused([], { ANCHORHOLD_ADMIN_TOKEN: 'short' })).to.deep.equal([1, 'TOKEN_WEAK'])
    expect(await refused(['--admin-token', open], {})).to.deep.equal([1, 'TOKEN_WEAK'])
    expect(await refused(['--viewer-tokens', join(folder, 'none')], {})).to.deep.equal([1, 'TOKEN_WEAK'])
    expect(await refused([], {})).to.deep.equal([1, 'PORT_BUSY'])
  })

  it('answers whoever waits for a batch before it ends, and ends well', async () => {
    // The first takes the interval's call, the second waits for the next.
    await get(`${CORE}/batch?nonce=0x01`)
    const waiting = get(`${CORE}/batch?nonce=0x02`).then(({ status }) => status)
    await until(
      'the second waits',
      async () => ((await get('/healthz')).status === 200 ? true : undefined),
      SETTLED_MS_MAX,
    )
    expect(await api.stop()).to.equal(0)
    expect(await waiting).to.equal(503)
  })
})

/** A development signer with a root of its own. */
function signerOf(folder: string): HostConfig {
  const policy = {
    allowedRecipients: [],
    requireAllowlist: true,
    allowFundDeposit: false,
    maxFundDepositWei: '0',
    maxFaceValueWei: '0',
    maxTotalFaceValueWei: '0',
    batchMax: 1,
    maxFeePerGasWei: '1',
    maxPriorityFeePerGasWei: '1',
    gasMax: 100_000,
  }
  const signer = { role: 'signer', chainId: 42_161, broker: `0x${'77'.repeat(20)}`, policy }
  writeFileSync(join(folder, 'signer.json'), JSON.stringify(signer))
  return hostConfigOf(folder, {
    chainId: 42_161,
    anchor: `0x${'00'.repeat(20)}`,
    rpcUrls: ['http://127.0.0.1'],
    enclaveEndpoint: `unix://${join(folder, 'signer.sock')}`,
    enclaveConfig: 'signer.json',
  })
}

async function drawKey({ enclaveEndpoint }: HostConfig): Promise<string> {
  const client = openEnclaveClient(enclaveEndpoint)
  try {
    const { ciphertext_b64 } = await client.call('generate', {})
    // The same method without the core's second key.
    return (await client.call('provision', { ciphertext_b64 } as never)).address
  } finally {
    client.close()
  }
}

function rootOf({ wrappingKey }: HostConfig): string {
  return join(dirname(wrappingKey), 'development-root')
}
