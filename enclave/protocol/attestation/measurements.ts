/** Which images a verifier allows, and whether a document is one of them [N1, N2, N15, N16]. */
import { CodedError, type ErrorCode, quote, refuse } from '../errors.ts'
import { fromHexOr, toHex } from '../ids.ts'
import { parseStrictJson } from '../strict-json.ts'
import { bytesEqual, concatBytes, utf8 } from '../words.ts'
import { SHA384_BYTES, sha384 } from './p384.ts'
import type { Document } from './payload.ts'

/**
 * One image that is allowed, 48 bytes each. PCR0 alone hashes a concatenation whose borders can move, so PCR1 and PCR2
 * count with it. PCR3 is the parent's role (without it a stranger's account passes), PCR8 the signer of the image, PCR16
 * the configuration that is locked in.
 */
export type Measurement = {
  readonly name?: string
  readonly pcr0: Uint8Array
  readonly pcr1: Uint8Array
  readonly pcr2: Uint8Array
  readonly pcr3?: Uint8Array
  readonly pcr8?: Uint8Array
  readonly pcr16?: Uint8Array
}

type Pinned = readonly (readonly [index: number, value: Uint8Array])[]

export const MEASUREMENTS_FORMAT = 'anchorhold-measurements/1'
export const MEASUREMENTS_MAX = 64
const NAME_CHARACTERS_MAX = 128
const KEYS = ['name', 'pcr0', 'pcr1', 'pcr2', 'pcr3', 'pcr8', 'pcr16']
const REQUIRED_KEYS = ['pcr0', 'pcr1', 'pcr2']
/** Zero in debug mode, where the host reads the enclave's memory. */
const DEBUG_PCRS = [0, 1, 2] as const
const PCR4 = 4
const DOUBLED_NAME = 'two images of one name'

/**
 * Refuses a list that decides nothing, ATTESTATION_EXPECTATION: empty, an image without PCR0, PCR1 and PCR2, a value that
 * is not 48 bytes, a PCR that would go unlooked at. Expected zeros are ATTESTATION_DEBUG unless `allowDebug`.
 */
export function checkMeasurementList(measurements: readonly Measurement[], allowDebug: boolean): void {
  if (!Array.isArray(measurements) || measurements.length < 1 || measurements.length > MEASUREMENTS_MAX)
    refuse('ATTESTATION_EXPECTATION', `1 to ${MEASUREMENTS_MAX} measurements`, `${measurements?.length ?? 'none'}`)
  for (const measurement of measurements) {
    const stray = Object.keys(measurement).find((key) => !KEYS.includes(key))
    if (stray !== undefined) refuse('ATTESTATION_EXPECTATION', `the keys ${KEYS.join(', ')}`, stray)
    for (const [index, value] of pinnedBy(measurement)) checkExpected(index, value, allowDebug)
  }
}

/** What a measurement pins: the three that it has to, and those that it may. */
function pinnedBy({ pcr0, pcr1, pcr2, pcr3, pcr8, pcr16 }: Measurement): Pinned {
  const optional = [[3, pcr3] as const, [8, pcr8] as const, [16, pcr16] as const]
  const given = optional.flatMap(([index, value]) => (value === undefined ? [] : [[index, value] as const]))
  return [[0, pcr0], [1, pcr1], [2, pcr2], ...given]
}

function checkExpected(index: number, value: Uint8Array, allowDebug: boolean): void {
  if (!(value instanceof Uint8Array) || value.length !== SHA384_BYTES)
    refuse('ATTESTATION_EXPECTATION', `${SHA384_BYTES} bytes as PCR${index}`, `${value?.length ?? 'nothing'}`)
  if (isDebugPcr(index) && isZero(value) && !allowDebug)
    refuse('ATTESTATION_DEBUG', `a measured PCR${index} among the allowed`, 'zeros, as in debug mode')
}

function isDebugPcr(index: number): boolean {
  return index <= 2
}

function isZero(pcr: Uint8Array): boolean {
  return pcr.every((byte) => byte === 0)
}

/** True if PCR0, PCR1 or PCR2 is zero or absent. */
export function isDebug(pcrs: Document['pcrs']): boolean {
  return DEBUG_PCRS.some((index) => isZero(pcrs.get(index) ?? new Uint8Array(0)))
}

/**
 * The first allowed image that the document is, by every PCR that it pins: one that is absent matches nothing. Refuses
 * ATTESTATION_DEBUG before anything is compared, unless `allowDebug`, and ATTESTATION_MEASUREMENT.
 */
export function matchMeasurement(
  pcrs: Document['pcrs'],
  measurements: readonly Measurement[],
  allowDebug: boolean,
): Measurement {
  const missing = DEBUG_PCRS.find((index) => !pcrs.has(index))
  if (missing !== undefined) refuse('ATTESTATION_MEASUREMENT', `PCR${missing} in the document`, 'none')
  if (isDebug(pcrs) && !allowDebug)
    refuse('ATTESTATION_DEBUG', 'measured PCR0, PCR1 and PCR2', 'zeros, as in debug mode')
  const match = measurements.find((measurement) => differs(pcrs, measurement) === undefined)
  if (match !== undefined) return match
  throw new CodedError('ATTESTATION_MEASUREMENT', `expected ${nearest(pcrs, measurements)}`)
}

/** The first pinned PCR that the document does not have so. */
function differs(pcrs: Document['pcrs'], measurement: Measurement): number | undefined {
  const found = pinnedBy(measurement).find(([index, value]) => !bytesEqual(pcrs.get(index) ?? new Uint8Array(0), value))
  return found?.[0]
}

/** For the message: how the image fails that gets furthest. */
function nearest(pcrs: Document['pcrs'], measurements: readonly Measurement[]): string {
  const failures = measurements.map((measurement) => ({ measurement, index: differs(pcrs, measurement) ?? 0 }))
  const [first, ...rest] = failures
  if (first === undefined) return 'a measurement'
  const { measurement, index } = rest.reduce((best, next) => (next.index > best.index ? next : best), first)
  const value = pinnedBy(measurement).find(([pinned]) => pinned === index)?.[1] ?? new Uint8Array(0)
  const got = pcrs.get(index)
  return `PCR${index} ${toHex(value)}, got ${got === undefined ? 'none' : toHex(got)}`
}

/** Refuses ATTESTATION_MEASUREMENT unless PCR4 names the instance of `moduleId`, its part before "-enc". */
export function checkInstance({ pcrs, moduleId }: Pick<Document, 'pcrs' | 'moduleId'>): void {
  const [instance = ''] = moduleId.split('-enc', 1)
  const expected = sha384(concatBytes(new Uint8Array(SHA384_BYTES), utf8(instance)))
  const got = pcrs.get(PCR4)
  if (got === undefined || !bytesEqual(got, expected))
    refuse('ATTESTATION_MEASUREMENT', `PCR4 ${toHex(expected)}`, got === undefined ? 'none' : toHex(got))
}

/**
 * Reads a file of the format `anchorhold-measurements/1`, as a release publishes it: each PCR as 96 lower-case hex digits,
 * as AWS prints them. Refuses ATTESTATION_EXPECTATION. Zeros pass here: the verifier decides about debug mode.
 */
export function parseMeasurements(file: Uint8Array): readonly Measurement[] {
  const parsed = parseStrictJson(file)
  if (parsed.kind !== 'object') return unusable('a JSON object', parsed.kind)
  const { format, images, ...rest } = parsed.value
  if (format !== MEASUREMENTS_FORMAT) return unusable(`the format ${MEASUREMENTS_FORMAT}`, quote(format))
  const [stray] = Object.keys(rest)
  if (stray !== undefined) return unusable('the keys format and images', stray)
  if (!Array.isArray(images)) return unusable('a list of images', quote(images))
  const measurements = images.map(parseMeasurement)
  if (new Set(measurements.map(({ name }) => name)).size !== images.length)
    return unusable('each name once', DOUBLED_NAME)
  checkMeasurementList(measurements, true)
  return measurements
}

const CODE: ErrorCode = 'ATTESTATION_EXPECTATION'

function unusable(expected: string, got: string): never {
  return refuse(CODE, `measurements: ${expected}`, got)
}

function parseMeasurement(value: unknown): Measurement {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return unusable('an image', quote(value))
  const { name, ...pcrs } = value as { readonly [key: string]: unknown }
  if (typeof name !== 'string' || name.length < 1 || name.length > NAME_CHARACTERS_MAX)
    return unusable(`a name of 1 to ${NAME_CHARACTERS_MAX} characters`, quote(name))
  const missing = REQUIRED_KEYS.find((key) => !Object.hasOwn(pcrs, key))
  if (missing !== undefined) return unusable(`${missing} of ${name}`, 'nothing')
  const entries = Object.entries(pcrs).map(([key, text]) => [key, parsePcr(`${key} of ${name}`, text)] as const)
  return { name, ...Object.fromEntries(entries) } as Measurement
}

const PCR_FORM = /^[0-9a-f]{96}$/

function parsePcr(what: string, text: unknown): Uint8Array {
  const bytes = typeof text === 'string' && PCR_FORM.test(text) ? fromHexOr(`0x${text}`) : undefined
  return bytes ?? unusable(`${what} as 96 lower-case hex digits`, quote(text))
}
