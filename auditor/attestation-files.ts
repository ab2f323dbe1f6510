/** Reads what attestations.ts judges: the documents that the host keeps beside the log, and the files of whoever audits. */
import { readFile, stat } from 'node:fs/promises'
import {
  checkMeasurementList,
  type Measurement,
  parseMeasurements,
} from '../enclave/protocol/attestation/measurements.ts'
import { verifyAttestation } from '../enclave/protocol/attestation/verify.ts'
import { type Configuration, parseConfiguration } from '../enclave/protocol/configuration.ts'
import { CodedError, isCoded, refuse } from '../enclave/protocol/errors.ts'
import { ZERO_HASH } from '../enclave/protocol/ids.ts'
import { parseStrictJson } from '../enclave/protocol/strict-json.ts'
import { judgeSession, lacking, type Report, type Session, type Terms } from './attestations.ts'
import type { Notice } from './chain-facts.ts'
import type { LogSource } from './log-source.ts'
import { newFindings } from './naive/finding.ts'

/** The newest are looked at: an endpoint may invent any number, and each costs a file. */
export const SESSIONS_MAX = 10_000
/** Of one kind that are shown one by one. */
export const NOTICES_EACH_MAX = 8
export const CONFIGURATIONS_MAX = 16
const FILE_BYTES_MAX = 1_048_576

export type TermFiles = {
  /** `anchorhold-measurements/1`: the images that are allowed. */
  readonly measurements?: string
  /** As the enclave is given them. */
  readonly enclaveConfigs?: readonly string[]
}

/**
 * Undefined without measurements: then only digests are compared. Refuses CONFIG_INVALID, ATTESTATION_EXPECTATION, and
 * ATTESTATION_DEBUG for a list that would allow an image in debug mode.
 */
export async function readTerms({ measurements, enclaveConfigs = [] }: TermFiles): Promise<Terms | undefined> {
  if (measurements === undefined) {
    if (enclaveConfigs.length > 0) refuse('CONFIG_INVALID', '--measurements beside --enclave-config', 'none')
    return undefined
  }
  if (enclaveConfigs.length > CONFIGURATIONS_MAX)
    refuse('CONFIG_INVALID', `at most ${CONFIGURATIONS_MAX} configurations`, enclaveConfigs.length)
  const images = parseMeasurements(await readWithin(measurements))
  checkMeasurementList(images, false)
  const configurations: Configuration[] = []
  for (const path of enclaveConfigs) configurations.push(await readConfiguration(path))
  return { measurements: images, configurations, verify: verifyAttestation }
}

async function readConfiguration(path: string): Promise<Configuration> {
  const parsed = parseStrictJson(await readWithin(path))
  if (parsed.kind !== 'object') refuse('CONFIG_INVALID', `a JSON object in ${path}`, parsed.kind)
  return parseConfiguration(parsed.value)
}

async function readWithin(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > FILE_BYTES_MAX) refuse('CONFIG_INVALID', `at most ${FILE_BYTES_MAX} bytes in ${path}`, size)
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if (isCoded(cause)) throw cause
    throw new CodedError('CONFIG_INVALID', `expected a file at ${path}, got ${(cause as Error).message}`, { cause })
  }
}

/** Every session with its document, one at a time. Refuses AUDIT_STORE when a document that is to be judged cannot be read. */
export async function judgeAttestations(
  source: LogSource,
  sessions: readonly Session[],
  terms: Terms | undefined,
): Promise<Report> {
  const report: Report = { findings: newFindings(), notices: [] }
  const looked = sessions.slice(-SESSIONS_MAX)
  const [first] = sessions
  if (first !== undefined && looked.length < sessions.length)
    lacking(report, terms, 'ATTESTATION_LIMIT', first, `at most ${SESSIONS_MAX} sessions`, `${sessions.length}`)
  const read = documentsOf(source, terms, report.notices)
  const images = new Map<string, number>()
  for (const session of looked) {
    const document = await read(session)
    if (document === 'unread') continue
    const image = judgeSession(session, document, terms, report)
    if (image !== undefined) images.set(nameOf(image), (images.get(nameOf(image)) ?? 0) + 1)
  }
  for (const [name, count] of images)
    report.notices.push({ code: 'ATTESTED', subject: `${count} of ${looked.length} sessions`, text: `image ${name}` })
  return { findings: report.findings, notices: shortened(report.notices) }
}

function nameOf({ name }: Measurement): string {
  return name ?? 'without a name'
}

/**
 * Reads one document after the other. Without terms nothing rests on them: the first that cannot be read ends the reading,
 * since a mirror that never took them may answer anything, and slowly.
 */
function documentsOf(source: LogSource, terms: Terms | undefined, notices: Notice[]) {
  let isReading = true
  return async ({ epoch, session, attestationDigest }: Session): Promise<Uint8Array | undefined | 'unread'> => {
    if (attestationDigest === ZERO_HASH) return undefined
    if (!isReading) return 'unread'
    try {
      return await source.read(documentPath(epoch, session))
    } catch (error) {
      if (terms !== undefined || !isCoded(error, 'AUDIT_STORE')) throw error
      isReading = false
      const subject = `epoch ${epoch} session ${session}, and those after it`
      notices.push({ code: 'ATTESTATION_UNREAD', subject, text: error.message })
      return 'unread'
    }
  }
}

/** Where the host keeps it, under the log's own prefix. */
export function documentPath(epoch: number, session: string): string {
  return `attestations/${epoch}-${session}.cbor`
}

/** A ledger that is years old has opened many sessions; findings are never left out. */
function shortened(notices: readonly Notice[]): Notice[] {
  const shown: Notice[] = []
  for (const code of new Set(notices.map((notice) => notice.code))) {
    const own = notices.filter((notice) => notice.code === code)
    const rest = own.slice(NOTICES_EACH_MAX)
    shown.push(...own.slice(0, NOTICES_EACH_MAX))
    const last = rest.at(-1)
    if (last !== undefined)
      shown.push({ code, subject: `${rest.length} more sessions`, text: `the last: ${last.subject}` })
  }
  return shown
}
