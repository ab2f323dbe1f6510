/** One request in, one reply out, as the core's: the method known, legal in the phase, its parameters whole. */
import { getAddress } from 'viem/utils'
import { type Soon, then } from '../keys/key-release.ts'
import { encodeBase64 } from '../protocol/base64.ts'
import { AssertionError, CodedError, refuse } from '../protocol/errors.ts'
import { encodeMessage, encodingOf, type Message } from '../protocol/frame.ts'
import { PROTOCOL_VERSION } from '../protocol/header.ts'
import { type SignerConfiguration, signerConfigHash, signerPolicyHash } from '../protocol/signer-configuration.ts'
import {
  SIGNER_METHODS,
  type SignerMethodName,
  type SignerParams,
  type SignerPhase,
  type SignerResults,
} from '../protocol/signer-methods.ts'
import { signerConfigurationOf } from '../protocol/signer-terms.ts'
import { configure, generate, provision } from './provisioning.ts'
import { decodeSignerRequest } from './request.ts'
import { documentOf, haltSigner, keyOf, type Signer } from './signer.ts'
import { signMessage, signTransactionOf } from './signing.ts'

type Methods = {
  readonly [M in SignerMethodName]: (signer: Signer, params: SignerParams<M>) => Soon<SignerResults[M]>
}

const methods: Methods = {
  status,
  attestation: (signer, { nonce }) => ({ document_b64: encodeBase64(documentOf(signer, nonce ?? null)) }),
  configure,
  generate,
  provision,
  address: (signer) => ({ address: getAddress(keyOf(signer).address) }),
  sign_message_defunct: signMessage,
  sign_transaction: signTransactionOf,
}

const ISSUES_SHOWN_MAX = 3
const NAME_SHOWN_MAX = 64

/**
 * The reply to a request's bytes, in the request's own encoding. Never throws. The caller waits for it before it asks again:
 * between a question to KMS and its answer nothing else may happen here.
 */
export function answerSigner(signer: Signer, request: Uint8Array): Soon<Uint8Array> {
  let encoding = encodingOf(request)
  const succeed = (result: unknown): Uint8Array => encodeMessage({ result: result as Message }, encoding)
  const fail = (error: unknown): Uint8Array => encodeMessage({ error: describe(signer, error) }, encoding)
  try {
    const decoded = decodeSignerRequest(request)
    encoding = decoded.encoding
    const result = then(call(signer, decoded.method, decoded.params), succeed)
    return result instanceof Promise ? result.catch(fail) : result
  } catch (error) {
    return fail(error)
  }
}

function call(signer: Signer, name: string, params: Message): Soon<unknown> {
  if (!Object.hasOwn(SIGNER_METHODS, name))
    refuse('METHOD_UNKNOWN', 'a method of a signer', JSON.stringify(name.slice(0, NAME_SHOWN_MAX)))
  const method = name as SignerMethodName
  const phases: readonly SignerPhase[] = SIGNER_METHODS[method].phases
  if (!phases.includes(signer.phase))
    refuse('PHASE_FORBIDS', `phase ${phases.join(' or ')} for ${method}`, signer.phase)
  return (methods[method] as (signer: Signer, params: unknown) => Soon<unknown>)(signer, readParams(method, params))
}

function readParams<M extends SignerMethodName>(method: M, params: Message): SignerParams<M> {
  const parsed = SIGNER_METHODS[method].params.safeParse(params)
  if (parsed.success) return parsed.data as SignerParams<M>
  const issues = parsed.error.issues
    .slice(0, ISSUES_SHOWN_MAX)
    .map((issue) => `${issue.path.join('.') || 'params'}: ${issue.message}`)
  throw new CodedError('PARAMS_INVALID', issues.join('; '))
}

/**
 * What a first `generate` or `provision` says that this boot is for, whole, before there is a signer. Refuses as
 * decodeSignerRequest does, PARAMS_INVALID and CONFIG_INVALID.
 */
export function configurationIn(request: Uint8Array): SignerConfiguration {
  const { method, params } = decodeSignerRequest(request)
  return signerConfigurationOf(readParams(method === 'generate' ? 'generate' : 'provision', params))
}

/** A refusal is answered; anything else is a bug of ours, after which nothing is signed any more. */
function describe(signer: Signer, error: unknown): Message {
  if (error instanceof CodedError)
    return { code: error.code, message: error.message, action: error.action, retry: error.retry }
  // A claim of ours is fixed text; what another error says could hold something that must not leave.
  const reason = error instanceof AssertionError ? error.message : 'an unexpected error'
  haltSigner(signer, reason)
  signer.report(error)
  return describe(signer, new CodedError('INTERNAL', reason))
}

function status(signer: Signer): SignerResults['status'] {
  const { phase, fixed, key, haltReason } = signer
  return {
    version: PROTOCOL_VERSION,
    role: 'signer',
    phase,
    configured: fixed !== undefined,
    provisioned: key !== undefined,
    attestation_available: signer.document !== undefined,
    ...(key === undefined ? {} : { address: getAddress(key.address) }),
    ...(fixed === undefined
      ? {}
      : {
          chainId: fixed.chainId,
          broker: fixed.broker,
          config: signerConfigHash(fixed),
          policyHash: signerPolicyHash(fixed.policy),
        }),
    ...(haltReason === undefined ? {} : { haltReason }),
  }
}
