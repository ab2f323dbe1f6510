/**
 * The first minute of a process: until it was told what it is for, `configure` is all that it does. The configuration is
 * extended into PCR16 and locked before anything can be asked of KMS, so that a key opens for this ledger and role alone
 * (protocol section 2) [F1, F2, G2].
 */
import type { Soon } from './keys/key-release.ts'
import { CodedError, refuse } from './protocol/errors.ts'
import { decodeRequest, encodeMessage, FRAME_BYTES_MAX, type Message } from './protocol/frame.ts'
import { PROTOCOL_VERSION } from './protocol/header.ts'
import { type Hash, toHex } from './protocol/ids.ts'

/** An enclave that knows what it is for: a request's bytes in, the reply's bytes out. */
export type Role = (request: Uint8Array) => Soon<Uint8Array>

export type Boot = {
  /**
   * Judges a configuration, locks it and gives the role that it names. Refuses CONFIG_INVALID, and CONFIG_LOCKED where
   * another one was locked before.
   */
  readonly begin: (configuration: unknown) => Role
  /** The signer whose first `generate` or `provision` says what it is for, as its original clients do. */
  readonly beginSigner: () => Role
  role: Role | undefined
}

export function newBoot(ways: Pick<Boot, 'begin' | 'beginSigner'>): Boot {
  return { ...ways, role: undefined }
}

/** The reply to a request's bytes. Never throws. */
export function answerBoot(boot: Boot, request: Uint8Array): Soon<Uint8Array> {
  return boot.role === undefined ? answerUnconfigured(boot, request) : boot.role(request)
}

function answerUnconfigured(boot: Boot, request: Uint8Array): Soon<Uint8Array> {
  let encoding: 'cbor' | 'json' = 'json'
  try {
    const decoded = decodeRequest(request)
    encoding = decoded.encoding
    const { method, params } = decoded
    if (method === 'status') return encodeMessage({ result: UNCONFIGURED }, encoding)
    boot.role = roleFor(boot, method, params)
    return boot.role(request)
  } catch (error) {
    return encodeMessage({ error: told(error) }, encoding)
  }
}

function roleFor(boot: Boot, method: string, params: Message): Role {
  if (method === 'configure') return boot.begin(params['configuration'])
  if (PROVISIONING.has(method) && params['chain_id'] !== undefined) return boot.beginSigner()
  return refuse('CONFIG_MISSING', 'configure before anything else', method.slice(0, NAME_SHOWN))
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

function told(error: unknown): Message {
  const coded = error instanceof CodedError ? error : new CodedError('INTERNAL', 'an unexpected error')
  return { code: coded.code, message: coded.message, action: coded.action, retry: coded.retry }
}

/** The register that the configuration goes into; no other one of ours is ever extended. */
export const CONFIGURATION_PCR = 16

type Registers = {
  readonly describePcr: (index: number) => { readonly locked: boolean; readonly value: Uint8Array }
  readonly extendPcr: (index: number, data: Uint8Array) => Uint8Array
  readonly lockPcr: (index: number) => void
}

/** Extends and locks, or finds just this locked: a process that starts anew in one enclave goes on with what was said first. */
export function lockConfiguration(
  registers: Registers,
  expected: Uint8Array,
  locked: { readonly hash: Uint8Array; readonly name: Hash },
): void {
  const found = registers.describePcr(CONFIGURATION_PCR)
  if (!found.locked) {
    registers.extendPcr(CONFIGURATION_PCR, locked.hash)
    registers.lockPcr(CONFIGURATION_PCR)
  }
  const { value, locked: isLocked } = registers.describePcr(CONFIGURATION_PCR)
  if (!isLocked || toHex(value) !== toHex(expected))
    refuse('CONFIG_LOCKED', `PCR16 ${toHex(expected)} of the configuration ${locked.name}`, toHex(value))
}
