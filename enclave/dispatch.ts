/** One request in, one reply out. The method must be known, legal in the phase, and its parameters whole, in this order. */
import { checkPhase } from './core/phases.ts'
import { halt, type Instance } from './instance.ts'
import { type Soon, then } from './keys/key-release.ts'
import { adjust, drain, journalReset, setPolicy } from './methods/admin.ts'
import { attestation } from './methods/attestation.ts'
import { confirmPayout, prepareCommit, resignCommit } from './methods/commits.ts'
import { configure } from './methods/configure.ts'
import { creditBatch, creditSigned, reporter, skipSequence } from './methods/credits.ts'
import { applyEvents } from './methods/events.ts'
import { genesis } from './methods/genesis.ts'
import { loadState } from './methods/load.ts'
import { proveBalance } from './methods/proofs.ts'
import { address, generate, provision } from './methods/provisioning.ts'
import { ack, auditCheckpoint, auditStatus, balance, outputs, status } from './methods/reads.ts'
import { rebuild } from './methods/rebuild.ts'
import { changeRecipient, register } from './methods/registrations.ts'
import { rotate } from './methods/rotate.ts'
import { openSession, sessionLanded } from './methods/session.ts'
import { exportSnapshot, exportState } from './methods/snapshots.ts'
import { AssertionError, assert, CodedError } from './protocol/errors.ts'
import { decodeRequest, encodeMessage, encodingOf, type Message } from './protocol/frame.ts'
import type { MethodResults } from './protocol/method-results.ts'
import { ALIASES, METHODS, type MethodName, type ParsedParams, RETIRED } from './protocol/methods.ts'
import { bytesEqual } from './protocol/words.ts'

type Methods = { readonly [M in MethodName]: (instance: Instance, params: ParsedParams<M>) => Soon<MethodResults[M]> }

const methods: Methods = {
  status,
  configure,
  attestation,
  address,
  generate,
  provision,
  genesis,
  load_state: loadState,
  open_session: openSession,
  rebuild,
  session_landed: sessionLanded,
  apply_events: applyEvents,
  credit_signed: creditSigned,
  credit_batch: creditBatch,
  skip_sequence: skipSequence,
  register,
  change_recipient: changeRecipient,
  set_policy: setPolicy,
  adjust,
  drain,
  journal_reset: journalReset,
  rotate,
  prepare_commit: prepareCommit,
  resign_commit: resignCommit,
  confirm_payout: confirmPayout,
  halt: (instance, { reason }) => {
    halt(instance, reason)
    return { phase: instance.phase }
  },
  outputs,
  ack,
  export_snapshot: exportSnapshot,
  export_state: exportState,
  balance,
  prove_balance: proveBalance,
  reporter,
  audit_status: auditStatus,
  audit_checkpoint: auditCheckpoint,
}

const ISSUES_SHOWN_MAX = 3

/**
 * Inputs that may be repeated: a host that lost the reply and sends the same bytes again gets the same bytes back, and
 * nothing counts twice [S28]. A second prepare_commit is not among them: it is refused while the first is unlanded [S9].
 */
const REPEATABLE: ReadonlySet<string> = new Set<MethodName>([
  'apply_events',
  'credit_signed',
  'credit_batch',
  'skip_sequence',
  'register',
  'change_recipient',
  'set_policy',
  'adjust',
  'drain',
  'journal_reset',
  'confirm_payout',
])

/** The reply to a request's bytes where keys are released on this machine, and every answer is there at once. */
export function answer(instance: Instance, request: Uint8Array): Uint8Array {
  const reply = answerSoon(instance, request)
  assert(!(reply instanceof Promise), 'keys that are released on this machine are there at once')
  return reply
}

/**
 * The reply to a request's bytes, in the request's own encoding: a result, or an error with a code. Never throws. The
 * caller waits for it before it asks again: between a question to KMS and its answer nothing else may happen here. Neither
 * the request nor the reply is written to any more: the newest ones are kept.
 */
export function answerSoon(instance: Instance, request: Uint8Array): Soon<Uint8Array> {
  const { newest } = instance
  if (newest !== undefined && instance.phase !== 'halted' && bytesEqual(newest.request, request)) return newest.reply
  const { next } = instance.outbox
  return then(answerFresh(instance, request), ({ method, reply }) => {
    if (instance.outbox.next !== next) instance.newest = REPEATABLE.has(method) ? { request, reply } : undefined
    return reply
  })
}

type Answered = { readonly method: string; readonly reply: Uint8Array }

function answerFresh(instance: Instance, request: Uint8Array): Soon<Answered> {
  let encoding = encodingOf(request)
  let method = ''
  const succeed = (result: unknown): Answered => ({
    method,
    reply: encodeMessage({ result: result as Message }, encoding),
  })
  const fail = (error: unknown): Answered => ({
    method,
    reply: encodeMessage({ error: describe(instance, error) }, encoding),
  })
  try {
    const decoded = decodeRequest(request)
    encoding = decoded.encoding
    method = decoded.method
    const result = call(instance, method, decoded.params)
    return result instanceof Promise ? result.then(succeed).catch(fail) : succeed(result)
  } catch (error) {
    return fail(error)
  }
}

function call(instance: Instance, name: string, params: Message): unknown {
  const method = known(name)
  checkPhase(instance.phase, method)
  const parsed = METHODS[method].params.safeParse(params)
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, ISSUES_SHOWN_MAX)
      .map((issue) => `${issue.path.join('.') || 'params'}: ${issue.message}`)
    throw new CodedError('PARAMS_INVALID', issues.join('; '))
  }
  return (methods[method] as (instance: Instance, params: unknown) => unknown)(instance, parsed.data)
}

function known(name: string): MethodName {
  const method = Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name
  if (Object.hasOwn(METHODS, method)) return method as MethodName
  if (Object.hasOwn(RETIRED, method))
    throw new CodedError('METHOD_RETIRED', `${method} is gone; use ${RETIRED[method]}`)
  throw new CodedError('METHOD_UNKNOWN', `expected a known method, got ${JSON.stringify(name.slice(0, 64))}`)
}

/** A refusal is answered; anything else is a bug of ours, after which nothing is signed any more. */
function describe(instance: Instance, error: unknown): Message {
  if (error instanceof CodedError) {
    return { code: error.code, message: error.message, action: error.action, retry: error.retry }
  }
  // A claim of ours is fixed text; what another error says could hold something that must not leave.
  const reason = error instanceof AssertionError ? error.message : 'an unexpected error'
  halt(instance, reason)
  instance.report(error)
  return describe(instance, new CodedError('INTERNAL', reason))
}
