/**
 * A Nitro Security Module for a machine that has none: raw requests in, raw responses out, as the ioctl of /dev/nsm has
 * them. WARNING: it attests nothing. Whoever reads the root's file signs what they like, and only a verifier that was
 * given this very root believes it.
 */
import type { Entropy } from '../keys/session-key.ts'
import { type CborInput, type CborValue, decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import { toHex } from '../protocol/ids.ts'
import { randomBytes } from '../shell/entropy.ts'
import type { NsmDevice } from '../shell/nsm.ts'
import { type Chain, type DevelopmentRoot, drawDevelopmentRoot, instanceIdOf, issueChain } from './chain.ts'
import { encodePayload, signPayload } from './document.ts'
import { instancePcr, openPcrBank, PCRS_MAX, type PcrBank } from './pcr-bank.ts'

export type DevelopmentNsmOptions = {
  /** Above its chain; a new one where absent. */
  readonly root?: DevelopmentRoot
  /** Milliseconds since 1970: what documents carry, and the time of their certificates. The machine's where absent. */
  readonly clock?: () => number
  /** `i-<instance>-enc<id>`; drawn where absent. */
  readonly moduleId?: string
  /**
   * Values of registers, 48 bytes each; for PCR0 to PCR2 zero where absent, as a real enclave has them in debug mode. PCR4
   * follows from moduleId unless it is given.
   */
  readonly pcrs?: ReadonlyMap<number, Uint8Array>
  readonly entropy?: Entropy
}

type ErrorName = 'InvalidArgument' | 'InvalidIndex' | 'ReadOnlyIndex' | 'InvalidOperation' | 'InputTooLarge'
type Fields = { readonly [key: string]: CborValue }

type Module = {
  readonly moduleId: string
  readonly root: DevelopmentRoot
  readonly clock: () => number
  readonly entropy: Entropy
  readonly pcrs: PcrBank
  chain: Chain | undefined
}

export const REQUEST_BYTES_MAX = 0x1000
const RANDOM_BYTES = 256
const USER_DATA_BYTES_MAX = 512
const PUBLIC_KEY_BYTES_MAX = 1_024
const EXTEND_BYTES_MAX = 512
const INSTANCE_ID_BYTES = 9
const INSTANCE_ID_DIGITS = 17
const ENCLAVE_ID_BYTES = 8
const INSTANCE_PCR = 4
/** A leaf with less than this before it is not used any more: documents are stored for half an hour. */
const LEAF_LEFT_MS_MIN = 90 * 60 * 1_000
const REQUEST_LIMITS = { canonical: false, depthMax: 2, itemsMax: 9 } as const

/** An NSM of its own: registers and chain live as long as the device. */
export function openDevelopmentNsm(options: DevelopmentNsmOptions = {}): NsmDevice {
  const entropy = options.entropy ?? randomBytes
  const moduleId = options.moduleId ?? drawModuleId(entropy)
  const module: Module = {
    moduleId,
    root: options.root ?? drawDevelopmentRoot(entropy),
    clock: options.clock ?? Date.now,
    entropy,
    pcrs: openPcrBank(new Map([[INSTANCE_PCR, instancePcr(instanceIdOf(moduleId))], ...(options.pcrs ?? [])])),
    chain: undefined,
  }
  return (request) => {
    if (request.length > REQUEST_BYTES_MAX) throw Object.assign(new Error('message too long'), { code: 'EMSGSIZE' })
    return encodeCbor(answer(module, request))
  }
}

function drawModuleId(entropy: Entropy): string {
  const digits = (bytes: number): string => toHex(entropy(bytes)).slice(2)
  return `i-${digits(INSTANCE_ID_BYTES).slice(0, INSTANCE_ID_DIGITS)}-enc${digits(ENCLAVE_ID_BYTES)}`
}

function answer(module: Module, request: Uint8Array): CborInput {
  const read = readRequest(request)
  if (read === undefined) return failed('InvalidArgument')
  switch (read.name) {
    case 'DescribeNSM':
      return { DescribeNSM: describe(module) }
    case 'GetRandom':
      return { GetRandom: { random: module.entropy(RANDOM_BYTES) } }
    case 'Attestation':
      return attest(module, read.fields)
    case 'DescribePCR':
      return describePcr(module, read.fields)
    case 'ExtendPCR':
      return extendPcr(module, read.fields)
    case 'LockPCR':
      return lockPcr(module, read.fields)
    case 'LockPCRs':
      return lockPcrs(module, read.fields)
    default:
      return failed('InvalidOperation')
  }
}

function failed(name: ErrorName): CborInput {
  return { Error: name }
}

/** A bare name, or a map of one name to its fields; undefined for anything else. */
function readRequest(request: Uint8Array): { name: string; fields: Fields } | undefined {
  const value = decodeOr(request)
  if (typeof value === 'string') return { name: value, fields: {} }
  if (!isFields(value)) return undefined
  const [[name, fields] = [], ...others] = Object.entries(value)
  if (name === undefined || others.length > 0 || !isFields(fields)) return undefined
  return { name, fields }
}

function decodeOr(request: Uint8Array): CborValue | undefined {
  try {
    return decodeCbor(request, REQUEST_LIMITS)
  } catch {
    // The module answers InvalidArgument to whatever it cannot read.
    return undefined
  }
}

function isFields(value: CborValue | undefined): value is { [key: string]: CborValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function describe({ moduleId, pcrs }: Module): CborInput {
  return {
    version_major: 1,
    version_minor: 0,
    version_patch: 0,
    module_id: moduleId,
    max_pcrs: PCRS_MAX,
    locked_pcrs: pcrs.lockedIndexes(),
    digest: 'SHA384',
  }
}

function attest(module: Module, fields: Fields): CborInput {
  const { user_data: userData = null, nonce = null, public_key: publicKey = null } = fields
  if (!isOptionalBytes(userData) || !isOptionalBytes(nonce) || !isOptionalBytes(publicKey))
    return failed('InvalidArgument')
  const isTooLarge =
    sizeOf(userData) > USER_DATA_BYTES_MAX ||
    sizeOf(nonce) > USER_DATA_BYTES_MAX ||
    sizeOf(publicKey) > PUBLIC_KEY_BYTES_MAX
  if (isTooLarge) return failed('InputTooLarge')
  const timestampMs = module.clock()
  const chain = chainAt(module, timestampMs)
  const payload = encodePayload({
    moduleId: module.moduleId,
    timestampMs,
    pcrs: module.pcrs.listed(),
    certificate: chain.leaf,
    bundle: chain.bundle,
    publicKey,
    userData,
    nonce,
  })
  return { Attestation: { document: signPayload(payload, chain) } }
}

function isOptionalBytes(value: CborValue): value is Uint8Array | null {
  return value === null || value instanceof Uint8Array
}

function sizeOf(bytes: Uint8Array | null): number {
  return bytes?.length ?? 0
}

/** The chain in use, or a new one where its leaf is not valid yet or ends soon. */
function chainAt(module: Module, atMs: number): Chain {
  const { chain } = module
  if (chain !== undefined && chain.notBeforeMs <= atMs && atMs <= chain.notAfterMs - LEAF_LEFT_MS_MIN) return chain
  module.chain = issueChain(module.root, module.moduleId, atMs, module.entropy)
  return module.chain
}

function describePcr({ pcrs }: Module, { index }: Fields): CborInput {
  if (typeof index !== 'number') return failed('InvalidArgument')
  const pcr = pcrs.at(index)
  return pcr === undefined ? failed('InvalidIndex') : { DescribePCR: { lock: pcr.locked, data: pcr.value } }
}

function extendPcr({ pcrs }: Module, { index, data }: Fields): CborInput {
  if (typeof index !== 'number' || !(data instanceof Uint8Array) || data.length === 0) return failed('InvalidArgument')
  const pcr = pcrs.at(index)
  if (pcr === undefined) return failed('InvalidIndex')
  if (pcr.locked) return failed('ReadOnlyIndex')
  if (data.length > EXTEND_BYTES_MAX) return failed('InputTooLarge')
  return { ExtendPCR: { data: pcrs.extend(pcr, data) } }
}

function lockPcr({ pcrs }: Module, { index }: Fields): CborInput {
  if (typeof index !== 'number') return failed('InvalidArgument')
  const pcr = pcrs.at(index)
  if (pcr === undefined) return failed('InvalidIndex')
  if (pcr.locked) return failed('ReadOnlyIndex')
  pcr.locked = true
  return 'LockPCR'
}

/** Locks the registers below `range`. */
function lockPcrs({ pcrs }: Module, { range }: Fields): CborInput {
  if (typeof range !== 'number') return failed('InvalidArgument')
  if (range < 0 || range > PCRS_MAX) return failed('InvalidIndex')
  for (let index = 0; index < range; index++) {
    const pcr = pcrs.at(index)
    if (pcr !== undefined) pcr.locked = true
  }
  return 'LockPCRs'
}
