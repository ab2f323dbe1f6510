/**
 * The first minute of a process: until it was told what it is for, `configure` is all that it does. The configuration is
 * extended into PCR16 and locked before anything can be asked of KMS, so that a key opens for this ledger and role alone
 * (protocol section 2) [F1, F2, G2].
 */
import type { Soon } from './keys/key-release.ts'
import { CodedError, isCoded, refuse } from './protocol/errors.ts'
import { decodeRequest, encodeMessage, encodingOf, FRAME_BYTES_MAX, type Message } from './protocol/frame.ts'
import { PROTOCOL_VERSION } from './protocol/header.ts'
import { type Hash, toHex } from './protocol/ids.ts'
import { bytesEqual } from './protocol/words.ts'

/** An enclave that knows what it is for: a request's bytes in, the reply's bytes out. */
export type Role = (request: Uint8Array) => Soon<Uint8Array>

export type Boot = {
  /**
   * Judges a configuration, locks it and gives the role that it names. Refuses CONFIG_INVALID, and CONFIG_LOCKED where
   * another one was locked before.
   */
  readonly begin: (configuration: unknown) => Role
  /**
   * The same out of the first `generate` or `provision` of a signer, whose original clients say there what it is for.
   * Refuses PARAMS_INVALID besides.
   */
  readonly beginSigner: (request: Uint8Array) => Role
  /** Where a bug of ours is told in full: the operator's console, never a reply. */
  readonly report: (error: unknown) => void
  /** Set by a configuration that was locked, and by nothing that was refused. */
  role: Role | undefined
}

export function newBoot(ways: Omit<Boot, 'role'>): Boot {
  return { ...ways, role: undefined }
}

/** The reply to a request's bytes. Never throws. */
export function answerBoot(boot: Boot, request: Uint8Array): Soon<Uint8Array> {
  return boot.role === undefined ? answerUnconfigured(boot, request) : boot.role(request)
}

function answerUnconfigured(boot: Boot, request: Uint8Array): Soon<Uint8Array> {
  const encoding = encodingOf(request)
  try {
    const { method, params } = decodeRequest(request)
    if (method === 'status') return encodeMessage({ result: UNCONFIGURED }, encoding)
    boot.role = roleFor(boot, request, method, params)
    return boot.role(request)
  } catch (error) {
    return encodeMessage({ error: told(boot, error) }, encoding)
  }
}

function roleFor(boot: Boot, request: Uint8Array, method: string, params: Message): Role {
  if (method === 'configure') return boot.begin(configurationIn(params))
  if (PROVISIONING.has(method) && params['chain_id'] !== undefined) return boot.beginSigner(request)
  return refuse('CONFIG_MISSING', 'configure before anything else', method.slice(0, NAME_SHOWN))
}

/** Judged as the role will judge it, but before anything is locked: a request that is refused must leave nothing behind. */
function configurationIn({ configuration, ...rest }: Message): unknown {
  const [stray] = Object.keys(rest)
  if (stray !== undefined) refuse('PARAMS_INVALID', 'configuration and nothing else', stray.slice(0, NAME_SHOWN))
  return configuration
}

const PROVISIONING: ReadonlySet<string> = new Set(['generate', 'provision'])
const NAME_SHOWN = 64
const UNCONFIGURED: Message = {
  version: PROTOCOL_VERSION,
  phase: 'cold',
  configured: false,
  provisioned: false,
  attestation_available: false,
  frameBytesMax: FRAME_BYTES_MAX,
  firstUnacknowledged: 0,
  nextRecord: 0,
}

function told({ report }: Boot, error: unknown): Message {
  if (!isCoded(error)) report(error)
  const coded = isCoded(error) ? error : new CodedError('INTERNAL', 'an unexpected error')
  return { code: coded.code, message: coded.message, action: coded.action, retry: coded.retry }
}

/** The register that the configuration goes into; no other one of ours is ever extended. */
export const CONFIGURATION_PCR = 16

type Registers = {
  readonly describePcr: (index: number) => { readonly locked: boolean; readonly value: Uint8Array }
  readonly extendPcr: (index: number, data: Uint8Array) => Uint8Array
  readonly lockPcr: (index: number) => void
}

/**
 * Extends and locks, or finds just this there: a process that starts anew in one enclave goes on with what was said first.
 * Repeated after an NSM that failed at any moment it does what is left to do. It extends zeros alone, so never twice: over
 * half of another configuration it would only destroy what tells them apart. Refuses CONFIG_LOCKED, NSM_FAILED.
 */
export function lockConfiguration(
  registers: Registers,
  expected: Uint8Array,
  locked: { readonly hash: Uint8Array; readonly name: Hash },
): void {
  const found = registers.describePcr(CONFIGURATION_PCR)
  const isNew = !found.locked && found.value.every((byte) => byte === 0)
  if (!isNew) demandPcr(found.value, expected, locked.name)
  if (isNew) registers.extendPcr(CONFIGURATION_PCR, locked.hash)
  if (!found.locked) registers.lockPcr(CONFIGURATION_PCR)
  const { value, locked: isLocked } = registers.describePcr(CONFIGURATION_PCR)
  demandPcr(value, expected, locked.name)
  if (!isLocked) refuse('NSM_FAILED', 'PCR16 locked', 'one that is open')
}

function demandPcr(value: Uint8Array, expected: Uint8Array, name: Hash): void {
  if (!bytesEqual(value, expected))
    refuse('CONFIG_LOCKED', `PCR16 ${toHex(expected)} of the configuration ${name}`, toHex(value))
}
