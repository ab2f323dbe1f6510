/** A door in front of a real chain: broadcasts may be kept behind it, as a lossy endpoint does, and let through one by one. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Hex, keccak256 } from 'viem'

export type Gate = {
  readonly url: string
  /** While true every broadcast is answered with its hash, as if accepted, and goes nowhere. */
  isShut: boolean
  /** Signed bytes of all broadcasts that were kept, in order, repetitions too. */
  readonly kept: Hex[]
  /** Hands signed bytes to the chain. */
  pass(raw: Hex): Promise<void>
  close(): Promise<void>
}

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }

const SEND = 'eth_sendRawTransaction'

export async function openGate(chainUrl: string): Promise<Gate> {
  const kept: Hex[] = []
  const answer = async (call: Call): Promise<unknown> => {
    if (call.method !== SEND || !gate.isShut) return forward(chainUrl, call)
    const raw = call.params?.[0] as Hex
    kept.push(raw)
    return { jsonrpc: '2.0', id: call.id, result: keccak256(raw) }
  }
  const server = createServer(async (request, response) => {
    try {
      const body = JSON.parse(await textOf(request)) as Call | readonly Call[]
      const result = Array.isArray(body) ? await Promise.all(body.map(answer)) : await answer(body as Call)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(result))
    } catch {
      // The chain is gone: so is the connection.
      response.destroy()
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  const gate: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isShut: false,
    kept,
    pass: async (raw) => void (await forward(chainUrl, { id: 1, method: SEND, params: [raw] })),
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
  return gate
}

async function forward(chainUrl: string, call: Call): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...call })
  const response = await fetch(chainUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return response.json()
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
