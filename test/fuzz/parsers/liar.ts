/** A JSON-RPC endpoint on loopback that answers honestly, but for what it is told to spoil. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { newDice } from '../../../scripts/journal/dice.ts'
import { textOf } from '../engine/target.ts'
import { changedValue, changeInside, type Value } from '../mutations.ts'
import { honestAnswer } from './rpc-honest.ts'

/** Spoils the `nth` answer to calls whose method has this number. */
export type Lie = { readonly method: number; readonly nth: number; readonly how: number; readonly what: Uint8Array }

export const METHODS_ASKED = [
  'eth_chainId',
  'eth_blockNumber',
  'eth_getCode',
  'eth_getBalance',
  'eth_getTransactionCount',
  'eth_estimateGas',
  'eth_call',
  'eth_getLogs',
  'eth_getBlockByNumber',
  'eth_getTransactionReceipt',
  'eth_getTransactionByHash',
  'eth_sendRawTransaction',
] as const
/** Always, whatever `nth` it is. */
export const EVERY = 15

const KINDS = 10
const HUGE_CHARACTERS = 300_000

export type Liar = { readonly url: string; tell(lies: readonly Lie[]): void; close(): Promise<void> }

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }

export async function openLiar(): Promise<Liar> {
  let lies: readonly Lie[] = []
  let asked = new Map<string, number>()
  const server = createServer((request, response) => {
    void answer(request, response, lies, asked).catch(() => response.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tell: (next) => {
      lies = next
      asked = new Map()
    },
    close: () => closed(server),
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done())
    server.closeAllConnections()
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  lies: readonly Lie[],
  asked: Map<string, number>,
): Promise<void> {
  const body = JSON.parse(await bodyOf(request)) as Call | readonly Call[]
  const calls = (Array.isArray(body) ? body : [body]) as readonly Call[]
  const spoilt = calls.map((call) => spoil(call, lies, asked))
  const raw = spoilt.find((one) => one.raw !== undefined)
  response.statusCode = spoilt.some(({ failed }) => failed) ? 500 : 200
  if (spoilt.some(({ cut }) => cut)) return cutShort(response)
  response.setHeader('content-type', raw === undefined ? 'application/json' : 'text/plain')
  const replies = spoilt.map(({ reply }) => reply)
  response.end(raw?.raw ?? JSON.stringify(Array.isArray(body) ? replies : replies[0]))
}

/** A body that ends before its announced length. */
function cutShort(response: ServerResponse): void {
  response.setHeader('content-length', 100)
  response.write('{"jsonrpc":"2.0",')
  setImmediate(() => response.destroy())
}

type Spoilt = {
  readonly reply: unknown
  readonly raw?: string | Uint8Array
  readonly failed?: boolean
  readonly cut?: boolean
}

function spoil({ id, method, params = [] }: Call, lies: readonly Lie[], asked: Map<string, number>): Spoilt {
  const nth = asked.get(method) ?? 0
  asked.set(method, nth + 1)
  const result = honestAnswer(method, params)
  const honest = { jsonrpc: '2.0', id, result }
  const lie = lies.find(
    (one) => METHODS_ASKED[one.method % METHODS_ASKED.length] === method && (one.nth === EVERY || one.nth === nth),
  )
  if (lie === undefined) return { reply: honest }
  return told(lie, honest)
}

type Honest = { readonly jsonrpc: string; readonly id: unknown; readonly result: unknown }

function told({ how, what }: Lie, honest: Honest): Spoilt {
  const dice = newDice(what.reduce((sum, byte) => sum * 31 + byte, how))
  switch (how % KINDS) {
    case 0:
      return { reply: { ...honest, result: jsonIn(what) } }
    case 1:
    case 2:
      return { reply: { ...honest, result: changedValue(dice, honest.result as Value) } }
    case 3:
      return { reply: changedValue(dice, honest as Value) }
    case 4:
      return { reply: honest, raw: what }
    case 5:
      return { reply: honest, raw: changeInside(dice, new TextEncoder().encode(JSON.stringify(honest))) }
    case 6:
      return {
        reply: {
          jsonrpc: '2.0',
          id: honest.id,
          error: { code: dice.pick([-32_000, 3, -1, 0]), message: textOf(what), data: jsonIn(what) },
        },
      }
    case 7:
      return { reply: { ...honest, result: `0x${'f'.repeat(HUGE_CHARACTERS)}` } }
    case 8:
      return { reply: honest, failed: true }
    default:
      return { reply: honest, cut: true }
  }
}

function jsonIn(what: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(what))
  } catch {
    // What is no JSON is told as text.
    return textOf(what)
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
