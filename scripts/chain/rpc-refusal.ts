/** Answers of JSON-RPC that say no, in the words that clients of a real node match on. */

/** An error object of a JSON-RPC answer, thrown. */
export class RpcRefusal extends Error {
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RpcRefusal'
    this.code = code
    this.data = data
  }
}

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
/** The code under which geth and Nitro refuse a transaction. */
export const REFUSED = -32000
const EXECUTION_REVERTED = 3

type NodeError = { code?: unknown; message?: unknown; data?: unknown }

/** What the node below answered, as geth or Nitro would say it. */
export function asRefusal(error: unknown): RpcRefusal {
  if (error instanceof RpcRefusal) return error
  const { code, message, data } = error as NodeError
  const text = typeof message === 'string' ? message : String(error)
  const said = REPHRASED.find(([form]) => form.test(text))
  if (said !== undefined) return new RpcRefusal(REFUSED, text.replace(...said).trim())
  const bytes = returnData(data)
  if (code === EXECUTION_REVERTED || bytes !== undefined)
    return new RpcRefusal(EXECUTION_REVERTED, revertText(text), bytes)
  return new RpcRefusal(typeof code === 'number' ? code : REFUSED, text)
}

const REPHRASED: readonly (readonly [RegExp, string])[] = [
  [/^Known transaction.*$/s, 'already known'],
  [
    /^Transaction nonce too low\. Expected nonce to be at least (\d+) but got (\d+).*$/s,
    'nonce too low: next nonce $1, tx nonce $2',
  ],
  [
    /^Sender doesn't have enough funds.*cost is: (\d+).*balance is: (\d+).*$/s,
    'insufficient funds for gas * price + value: balance $2, tx cost $1',
  ],
  [/^Replacement transaction underpriced.*$/s, 'replacement transaction underpriced'],
  [
    /^Transaction gas limit is (\d+) and exceeds block gas limit of (\d+).*$/s,
    'exceeds block gas limit: have $1, limit $2',
  ],
  [/^Transaction requires at least (\d+) gas but got (\d+).*$/s, 'intrinsic gas too low: have $2, want $1'],
  [
    /^Trying to send a raw transaction with an invalid chainId\. The expected chainId is (\d+).*$/s,
    'invalid chain id for signer: want $1',
  ],
]

// Calls carry the returned bytes as text, gas estimates inside an object.
function returnData(data: unknown): string | undefined {
  if (typeof data === 'string') return data
  const inner = (data as { data?: unknown } | null | undefined)?.data
  return typeof inner === 'string' ? inner : undefined
}

function revertText(text: string): string {
  const reason = /reverted with reason string '(.*)'/s.exec(text)?.[1]
  return reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
}
