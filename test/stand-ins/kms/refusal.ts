/** How a call was refused: for tests that demand one code, and look at the words of KMS inside. */
import { type ErrorCode, isCoded } from '../../../enclave/protocol/errors.ts'

export type Refusal = { readonly code: ErrorCode; readonly message: string }

/** The refusal of a call; throws what is none, and where nothing was refused. */
export async function refusalOf(call: () => unknown): Promise<Refusal> {
  try {
    await call()
  } catch (error) {
    if (isCoded(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}
