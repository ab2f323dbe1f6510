/** The metadata service of an instance, on loopback: tokens of IMDSv2 first, then a role and its credentials. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const TOKEN_SECONDS = '21600'
export const ROLE_NAME = 'anchorhold-host'
export const ROLE_CREDENTIALS = {
  Code: 'Success',
  AccessKeyId: 'ROLEACCESSKEY',
  SecretAccessKey: 'the secret of a role',
  Token: 'the session token of a role',
  Expiration: '2099-01-01T00:00:00Z',
}

/** `no token`: one of the first version only. `no role`: an instance without one. `silent`: it takes and never answers. */
export type ImdsKind = 'honest' | 'no token' | 'no role' | 'silent'
export type ImdsOptions = { readonly kind?: ImdsKind; readonly credentials?: string }
export type Imds = {
  readonly endpoint: string
  /** Method and path of each request, in order. */
  readonly asked: readonly string[]
  readonly stop: () => Promise<void>
}

const TOKEN = 'a token of the second version'
const PATH = '/latest/meta-data/iam/security-credentials/'

export async function startImds({ kind = 'honest', credentials }: ImdsOptions = {}): Promise<Imds> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (kind !== 'silent') answer(kind, credentials ?? JSON.stringify(ROLE_CREDENTIALS), request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}`, asked, stop: () => stop(server) }
}

function answer(kind: ImdsKind, credentials: string, request: IncomingMessage, response: ServerResponse): void {
  const end = (status: number, text: string) => response.writeHead(status).end(text)
  const { method, url, headers } = request
  if (method === 'PUT' && url === '/latest/api/token') {
    if (kind === 'no token') return void end(404, '')
    return void (headers['x-aws-ec2-metadata-token-ttl-seconds'] === TOKEN_SECONDS ? end(200, TOKEN) : end(400, ''))
  }
  // The first version answers without a token: whoever falls back to it gets the credentials.
  if (kind !== 'no token' && headers['x-aws-ec2-metadata-token'] !== TOKEN) return void end(401, '')
  if (kind === 'no role') return void end(404, '')
  if (url === PATH) return void end(200, ROLE_NAME)
  end(url === `${PATH}${ROLE_NAME}` ? 200 : 404, credentials)
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
