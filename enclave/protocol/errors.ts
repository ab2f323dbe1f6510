/**
 * One error type and one catalogue of codes. The code is the identity of a refusal; the text may change.
 * docs/ERRORS.md is printed from this catalogue, and a test keeps the two equal.
 */
import { ATTESTATION_ERRORS } from './errors-attestation.ts'
import { AUTHORITY_ERRORS } from './errors-authority.ts'
import { ENCLAVE_ERRORS } from './errors-enclave.ts'
import { HOST_ERRORS } from './errors-host.ts'
import { RELEASE_ERRORS } from './errors-release.ts'
import { SIGNER_ERRORS } from './errors-signer.ts'
import { VSOCK_ERRORS } from './errors-vsock.ts'

/** What a caller may do with the same request: never, later, again byte for byte, or after reloading the enclave. */
export type Retry = 'never' | 'later' | 'same-bytes' | 'after-reload'

export type ErrorEntry = { readonly meaning: string; readonly action: string; readonly retry: Retry }

export const ERRORS = {
  ...ENCLAVE_ERRORS,
  ...AUTHORITY_ERRORS,
  ...ATTESTATION_ERRORS,
  ...RELEASE_ERRORS,
  ...SIGNER_ERRORS,
  ...HOST_ERRORS,
  ...VSOCK_ERRORS,
} as const satisfies Record<string, ErrorEntry>
export type ErrorCode = keyof typeof ERRORS

/** Foreign keys may stand in a message: it is cut, so that a reply with it always fits a frame. */
export const MESSAGE_CHARACTERS_MAX = 2_000

/**
 * A refusal or failure with a stable code. The message says what was expected, what came, and is safe to show: a cut
 * through a surrogate pair, which no encoding could carry, is mended.
 */
export class CodedError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed(), options)
    this.name = 'CodedError'
    this.code = code
  }

  get retry(): Retry {
    return ERRORS[this.code].retry
  }

  get action(): string {
    return ERRORS[this.code].action
  }
}

/** A bug of ours, never an answer to foreign input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim)
}

/** Closes a switch: a new case that nobody handles does not compile. */
export function assertNever(value: never): never {
  throw new AssertionError(`unhandled case: ${JSON.stringify(value)}`)
}

export function isCoded(error: unknown, code?: ErrorCode): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code)
}

/** Throws expected/got in one form, so that every refusal names both values. */
export function refuse(code: ErrorCode, expected: unknown, got: unknown): never {
  throw new CodedError(code, `expected ${show(expected)}, got ${show(got)}`)
}

const SHOWN_CHARACTERS_MAX = 200

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : typeof value === 'bigint' ? value.toString() : quote(value)
  return text.slice(0, SHOWN_CHARACTERS_MAX)
}

/** A foreign value as JSON for a message. What JSON has no form for is described, at any depth. */
export function quote(value: unknown): string {
  return JSON.stringify(value, describeInner) ?? 'nothing'
}

function describeInner(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  return typeof value === 'bigint' ? value.toString() : value
}
