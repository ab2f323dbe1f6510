/** What a refusal is known by. Whatever is thrown without a code is a bug of ours, and passes through. */
import { type ErrorCode, isCoded } from '../../enclave/protocol/errors.ts'

export type Outcome = ErrorCode | 'accepted'

/** The code that refused it, or that nothing did. */
export function codeOf(attempt: () => unknown): Outcome {
  try {
    attempt()
    return 'accepted'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}

/** As `codeOf`, of a call whose answer comes later. */
export async function codeOfCall(call: Promise<unknown>): Promise<Outcome> {
  try {
    await call
    return 'accepted'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}
