/**
 * The enclave as a typed object: one persistent connection, calls pipelined in order, answers in order.
 * A connection that breaks fails everything in flight with ENCLAVE_GONE: whether a call took effect is then unknown, so
 * only calls that may be repeated are (SAFE); for the others the worker looks at `status` and decides anew.
 */
import type { Socket } from 'node:net'
import {
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
  retry,
  wrap,
} from 'cockatiel'
import type { CborInput } from '../enclave/protocol/cbor.ts'
import { CodedError, ERRORS, type ErrorCode, isCoded, quote } from '../enclave/protocol/errors.ts'
import { decodeMessage, encodeFrame, encodeMessage, FrameReader } from '../enclave/protocol/frame.ts'
import type { MethodResults } from '../enclave/protocol/method-results.ts'
import type { MethodName, Params } from '../enclave/protocol/methods.ts'
import { connectEndpoint, type EnclaveEndpoint, parseEnclaveEndpoint } from './enclave-endpoint.ts'
import { parseResult } from './enclave-results.ts'

export type EnclaveClient = {
  /** Refuses whatever the enclave refuses, with its code; ENCLAVE_GONE, ENCLAVE_ANSWER. */
  call<M extends MethodName>(method: M, params: Params<M>, options?: CallOptions): Promise<MethodResults[M]>
  /** Grows with each connection made or lost: while it stays, the same enclave answers. */
  connections(): number
  close(): void
}
export type CallOptions = { readonly timeoutMs?: number }

export const CALL_TIMEOUT_MS = 30_000
export const CONNECT_TIMEOUT_MS = 2_000
export const CALLS_IN_FLIGHT_MAX = 8
const ATTEMPTS_MAX = 4
const BACKOFF_MS_MIN = 50
const BACKOFF_MS_MAX = 500
const BREAK_AFTER_FAILURES = 10
const BREAK_MS = 500

/** Calls without effect, or with one that a repetition does not change. */
const SAFE: ReadonlySet<MethodName> = new Set([
  'status',
  'address',
  'attestation',
  'outputs',
  'balance',
  'audit_status',
  'apply_events',
])

/** `endpoint` is unix:///path, tcp://host:port or vsock://cid:port. Connects on the first call, and again after a break. */
export function openEnclaveClient(endpoint: string): EnclaveClient {
  const lane = new Lane(parseEnclaveEndpoint(endpoint, 'enclaveEndpoint'))
  const gone = handleWhen((error) => isCoded(error, 'ENCLAVE_GONE'))
  const breaker = circuitBreaker(gone, {
    halfOpenAfter: BREAK_MS,
    breaker: new ConsecutiveBreaker(BREAK_AFTER_FAILURES),
  })
  const backoff = new ExponentialBackoff({ initialDelay: BACKOFF_MS_MIN, maxDelay: BACKOFF_MS_MAX })
  const patient = wrap(retry(gone, { maxAttempts: ATTEMPTS_MAX, backoff }), breaker)
  return {
    call: async (method, params, options) => {
      const policy = SAFE.has(method) ? patient : breaker
      const message = { method, params: params as CborInput }
      const run = () => lane.send(message, options?.timeoutMs ?? CALL_TIMEOUT_MS)
      return parseResult(method, await guarded(policy, run))
    },
    connections: () => lane.connections,
    close: () => lane.close('closed by us'),
  }
}

type Guard = Pick<CircuitBreakerPolicy, 'execute'>

async function guarded<T>(policy: Guard, run: () => Promise<T>): Promise<T> {
  try {
    return await policy.execute(run)
  } catch (cause) {
    if (isBrokenCircuitError(cause))
      throw new CodedError('ENCLAVE_GONE', 'expected an enclave that answers; it did not, many times in a row', {
        cause,
      })
    throw cause
  }
}

type Waiting = {
  readonly done: (answer: unknown) => void
  readonly fail: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** One connection. Nothing here decides; it sends, waits in order, and fails all that waits when the socket ends. */
class Lane {
  readonly #endpoint: EnclaveEndpoint
  connections = 0
  #socket: Promise<Socket> | undefined
  #waiting: Waiting[] = []
  #queued: (() => void)[] = []

  constructor(endpoint: EnclaveEndpoint) {
    this.#endpoint = endpoint
  }

  async send(message: { readonly [key: string]: CborInput }, timeoutMs: number): Promise<unknown> {
    const frame = encodeFrame(encodeMessage(message, 'cbor'))
    while (this.#waiting.length >= CALLS_IN_FLIGHT_MAX) await new Promise<void>((next) => this.#queued.push(next))
    this.#socket ??= this.#connect()
    const socket = await this.#socket
    return new Promise((done, fail) => {
      const timer = setTimeout(() => this.close(`no answer within ${timeoutMs} ms`), timeoutMs)
      this.#waiting.push({ done, fail, timer })
      socket.write(frame)
    })
  }

  close(reason: string): void {
    const socket = this.#socket
    this.#socket = undefined
    this.connections += 1
    const error = new CodedError('ENCLAVE_GONE', `expected an answer of the enclave, the connection ended: ${reason}`)
    for (const { fail, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      fail(error)
    }
    for (const next of this.#queued.splice(0)) next()
    void socket?.then(
      (open) => open.destroy(),
      () => undefined,
    )
  }

  #connect(): Promise<Socket> {
    const connected: Promise<Socket> = this.#open((reason) => {
      // A late event of a socket that was replaced must not end its successor.
      if (this.#socket === connected) this.close(reason)
    })
    connected.catch(() => undefined)
    return connected
  }

  async #open(end: (reason: string) => void): Promise<Socket> {
    const socket = await this.#dial(end)
    const reader = new FrameReader()
    this.connections += 1
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(reader, chunk, end))
    socket.on('error', (error) => end(error.message))
    socket.on('close', () => end('closed by the enclave'))
    return socket
  }

  async #dial(end: (reason: string) => void): Promise<Socket> {
    try {
      return await connectEndpoint(this.#endpoint, CONNECT_TIMEOUT_MS)
    } catch (cause) {
      const { message } = cause as Error
      end(message)
      // What the machine lacks does not come with waiting; everything else may.
      if (isCoded(cause, 'VSOCK_UNAVAILABLE')) throw cause
      const place = JSON.stringify(this.#endpoint)
      throw new CodedError('ENCLAVE_GONE', `expected the enclave at ${place}: ${message}`, { cause })
    }
  }

  #receive(reader: FrameReader, chunk: Uint8Array, end: (reason: string) => void): void {
    try {
      for (const payload of reader.push(chunk)) this.#answer(decodeMessage(payload).message)
    } catch (error) {
      end((error as Error).message)
    }
  }

  #answer(message: { readonly [key: string]: unknown }): void {
    const [first] = this.#waiting
    if (first === undefined) return
    const { result } = message
    const refusal = result === undefined ? refusalOf(message['error']) : undefined
    // It goes from the queue when there is something to settle it with: nobody else would ever settle it.
    this.#waiting.shift()
    clearTimeout(first.timer)
    this.#queued.shift()?.()
    if (refusal === undefined) first.done(result)
    else first.fail(refusal)
  }
}

function refusalOf(error: unknown): CodedError {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' ? message : 'no message'
  if (typeof code === 'string' && Object.hasOwn(ERRORS, code)) return new CodedError(code as ErrorCode, text)
  // A map has no text of its own, and one that names a toString throws where it is asked for it.
  const got = typeof code === 'string' ? code : quote(code)
  return new CodedError('ENCLAVE_ANSWER', `expected a known code, got ${got.slice(0, CODE_CHARACTERS_MAX)}: ${text}`)
}

const CODE_CHARACTERS_MAX = 64
