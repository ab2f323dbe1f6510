/**
 * JSON that goes from hand to hand: acts, policies, statements. Another program reads the same file, a wallet or an auditor,
 * so what two readers could take for two things is refused; and a file without an end is never read to it.
 */
import { open } from 'node:fs/promises'
import { CodedError, type ErrorCode } from '../../enclave/protocol/errors.ts'
import { type JsonValue, parseStrictJson } from '../../enclave/protocol/strict-json.ts'

export type ForeignJson = {
  readonly what: string
  readonly bytesMax: number
  /** Refused with, whatever is wrong. */
  readonly code: ErrorCode
}

export async function readForeignJson(
  path: string,
  { what, bytesMax, code }: ForeignJson,
): Promise<{ [key: string]: JsonValue }> {
  const bytes = await readUpTo(path, bytesMax).catch((cause: Error) => {
    throw new CodedError(code, `expected ${what} in ${path}, got ${cause.message}`, { cause })
  })
  if (bytes.length > bytesMax)
    throw new CodedError(code, `expected ${what} of at most ${bytesMax} bytes in ${path}, got more`)
  const read = parseStrictJson(bytes, { bytesMax })
  if (read.kind === 'object') return read.value
  throw new CodedError(
    code,
    `expected ${what} as a JSON object in ${path}, got ${read.kind === 'not-json' ? read.reason : read.kind}`,
  )
}

/** One byte more than the limit tells a longer file, whatever its size is said to be. */
async function readUpTo(path: string, bytesMax: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const buffer = new Uint8Array(bytesMax + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return buffer.subarray(0, length)
  } finally {
    await file.close()
  }
}
