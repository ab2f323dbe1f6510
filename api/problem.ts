/** Whatever goes wrong, as one shape over HTTP. What a stranger reads never says where things lie on this machine. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { CodedError, ERRORS, type ErrorCode, isCoded } from '../enclave/protocol/errors.ts'
import { waitMsOf } from './refused.ts'

export const Problem = z
  .object({
    error: z.object({
      code: z.string().describe('Stable; docs/ERRORS.md has all of them.'),
      message: z.string().describe('For people; it may change.'),
      action: z.string().describe('What to do about it.'),
    }),
  })
  .describe('A refusal or a failure.')
export type Problem = z.infer<typeof Problem>

/** Codes that the api itself gives, with texts that it wrote. Of all others strangers see the catalogue's words alone. */
const OWN: { readonly [code in ErrorCode]?: number } = {
  REQUEST_INVALID: 400,
  TOKEN_MISSING: 401,
  TOKEN_FORBIDS: 403,
  ROUTE_UNKNOWN: 404,
  SIGNER_NONE: 404,
  ATTESTATION_NONE: 404,
  RATE_LIMITED: 429,
  NONCES_SPENT: 429,
  API_FAILED: 500,
  DOCUMENT_NONE: 503,
}
/** The enclave or the chain behind us refused or failed. */
const BAD_GATEWAY = 502
const BAD_REQUEST = 400
const FAILED = 500
const MS_PER_SECOND = 1_000
const ISSUES_SHOWN_MAX = 4

/** The error handler of the server. `onFailure` hears of bugs of ours, with what the caller does not get to see. */
export function answerProblem(onFailure: (error: unknown) => void) {
  return (thrown: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = codedOf(thrown)
    if (error.code === 'API_FAILED') onFailure(thrown)
    const waitMs = waitMsOf(error)
    if (waitMs !== undefined) reply.header('retry-after', Math.ceil(waitMs / MS_PER_SECOND))
    return reply.code(statusOf(error, thrown)).type('application/json; charset=utf-8').send(problemOf(error))
  }
}

export function problemOf({ code, message, action }: CodedError): Problem {
  return { error: { code, message: code in OWN ? message : ERRORS[code].meaning, action } }
}

function statusOf({ code }: CodedError, { statusCode }: FastifyError): number {
  // Fastify's own word on a request: 413 for a large body, 415 for another type.
  if (code === 'REQUEST_INVALID' && statusCode !== undefined) return statusCode
  return OWN[code] ?? BAD_GATEWAY
}

function codedOf(error: FastifyError): CodedError {
  if (isCoded(error)) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    const issues = error.validation
      .slice(0, ISSUES_SHOWN_MAX)
      .map(({ instancePath, message }) => `${instancePath} ${message}`)
    return new CodedError('REQUEST_INVALID', issues.join('; '))
  }
  const { statusCode } = error
  if (statusCode !== undefined && statusCode >= BAD_REQUEST && statusCode < FAILED)
    return new CodedError('REQUEST_INVALID', error.message, { cause: error })
  return new CodedError('API_FAILED', ERRORS.API_FAILED.meaning, { cause: error })
}
