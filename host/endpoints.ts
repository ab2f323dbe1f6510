/**
 * RPC endpoints in order of preference. One operation runs on one endpoint from start to end; one that fails three times
 * in a row rests a minute. When all rest, the first is asked all the same: a pause must not outlast its cause.
 */
import { createPublicClient, defineChain, type HttpTransport, http, type PublicClient } from 'viem'
import { AssertionError, CodedError, isCoded } from '../enclave/protocol/errors.ts'

export const STRIKES_MAX = 3
export const REST_MS = 60_000
export const RPC_TIMEOUT_MS = 10_000
const BATCH_CALLS_MAX = 50

export type Rpc = PublicClient<HttpTransport>
export type Endpoints = {
  /**
   * Runs one operation. Refuses RPC_TIMEOUT (may have taken effect) and RPC_FAILED: no answer, or one that is none to the
   * question. Codes of the operation pass.
   */
  use<T>(operation: (rpc: Rpc) => Promise<T>): Promise<T>
  /** Refuses CHAIN_ID when an endpoint that answers serves another chain. */
  requireChain(): Promise<void>
  /** How many endpoints rest now. */
  resting(): number
}

type Endpoint = { readonly rpc: Rpc; strikes: number; restsUntilMs: number }

export function openEndpoints(urls: readonly string[], chainId: number, now: () => number = Date.now): Endpoints {
  const endpoints = urls.map((url) => ({ rpc: clientOf(url, chainId), strikes: 0, restsUntilMs: 0 }))
  const awake = () => endpoints.find(({ restsUntilMs }) => restsUntilMs <= now()) ?? (endpoints[0] as Endpoint)
  return {
    use: async (operation) => {
      const endpoint = awake()
      try {
        const result = await operation(endpoint.rpc)
        endpoint.strikes = 0
        return result
      } catch (error) {
        const coded = transportError(error)
        if (coded === undefined) throw unreadable(error)
        strike(endpoint, now())
        throw coded
      }
    },
    requireChain: async () => {
      for (const { rpc } of endpoints) await requireChainId(rpc, chainId)
    },
    resting: () => endpoints.filter(({ restsUntilMs }) => restsUntilMs > now()).length,
  }
}

function clientOf(url: string, chainId: number): Rpc {
  const chain = defineChain({
    id: chainId,
    name: 'ledger',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url, {
    batch: { batchSize: BATCH_CALLS_MAX, wait: 0 },
    retryCount: 0,
    timeout: RPC_TIMEOUT_MS,
    fetchFn: fetchWithin(RPC_TIMEOUT_MS),
  })
  return createPublicClient({ chain, transport, cacheTime: 0 }) as Rpc
}

/** The client's own clock stops at the headers: a body that comes byte by byte would hold a stage for hours. */
export function fetchWithin(timeoutMs: number): typeof fetch {
  return (input, init) => {
    const deadline = AbortSignal.timeout(timeoutMs)
    const signals = init?.signal == null ? [deadline] : [init.signal, deadline]
    return fetch(input, { ...init, signal: AbortSignal.any(signals) })
  }
}

function strike(endpoint: Endpoint, nowMs: number): void {
  endpoint.strikes += 1
  if (endpoint.strikes < STRIKES_MAX) return
  endpoint.strikes = 0
  endpoint.restsUntilMs = nowMs + REST_MS
}

async function requireChainId(rpc: Rpc, expected: number): Promise<void> {
  const got = await rpc.getChainId().catch(() => undefined)
  if (got !== undefined && got !== expected) throw new CodedError('CHAIN_ID', `expected chain ${expected}, got ${got}`)
}

const CAUSES_MAX = 10

/** An endpoint may answer anything; what the client stumbles over in an answer is the endpoint's doing, never a bug of ours. */
function unreadable(error: unknown): unknown {
  if (isCoded(error) || error instanceof AssertionError) return error
  const got = error instanceof Error ? firstLine(error.message) : String(error)
  return new CodedError('RPC_FAILED', `expected an answer to the question, got ${got}`, { cause: error })
}

/** The endpoint's own failure, or undefined when it answered and the answer is an error of the call. */
function transportError(error: unknown): CodedError | undefined {
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at.name === 'TimeoutError')
      return new CodedError('RPC_TIMEOUT', 'expected an answer in time, got none', { cause: error })
    if (at.name === 'HttpRequestError')
      return new CodedError('RPC_FAILED', `expected an answer, got ${firstLine(at.message)}`, { cause: error })
    if (at.name === 'LimitExceededRpcError')
      return new CodedError('RPC_FAILED', 'expected an answer, got a limit on calls', { cause: error })
    at = at.cause
  }
  return undefined
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
