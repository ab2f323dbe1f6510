/** Refusals that end by themselves: they say when, for the header Retry-After. */
import { CodedError, type ErrorCode } from '../enclave/protocol/errors.ts'

type Waiting = { readonly waitMs: number }

/** Refuses now; the same request may succeed in `waitMs`. */
export function refuseFor(waitMs: number, code: ErrorCode, message: string): never {
  throw Object.assign(new CodedError(code, message), { waitMs } satisfies Waiting)
}

/** How long a refusal lasts, where it says so. */
export function waitMsOf(error: unknown): number | undefined {
  return error instanceof CodedError && 'waitMs' in error && typeof error.waitMs === 'number' ? error.waitMs : undefined
}
