/** Who a request comes from, by the token that it carries. */
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { Access, Tokens } from './tokens.ts'

/** What stands before a route. */
export type Gate = { readonly tokens: Tokens; readonly rates: onRequestAsyncHookHandler }

/** The replaced system's header, for viewers as well. */
export const OLD_TOKEN_HEADER = 'x-admin-token'
const BEARER = /^Bearer +(\S+)$/i

/** Undefined without a token. Refuses TOKEN_MISSING for one that nobody was given: its sender expects to be known. */
export function accessOf(request: FastifyRequest, tokens: Tokens): Access | undefined {
  const token = tokenOf(request)
  if (token === undefined) return undefined
  const access = tokens.accessOf(token)
  if (access === undefined)
    throw new CodedError('TOKEN_MISSING', 'expected a token that was given out, got another one')
  return access
}

/** A hook for routes that need a token. Refuses TOKEN_MISSING, TOKEN_FORBIDS. */
export function requireAccess(tokens: Tokens, least: Access): onRequestAsyncHookHandler {
  return async (request) => {
    const access = accessOf(request, tokens)
    if (access === undefined) throw new CodedError('TOKEN_MISSING', `expected the token of a ${least}, got none`)
    if (least === 'admin' && access !== 'admin')
      throw new CodedError('TOKEN_FORBIDS', `expected the token of an admin, got that of a ${access}`)
  }
}

function tokenOf({ headers }: FastifyRequest): string | undefined {
  const old = headers[OLD_TOKEN_HEADER]
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1]
  return bearer ?? (typeof old === 'string' && old !== '' ? old : undefined)
}
