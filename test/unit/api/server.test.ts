import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { BURST_REQUESTS_MAX } from '../../../api/rates.ts'
import { type ApiOptions, buildApi } from '../../../api/server.ts'
import { tokensOf } from '../../../api/tokens.ts'
import { CodedError, ERRORS } from '../../../enclave/protocol/errors.ts'
import { aRecordedAttester, type Recorded } from './recorded-attester.ts'

const VIEWER = 'v'.repeat(32)
const ADMIN = 'a'.repeat(32)
const CORE = '/api/tee/core/attestation'
const SIGNER = '/api/tee/attestation'
const ADDRESS = `0x${'ab'.repeat(20)}`

type Answer = { readonly status: number; readonly code: string; readonly body: Record<string, unknown> }
type Headers = Record<string, string>

describe('the api', () => {
  const open: FastifyInstance[] = []
  /** Each test's requests come from addresses of their own, so that no test meets another's limits. */
  let address = 0

  afterEach(async () => {
    for (const app of open.splice(0)) await app.close()
  })

  async function anApi(core: Recorded, over: Partial<ApiOptions> = {}): Promise<FastifyInstance> {
    const app = await buildApi({
      tokens: tokensOf({ viewers: [VIEWER], admins: [ADMIN] }),
      core: core.documents,
      signer: undefined,
      status: async () => ({ state: 'well' }),
      statusFor: 'viewer',
      trustedProxies: [],
      onFailure: () => undefined,
      ...over,
    })
    open.push(app)
    return app
  }

  async function get(app: FastifyInstance, url: string, headers: Headers = {}): Promise<Answer> {
    address++
    const answer = await app.inject({ url, headers, remoteAddress: `10.9.${address >> 8}.${address & 255}` })
    const body = answer.json() as Record<string, unknown>
    const { code = 'none' } = (body['error'] ?? {}) as { code?: string }
    return { status: answer.statusCode, code, body }
  }

  async function aLook(): Promise<Recorded> {
    const recorded = aRecordedAttester()
    recorded.status = { ...recorded.status, address: ADDRESS as never, balances: 3, pending: 0 }
    await recorded.documents.look()
    return recorded
  }

  it('answers strangers with a document alone, and holders of a token in the earlier form', async () => {
    const recorded = await aLook()
    const app = await anApi(recorded)
    const document = (text: string) => Buffer.from(text).toString('base64')
    expect((await get(app, CORE)).body).to.deep.equal({ document_b64: document('1:none') })
    expect((await get(app, `${CORE}?nonce=0xaAbB`)).body).to.deep.equal({ document_b64: document('2:0xaabb') })
    for (const headers of [{ authorization: `Bearer ${VIEWER}` }, { 'x-admin-token': ADMIN }])
      expect((await get(app, `${CORE}?nonce=AABB`, headers)).body).to.deep.equal({
        address: ADDRESS,
        document_b64: document('2:0xaabb'),
        nonce_hex: '0xaabb',
      })
    expect((await get(app, `${CORE}?nonce=`, { 'x-admin-token': VIEWER })).body).to.deep.equal({
      address: ADDRESS,
      document_b64: document('1:none'),
      nonce_hex: null,
    })
    expect((await get(app, `${CORE}/batch?nonce=0x0102`)).body).to.include({ nonce_hex: '0x0102', tree_size: 1 })
  })

  it('refuses a nonce that is no hex or too long, before anybody is called', async () => {
    const recorded = await aLook()
    const app = await anApi(recorded)
    expect((await get(app, `${CORE}?nonce=0x${'00'.repeat(32)}`)).status).to.equal(200)
    const before = recorded.drawn.length
    for (const wrong of ['0x1', '0xzz', 'hello', `0x${'00'.repeat(33)}`, '0x0x00', '%00', '-1', '1e3']) {
      for (const route of [CORE, `${CORE}/batch`]) {
        const answer = await get(app, `${route}?nonce=${wrong}`)
        expect([answer.status, answer.code], wrong).to.deep.equal([400, 'REQUEST_INVALID'])
      }
    }
    expect((await get(app, `${CORE}/batch`)).status).to.equal(400)
    expect((await get(app, `${CORE}/batch?nonce=0x`)).status).to.equal(400)
    expect((await get(app, `${CORE}?nonce=0x00&nonce=0x01`)).status).to.equal(400)
    expect(recorded.drawn).to.have.length(before)
  })

  it('closes what needs a token to whoever has none, another, or no more than a viewer’s prefix', async () => {
    const app = await anApi(await aLook())
    for (const url of ['/api/tee/status', '/api/tee/core/status', '/api/status', '/']) {
      for (const headers of [
        {},
        { authorization: `Bearer ${VIEWER.slice(1)}` },
        { authorization: VIEWER },
        { 'x-admin-token': `${VIEWER}v` },
        { 'x-admin-token': '' },
        { cookie: VIEWER },
      ] as Headers[]) {
        const answer = await get(app, url, headers)
        expect([answer.status, answer.code], `${url} ${JSON.stringify(headers)}`).to.deep.equal([401, 'TOKEN_MISSING'])
      }
    }
    for (const token of [VIEWER, ADMIN])
      expect((await get(app, '/api/tee/status', { authorization: `bearer ${token}` })).status).to.equal(200)
    const unknown = await get(app, CORE, { authorization: 'Bearer nobody' })
    expect([unknown.status, unknown.code], 'a wrong token on a public route').to.deep.equal([401, 'TOKEN_MISSING'])
  })

  it('is closed, not open, when no token was given out', async () => {
    const app = await anApi(await aLook(), { tokens: tokensOf({ viewers: [], admins: [] }) })
    for (const headers of [{}, { authorization: 'Bearer ' }, { 'x-admin-token': 'undefined' }] as Headers[])
      expect((await get(app, '/api/tee/core/status', headers)).status).to.equal(401)
    expect((await get(app, CORE)).status).to.equal(200)
  })

  it('says of the signer that there is none, that it is remote, or that it does not answer', async () => {
    const viewer = { authorization: `Bearer ${VIEWER}` }
    const core = await aLook()
    const alone = await anApi(core)
    const none = { mode: 'none', address: null, attestation_available: false }
    expect((await get(alone, '/api/tee/status', viewer)).body).to.deep.equal(none)
    for (const url of [SIGNER, `${SIGNER}?nonce=0x00`, `${SIGNER}/batch?nonce=0x00`]) {
      const answer = await get(alone, url)
      expect([answer.status, answer.code]).to.deep.equal([404, 'SIGNER_NONE'])
    }
    const signer = await aLook()
    const both = await anApi(core, { signer: signer.documents })
    const remote = { mode: 'remote', address: ADDRESS, attestation_available: true }
    expect((await get(both, '/api/tee/status', viewer)).body).to.deep.equal(remote)
    expect((await get(both, `${SIGNER}?nonce=0x77`)).status).to.equal(200)
    expect([signer.drawn, core.drawn]).to.deep.equal([['none', '0x77'], ['none']])
    signer.failing = { status: new CodedError('ENCLAVE_GONE', 'gone') }
    await signer.documents.look()
    const silent = { mode: 'remote', address: null, attestation_available: false }
    expect((await get(both, '/api/tee/status', viewer)).body).to.deep.equal(silent)
  })

  it("gives the core's status in the fields of the replaced system", async () => {
    const recorded = await aLook()
    const app = await anApi(recorded)
    const viewer = { authorization: `Bearer ${VIEWER}` }
    expect((await get(app, '/api/tee/core/status', viewer)).body).to.deep.equal({
      provisioned: true,
      address: ADDRESS,
      attestation_available: true,
      balances: 3,
      pending: 0,
      audit_address: null,
      audit_seq: null,
      audit_head_hash: null,
      audit_merkle_root: null,
      audit_checkpoint_head_hash: null,
    })
    recorded.failing = { status: new CodedError('ENCLAVE_GONE', 'expected /run/secret/place.sock') }
    await recorded.documents.look()
    const gone = await get(app, '/api/tee/core/status', viewer)
    expect([gone.status, gone.code]).to.deep.equal([502, 'ENCLAVE_GONE'])
    expect(JSON.stringify(gone.body), 'places of this machine').to.not.contain('secret')
  })

  it('sends strangers above the budget to the kept document and to the batch', async () => {
    const app = await anApi(await aLook())
    const ask = (number: number) =>
      app.inject({ url: `${CORE}?nonce=0x00${number}0`, remoteAddress: `10.8.0.${number}` })
    const answers = []
    for (let number = 0; number < 8; number++) answers.push(await ask(number))
    expect(answers.map(({ statusCode }) => statusCode)).to.deep.equal([200, 200, 200, 200, 200, 200, 429, 429])
    const last = await ask(9)
    expect(last.headers['retry-after']).to.equal('60')
    expect(last.headers['link']).to.equal(`<${CORE}>; rel="alternate", <${CORE}/batch>; rel="related"`)
    expect((last.json() as { error: unknown }).error).to.deep.include({
      code: 'NONCES_SPENT',
      action: ERRORS.NONCES_SPENT.action,
    })
  })

  it('lets one address burst so far, then refuses it, and nobody else with it', async () => {
    const app = await anApi(await aLook())
    const from = async (remoteAddress: string, headers: Headers = {}) =>
      (await app.inject({ url: CORE, remoteAddress, headers })).statusCode
    for (let ask = 0; ask < BURST_REQUESTS_MAX; ask++) expect(await from('10.7.0.1')).to.equal(200)
    expect(await from('10.7.0.1')).to.equal(429)
    expect(await from('10.7.0.2')).to.equal(200)
    expect(await from('10.7.0.1', { 'x-forwarded-for': '10.7.0.3' }), 'a proxy that nobody named').to.equal(429)
    for (let ask = 0; ask < BURST_REQUESTS_MAX; ask++) await from(`2001:db8:0:1::${ask.toString(16)}`)
    expect(await from('2001:db8:0:1:ffff::1'), 'of one block of IPv6').to.equal(429)
    expect(await from('2001:db8:0:2::1')).to.equal(200)
  })

  it('believes X-Forwarded-For of a named proxy, and only the part that the proxy wrote', async () => {
    const app = await anApi(await aLook(), { trustedProxies: ['10.6.0.1'] })
    const from = async (remoteAddress: string, forwarded: string) =>
      (await app.inject({ url: CORE, remoteAddress, headers: { 'x-forwarded-for': forwarded } })).statusCode
    for (let ask = 0; ask < BURST_REQUESTS_MAX; ask++) await from('10.6.0.1', `203.0.113.${ask}, 198.51.100.7`)
    expect(await from('10.6.0.1', '203.0.113.99, 198.51.100.7')).to.equal(429)
    expect(await from('10.6.0.1', '198.51.100.8')).to.equal(200)
    await refuses(() => anApi(aRecordedAttester(), { trustedProxies: ['not an address'] }), 'CONFIG_INVALID')
  })

  it('says nothing of a bug of ours to the caller, and all of it to the log', async () => {
    const failures: unknown[] = []
    const bug = new TypeError('read of someones/keys failed')
    const over = { status: () => Promise.reject(bug), onFailure: (error: unknown) => void failures.push(error) }
    const app = await anApi(await aLook(), over)
    const answer = await get(app, '/api/status', { authorization: `Bearer ${VIEWER}` })
    expect([answer.status, answer.code]).to.deep.equal([500, 'API_FAILED'])
    expect(JSON.stringify(answer.body)).to.not.contain('someone')
    expect(failures).to.deep.equal([bug])
  })

  it('gives every answer the same headers, and grants no other origin anything', async () => {
    const app = await anApi(await aLook(), { statusFor: 'anyone' })
    for (const url of [
      CORE,
      '/nowhere',
      '/',
      '/api/status',
      '/healthz',
      '/api/openapi.json',
      `${CORE}?nonce=0xz`,
      '/%c0%af',
    ]) {
      const { headers } = await app.inject({ url, headers: { origin: 'https://evil.example' } })
      expect(headers['x-content-type-options'], url).to.equal('nosniff')
      expect(headers['content-security-policy'], url).to.contain("default-src 'none'")
      expect(headers['cache-control'], url).to.equal('no-store')
      expect(
        Object.keys(headers).filter((name) => name.startsWith('access-control')),
        url,
      ).to.deep.equal([])
    }
  })

  it('answers what it does not know, bodies and other methods in the one form of a refusal', async () => {
    const app = await anApi(await aLook())
    const asks = [
      { method: 'GET', url: '/api/tee', status: 404, code: 'ROUTE_UNKNOWN' },
      { method: 'POST', url: CORE, status: 404, code: 'ROUTE_UNKNOWN' },
      { method: 'OPTIONS', url: CORE, status: 404, code: 'ROUTE_UNKNOWN' },
      { method: 'GET', url: '/%c0%af', status: 400, code: 'REQUEST_INVALID' },
    ] as const
    for (const { method, url, status, code } of asks) {
      const answer = await app.inject({ method, url })
      expect([answer.statusCode, (answer.json() as { error: { code: string } }).error.code], url).to.deep.equal([
        status,
        code,
      ])
    }
  })

  it('escapes on its page what a journal may have said', async () => {
    const view = { '<b>': '<script>alert(1)</script>', list: [{ id: '"&\'' }] }
    const app = await anApi(await aLook(), { statusFor: 'anyone', status: async () => view })
    const { body, headers } = await app.inject({ url: '/' })
    expect(headers['content-type']).to.equal('text/html; charset=utf-8')
    expect(body).to.not.contain('<script>').and.not.contain('<b>')
    expect(body).to.contain('&#60;script&#62;')
    expect((await get(app, '/api/status')).body).to.deep.equal(view)
  })

  it('is healthy before it is ready', async () => {
    const recorded = aRecordedAttester()
    const app = await anApi(recorded)
    expect((await get(app, '/healthz')).body).to.deep.equal({ ok: true })
    expect((await get(app, '/readyz')).status).to.equal(503)
    await recorded.documents.look()
    expect((await get(app, '/readyz')).body).to.deep.equal({ ready: true })
  })
})

async function refuses(attempt: () => Promise<unknown>, code: string): Promise<void> {
  const said = await attempt().then(
    () => 'accepted',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  )
  expect(said).to.equal(code)
}
