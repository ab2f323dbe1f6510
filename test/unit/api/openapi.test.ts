import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import type { OpenAPIV3_1 } from 'openapi-types'
import { z } from 'zod'
import { buildApi } from '../../../api/server.ts'
import { tokensOf } from '../../../api/tokens.ts'
import { aRecordedAttester } from './recorded-attester.ts'

const VIEWER = 'v'.repeat(32)
/** What can be asked, with the answers that each must be able to give. */
const ROUTES = {
  '/healthz': ['200'],
  '/readyz': ['200', '503'],
  '/api/status': ['200', '401', '403', '429', '502'],
  '/api/tee/status': ['200', '401', '403', '404', '429', '502', '503'],
  '/api/tee/core/status': ['200', '401', '403', '404', '429', '502', '503'],
  '/api/tee/attestation': ['200', '400', '401', '404', '429', '502', '503'],
  '/api/tee/attestation/batch': ['200', '400', '404', '429', '502', '503'],
  '/api/tee/core/attestation': ['200', '400', '401', '404', '429', '502', '503'],
  '/api/tee/core/attestation/batch': ['200', '400', '404', '429', '502', '503'],
}

type Answer = { readonly description: string; readonly content?: { 'application/json'?: { schema: object } } }

describe('the OpenAPI document', () => {
  let app: FastifyInstance
  let document: OpenAPIV3_1.Document

  before(async () => {
    const { documents } = aRecordedAttester()
    await documents.look()
    app = await buildApi({
      tokens: tokensOf({ viewers: [VIEWER], admins: [] }),
      core: documents,
      signer: documents,
      status: async () => ({ state: 'well' }),
      statusFor: 'viewer',
      trustedProxies: [],
      onFailure: () => undefined,
    })
    document = (await app.inject({ url: '/api/openapi.json' })).json()
  })

  after(() => app.close())

  function operations(): [string, OpenAPIV3_1.OperationObject][] {
    return Object.entries(document.paths ?? {}).map(([path, item]) => {
      expect(Object.keys(item ?? {}), path).to.deep.equal(['get'])
      return [path, item?.get as OpenAPIV3_1.OperationObject]
    })
  }

  function answerOf(path: string, status: number): Answer {
    const operation = operations().find(([one]) => one === path)?.[1]
    return operation?.responses?.[String(status)] as Answer
  }

  it('names every route with every answer it can give, and no other', () => {
    expect(document.openapi).to.equal('3.1.0')
    const named = operations().map(([path, { responses }]) => [path, Object.keys(responses ?? {})])
    expect(Object.fromEntries(named)).to.deep.equal(ROUTES)
  })

  it('says of each what it is for, under a name of its own, and whether it takes a token', () => {
    const schemes = Object.keys(document.components?.securitySchemes ?? {})
    const names = new Set<string>()
    for (const [path, { operationId = '', summary = '', responses = {}, security = [] }] of operations()) {
      names.add(operationId)
      expect(summary, path).to.match(/^[A-Z].{10,}/)
      for (const answer of Object.values(responses)) expect((answer as Answer).description, path).to.not.equal('')
      for (const need of security) expect(schemes).to.include.members(Object.keys(need))
      const isOpen = security.length === 0 || security.some((need) => Object.keys(need).length === 0)
      expect(isOpen, path).to.equal(!path.endsWith('/status'))
    }
    expect(names.size).to.equal(Object.keys(ROUTES).length)
  })

  it('describes the nonce: where it stands, how long it may be and how long it should be', () => {
    for (const path of ['/api/tee/attestation', '/api/tee/core/attestation/batch']) {
      const parameters = operations().find(([one]) => one === path)?.[1].parameters as OpenAPIV3_1.ParameterObject[]
      expect(parameters.map(({ name, in: where, required }) => [name, where, required])).to.deep.equal([
        ['nonce', 'query', path.endsWith('batch')],
      ])
      expect(parameters[0]?.schema).to.include({ type: 'string', maxLength: 66 })
      expect(JSON.stringify(parameters)).to.contain('at least 16 random bytes')
    }
  })

  it('holds schemas that the real answers fit, and that other answers do not', async () => {
    const asks = Object.keys(ROUTES).flatMap((path) => [
      { path, url: path, headers: {} },
      { path, url: `${path}?nonce=0x0102`, headers: {} },
      { path, url: path, headers: { authorization: `Bearer ${VIEWER}` } },
      { path, url: `${path}?nonce=0x1`, headers: {} },
    ])
    const seen = new Set<number>()
    for (const [at, { path, url, headers }] of asks.entries()) {
      const answer = await app.inject({ url, headers, remoteAddress: `10.5.0.${at}` })
      const schema = answerOf(path, answer.statusCode)?.content?.['application/json']?.schema
      expect(schema, `${url} ${answer.statusCode}`).to.be.an('object')
      const form = z.fromJSONSchema(schema as never)
      expect(form.safeParse(answer.json()).success, `${url} ${answer.body}`).to.equal(true)
      expect(form.safeParse([]).success, url).to.equal(false)
      seen.add(answer.statusCode)
    }
    expect([...seen].sort()).to.deep.equal([200, 400, 401])
  })
})
