/**
 * Requests to a signer. Clients of the replaced one send wei as JSON integers of any size, and a double loses the digits of
 * more than 2^53: half a wei wrong is another transaction. So they are read from the text.
 */
import type { CborValue } from '../protocol/cbor.ts'
import { CodedError } from '../protocol/errors.ts'
import { decodeRequest, type Request } from '../protocol/frame.ts'
import { SIGNER_REQUEST_BYTES_MAX } from '../protocol/signer-methods.ts'

const WHOLE = /^-?[0-9]{1,78}$/
/** V8 gives the text of a number to a reviver; the types of the language do not know it yet. */
type Reviver = (key: string, value: CborValue, context?: { readonly source?: string }) => CborValue

/** Refuses FRAME_TOO_LARGE, and whatever `decodeRequest` refuses. Integers above 2^53 are bigint in both encodings. */
export function decodeSignerRequest(payload: Uint8Array): Request {
  if (payload.length > SIGNER_REQUEST_BYTES_MAX) {
    const message = `expected at most ${SIGNER_REQUEST_BYTES_MAX} bytes, got ${payload.length}`
    throw new CodedError('FRAME_TOO_LARGE', message)
  }
  const request = decodeRequest(payload)
  if (request.encoding === 'cbor') return request
  // The strict reader has judged these very bytes: they are UTF-8, one object, no key twice.
  const exact: { readonly params: Request['params'] } = JSON.parse(new TextDecoder().decode(payload), keepDigits)
  return { ...request, params: exact.params }
}

const keepDigits: Reviver = (_, value, context) => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return WHOLE.test(source) ? BigInt(source) : value
}
