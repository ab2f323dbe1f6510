/** Bytes at the HTTP api: whole requests, halves of them, and what is none, as anyone sends them who reaches the port. */
import { connect } from 'node:net'
import { type ApiServer, openApi } from '../../../api/server.ts'
import { tokensOf } from '../../../api/tokens.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { aRecordedAttester, type Recorded } from '../../unit/api/recorded-attester.ts'
import { ROOT } from '../engine/root.ts'
import { ACCEPTED, bytesOf, demand, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes, randomBytes } from '../mutations.ts'

const VIEWER = 'v'.repeat(32)
const ADMIN = 'a'.repeat(32)
const ANSWER_BYTES_MAX = 1_048_576
const MINUTE_MS = 60_000

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PRI', 'get']
const PATHS = [
  ...['/', '/healthz', '/readyz', '/api/status', '/api/openapi.json', '/api/tee/status', '/api/tee/core/status'],
  ...['/api/tee/attestation', '/api/tee/core/attestation', '/api/tee/core/attestation/batch', '/nowhere', '*', ''],
  ...['/%', '/%ff', '/api/tee/core/attestation/../status', '//', '/api/status/', '/\u00e9', 'http://other/api/status'],
]
const QUERIES = [
  ...['', '?', '?nonce=', '?nonce=0x0102', '?nonce=AABB', '?nonce=0x1', '?nonce=zz', '?nonce=%00', '?nonce=%'],
  ...['?nonce=01&nonce=02', '?nonce[]=01', '?nonce[a]=1', '?__proto__=1', '?nonce=%30%31', '?other=1&nonce=01'],
  ...[`?nonce=${'00'.repeat(32)}`, `?nonce=${'00'.repeat(33)}`, `?nonce=${' '.repeat(99)}01`, `?${'a=1&'.repeat(500)}`],
]
const HEADERS = [
  ...[`authorization: Bearer ${VIEWER}`, `authorization: bearer   ${ADMIN}`, `x-admin-token: ${ADMIN}`],
  ...['authorization: Bearer x', 'authorization: Basic eDp5', 'x-admin-token:', 'x-admin-token: a, b'],
  ...['x-forwarded-for: x', 'x-forwarded-for: ::ffff:1.2.3.4', 'x-forwarded-for: fe80::1%eth0', 'x-forwarded-for: ,,'],
  ...[
    'x-forwarded-for: 1.2.3.4, 127.0.0.1',
    'x-forwarded-for: 2001:db8::/0',
    `x-forwarded-for: ${'1.1.1.1,'.repeat(99)}`,
  ],
  ...['x-forwarded-host: a:b:c', 'x-forwarded-proto: ,', 'host: a b', 'expect: 100-continue', 'expect: x'],
  ...['content-length: 5', 'content-length: -1', 'content-length: 99999999', 'transfer-encoding: chunked'],
  ...[
    'content-type: application/json',
    'content-type: text/plain; charset=\u00ff',
    'content-type: ;',
    'accept-version: 1',
  ],
  ...['connection: upgrade', 'upgrade: h2c', 'connection: close', 'range: bytes=0-', `cookie: ${'x'.repeat(9_000)}`],
]
const BODIES = ['', '', '{}', '{"__proto__":1}', '5\r\nabcde\r\n0\r\n\r\n', 'x'.repeat(17_000), '[[[[[[[[']

function aRequest(dice: Dice): string {
  const from = `x-forwarded-for: 10.${dice.below(256)}.${dice.below(256)}.${dice.below(256)}`
  const headers = Array.from({ length: dice.below(4) }, () => dice.pick(HEADERS))
  const line = `${dice.pick(METHODS)} ${dice.pick(PATHS)}${dice.pick(QUERIES)} HTTP/1.${dice.below(20) === 0 ? 0 : 1}`
  return [line, 'host: here', ...(dice.below(8) === 0 ? [] : [from]), ...headers, '', dice.pick(BODIES)].join('\r\n')
}

function someRequests(dice: Dice): Uint8Array {
  if (dice.below(12) === 0) return randomBytes(dice)
  return latin1(Array.from({ length: 1 + dice.below(3) }, () => aRequest(dice)).join(''))
}

/** Another path, query or header in a request that stays one; or damage to its bytes. */
function changeRequest(dice: Dice, input: Uint8Array): Uint8Array {
  const lines = Buffer.from(input).toString('latin1').split('\r\n')
  const end = lines.indexOf('')
  const kind = dice.below(5)
  if (kind === 0 || end < 1) return changeBytes(dice, input)
  if (kind === 1) lines[0] = `GET ${dice.pick(PATHS)}${dice.pick(QUERIES)} HTTP/1.1`
  else if (kind === 2) lines.splice(1 + dice.below(end), 0, dice.pick(HEADERS))
  else if (kind === 3) lines.splice(1 + dice.below(end), 1)
  else lines[1 + dice.below(end)] = `x-forwarded-for: 10.${dice.below(256)}.${dice.below(256)}.1`
  return latin1(lines.join('\r\n'))
}

/** One byte a character, as the wire has it. */
function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

function lineOf(path: string, ...headers: readonly string[]): Uint8Array {
  return latin1([`GET ${path} HTTP/1.1`, 'host: here', 'connection: close', ...headers, '', ''].join('\r\n'))
}

type Place = { readonly server: ApiServer; readonly core: Recorded; readonly failures: unknown[] }

let place: Promise<Place> | undefined

async function openPlace(): Promise<Place> {
  const core = aRecordedAttester()
  await core.documents.look()
  const failures: unknown[] = []
  const server = await openApi(
    {
      tokens: tokensOf({ viewers: [VIEWER], admins: [ADMIN] }),
      core: core.documents,
      signer: undefined,
      status: async () => ({ state: '<well>' }),
      statusFor: 'viewer',
      trustedProxies: ['127.0.0.1'],
      onFailure: (error) => failures.push(error),
    },
    { host: '127.0.0.1', port: 0 },
  )
  return { server, core, failures }
}

const api: Target = {
  name: 'api',
  claim:
    'answers what is a request and refuses what is none with a code, tells no stranger what takes a token, and goes on',
  inputs: 200,
  seeds: () => [
    ...['/healthz', '/api/openapi.json', '/api/tee/core/attestation?nonce=0102', '/api/status', '/nowhere', '/%'].map(
      (path) => lineOf(path, 'x-forwarded-for: 10.1.2.3'),
    ),
    lineOf('/api/status', `authorization: Bearer ${VIEWER}`, 'x-forwarded-for: 10.1.2.4'),
    lineOf('/api/tee/core/attestation/batch?nonce=01', 'x-forwarded-for: x'),
    bytesOf('POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}'),
  ],
  generate: someRequests,
  mutate: changeRequest,
  run: async (input) => {
    place ??= openPlace()
    const { server, core, failures } = await place
    core.nowMs += MINUTE_MS
    await core.documents.look()
    const outcome = judgeAnswer(textOf(await talk(server.url, input)), input)
    demand(failures.length === 0, `no bug of ours: ${(failures[0] as Error | undefined)?.stack}`)
    const alive = textOf(await talk(server.url, lineOf('/healthz')))
    demand(alive.startsWith('HTTP/1.1 200 ') && alive.endsWith('{"ok":true}'), 'the next one is answered')
    return outcome
  },
  close: async () => {
    await (await place)?.server.close()
    place = undefined
  },
}

function judgeAnswer(answer: string, input: Uint8Array): Outcome {
  demand(!answer.includes(ROOT) && !/\n\s+at /.test(answer), 'no path of this machine and no stack')
  const hasToken = [VIEWER, ADMIN].some((token) => textOf(input).includes(token))
  demand(hasToken || !/<well>|&#60;well/.test(answer), 'no status without a token')
  const codes = [...answer.matchAll(/\{"error":\{"code":"([^"]*)"/g)].map(([, code = '']) => code)
  for (const code of codes) demand(Object.hasOwn(ERRORS, code) && code !== 'API_FAILED', `a code, not ${code}`)
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  demand(!statuses.some((status) => status >= 500), `no failure of ours: ${statuses}`)
  if (codes[0] !== undefined) return codes[0] as Outcome
  return statuses.some((status) => status === 200) ? ACCEPTED : 'REQUEST_INVALID'
}

/** Writes it, ends, and gives back all that comes until the other side has ended too. */
function talk(url: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const client = connect({ host: hostname, port: Number.parseInt(port, 10), allowHalfOpen: true })
    const parts: Uint8Array[] = []
    let size = 0
    client.on('data', (part) => {
      size += part.length
      parts.push(part)
      if (size > ANSWER_BYTES_MAX) client.destroy(new Error('does not hold: an answer within bounds'))
    })
    // A server that has refused reads no further: what was still on its way resets the connection.
    client.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    client.once('close', () => resolve(new Uint8Array(Buffer.concat(parts))))
    client.end(bytes)
  })
}

export const API: readonly Target[] = [api]
