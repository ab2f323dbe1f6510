/** `anchorhold attest`: is this a genuine document of the enclave that I mean? Trusts neither host nor api. */
import type { ExpectedBinding } from '../../../enclave/protocol/attestation/binding.ts'
import { UNCHECKED } from '../../../enclave/protocol/attestation/binding.ts'
import { readCertificate } from '../../../enclave/protocol/attestation/certificate.ts'
import { readEnvelope } from '../../../enclave/protocol/attestation/envelope.ts'
import type { Expectation, Verified } from '../../../enclave/protocol/attestation/expectation.ts'
import { readPayload } from '../../../enclave/protocol/attestation/payload.ts'
import { attestationDigestOf, decodeUserData } from '../../../enclave/protocol/attestation/user-data.ts'
import { verifyAttestation } from '../../../enclave/protocol/attestation/verify.ts'
import { type CodedError, isCoded, refuse } from '../../../enclave/protocol/errors.ts'
import { type Address, toAddress, toHex } from '../../../enclave/protocol/ids.ts'
import { verifyInclusion } from '../../../enclave/protocol/log-tree.ts'
import { type Answer, EXIT_FAILED, EXIT_OK, type Terminal, tableOf } from '../answer.ts'
import { type AnchorPlace, demandOpened, readNow } from './chain.ts'
import { type CheckRow, passedRows, refusedRows } from './rows.ts'
import { bytesOf, documentOf, type Found, findDocument, readBinding, readMeasurements, readRevoked } from './sources.ts'

export type VerifyWords = {
  readonly document?: string
  readonly url?: string
  readonly nonce?: string
  readonly measurements: string
  readonly archived?: boolean
  readonly at?: string
  readonly maxAgeSeconds: number
  readonly maxSkewSeconds: number
  readonly allowDebug?: boolean
  readonly checkInstance?: boolean
  readonly expect?: string
  readonly revoked?: string
  readonly rpc?: string
  readonly anchor?: string
  readonly fromBlock: number
}

const MS_PER_SECOND = 1_000

/** Exit code 0 for a document that meets every demand, 1 for any other; what stayed unlooked at is said in words. */
export async function verifyAnswer(words: VerifyWords, terminal: Terminal): Promise<Answer> {
  const place = placeOf(words)
  const found = await findDocument(words, terminal)
  const expectation = await expectationOf(words, found, place, terminal)
  try {
    const verified = verifyAttestation(found.document, expectation)
    checkShared(found, verified)
    const openedIn = await checkOpened(words, place, verified)
    return accepted(
      verified,
      expectation,
      passedRows(verified, expectation, { openedIn, isShared: found.shared !== undefined }),
    )
  } catch (error) {
    if (!isCoded(error) || !error.code.startsWith('ATTESTATION_')) throw error
    return refused(error, expectation)
  }
}

function placeOf({ rpc, anchor }: VerifyWords): AnchorPlace | undefined {
  if (rpc === undefined && anchor === undefined) return undefined
  if (rpc === undefined || anchor === undefined)
    return refuse('CONFIG_INVALID', '--rpc and --anchor together', 'one of them')
  return { rpcUrl: rpc, anchor: addressOf(anchor) }
}

function addressOf(text: string): Address {
  return toAddress(text) ?? refuse('CONFIG_INVALID', 'an address as --anchor', text)
}

async function expectationOf(
  words: VerifyWords,
  { nonce }: Found,
  place: AnchorPlace | undefined,
  terminal: Terminal,
): Promise<Expectation> {
  const demands = {
    measurements: await readMeasurements(words.measurements, terminal),
    revoked: await readRevoked(words.revoked, terminal),
    binding: await bindingOf(words, place, terminal),
    allowDebug: words.allowDebug === true,
    checkInstance: words.checkInstance === true,
    nonce,
  }
  if (words.archived === true) {
    if (words.at !== undefined) refuse('CONFIG_INVALID', '--at without --archived, which has its own time', 'both')
    return { mode: 'archived', ...demands }
  }
  const maxAgeMs = words.maxAgeSeconds * MS_PER_SECOND
  return {
    mode: 'live',
    nowMs: timeOf(words.at),
    maxAgeMs,
    maxSkewMs: words.maxSkewSeconds * MS_PER_SECOND,
    ...demands,
  }
}

function timeOf(at: string | undefined): number {
  if (at === undefined) return Date.now()
  const timeMs = /^\d+$/.test(at) ? Number.parseInt(at, 10) : Date.parse(at)
  return Number.isSafeInteger(timeMs) ? timeMs : refuse('CONFIG_INVALID', '--at as a date, or as ms since 1970', at)
}

/** What the file names and what the chain says now; an archived document is held against the session that it opened. */
async function bindingOf(
  { expect, archived }: VerifyWords,
  place: AnchorPlace | undefined,
  terminal: Terminal,
): Promise<ExpectedBinding | typeof UNCHECKED> {
  if (expect === undefined && place === undefined) return UNCHECKED
  const { userData, publicKey } = await readBinding(expect, terminal)
  if (place === undefined || archived === true) return { userData, publicKey }
  const now = await readNow(place)
  for (const [field, value] of Object.entries(now)) {
    const named = userData[field as keyof typeof now]
    if (named !== UNCHECKED && named !== value)
      refuse('ATTESTATION_EXPECTATION', `${field} ${value}, as the chain has it`, `${named} in ${expect}`)
  }
  return { userData: { ...userData, ...now }, publicKey }
}

/** The document's nonce is the root of a tree in which ours has to stand. */
function checkShared({ shared }: Found, { nonce }: Verified): void {
  if (shared === undefined) return
  try {
    verifyInclusion({ ...shared, root: nonce ?? new Uint8Array(0) })
  } catch (error) {
    if (!isCoded(error)) throw error
    refuse('ATTESTATION_NONCE', 'our nonce under that of the document', error.message)
  }
}

/** The block in which the anchor named this document; undefined where nobody asked. */
async function checkOpened(
  { archived, fromBlock }: VerifyWords,
  place: AnchorPlace | undefined,
  { bound, attestationDigest }: Verified,
): Promise<number | undefined> {
  if (archived !== true || place === undefined || bound === undefined) return undefined
  return demandOpened(place, bound, attestationDigest, BigInt(fromBlock))
}

function accepted(verified: Verified, expectation: Expectation, checks: readonly CheckRow[]): Answer {
  const { moduleId, timestampMs, judgedAtMs, measurement, imageDigest, attestationDigest, debug, unknownKeys } =
    verified
  const value = {
    verdict: 'ok',
    mode: verified.mode,
    judgedAt: isoOf(judgedAtMs),
    checks,
    document: {
      moduleId,
      madeAt: isoOf(timestampMs),
      image: measurement.name ?? null,
      imageDigest,
      attestationDigest,
      debug,
      unknownKeys,
      pcrs: pcrsOf([...verified.pcrs]),
      userData: hexOrNull(verified.userData),
      publicKey: hexOrNull(verified.publicKey),
      nonce: hexOrNull(verified.nonce),
      bound: verified.bound ?? null,
    },
  }
  const at = isoOf(judgedAtMs)
  const title = `GENUINE, judged ${expectation.mode === 'live' ? `live, as of ${at}` : `as archived, at ${at}: it says nothing about the present`}`
  return { format: 'anchorhold-attest-verify/1', value, text: `${title}\n${textOf(checks)}`, exitCode: EXIT_OK }
}

/** As AWS prints them: 96 hex digits without 0x. */
function pcrsOf(pcrs: readonly (readonly [index: number, pcr: Uint8Array])[]): { readonly [index: string]: string } {
  return Object.fromEntries(pcrs.map(([index, pcr]) => [index, toHex(pcr).slice(2)]))
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : toHex(bytes)
}

/** No field of a refused document is shown: `attest show` does that, and says what it is worth. */
function refused(error: CodedError, { mode }: Expectation): Answer {
  const checks = refusedRows(error)
  const { code, message, action } = error
  const value = { verdict: 'fail', mode, code, message, action, checks }
  const text = `REFUSED ${code}: ${message}. ${action}\n${textOf(checks)}`
  return { format: 'anchorhold-attest-verify/1', value, text, exitCode: EXIT_FAILED }
}

function textOf(checks: readonly CheckRow[]): string {
  return tableOf(checks.map(({ name, verdict, detail }) => [verdict, name, detail]))
}

/** A time that a stranger named may be none of the calendar. */
function isoOf(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()
}

/** What stands in a document, believed by nobody. Refuses what cannot be read at all. */
export async function showAnswer(path: string, terminal: Terminal): Promise<Answer> {
  const document = documentOf(await bytesOf(path, terminal))
  const { payload } = readEnvelope(document, { tagged: true })
  const fields = readPayload(payload)
  const written = [...fields.pcrs].filter(([, pcr]) => pcr.some((byte) => byte !== 0))
  const certificates = [...fields.cabundle, fields.certificate].map(shownCertificate)
  const value = {
    verified: false,
    moduleId: fields.moduleId,
    madeAt: isoOf(fields.timestampMs),
    pcrs: pcrsOf(written),
    zeroPcrs: [...fields.pcrs].filter((entry) => !written.includes(entry)).map(([index]) => index),
    userData: hexOrNull(fields.userData),
    bound: boundOrNull(fields.userData),
    publicKey: hexOrNull(fields.publicKey),
    nonce: hexOrNull(fields.nonce),
    unknownKeys: fields.unknownKeys,
    certificates,
    attestationDigest: attestationDigestOf(document),
  }
  const rows = Object.entries(value).flatMap(([name, inner]) => rowsOf(name, inner))
  const title = 'UNVERIFIED: anyone can write this. Nothing below was checked; use attest verify.'
  return { format: 'anchorhold-attest-show/1', value, text: `${title}\n${tableOf(rows)}` }
}

function boundOrNull(userData: Uint8Array | null): object | null {
  try {
    return userData === null ? null : decodeUserData(userData)
  } catch (error) {
    // Other people's documents bind other things.
    if (isCoded(error)) return null
    throw error
  }
}

function shownCertificate(der: Uint8Array): object {
  try {
    const { issuer, serial, notBeforeMs, notAfterMs } = readCertificate(der)
    return { issuer: toHex(issuer), serial, notBefore: isoOf(notBeforeMs), notAfter: isoOf(notAfterMs) }
  } catch (error) {
    if (isCoded(error)) return { unreadable: error.message }
    throw error
  }
}

const CELL_CHARACTERS_MAX = 110

function rowsOf(name: string, value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[name, cell(String(value))]]
  if (Array.isArray(value) && value.every((inner) => typeof inner !== 'object')) return [[name, cell(value.join(', '))]]
  return Object.entries(value).map(([key, inner]) => [
    `${name} ${key}`,
    cell(typeof inner === 'object' && inner !== null ? JSON.stringify(inner) : String(inner)),
  ])
}

/** Foreign text on a terminal: no control characters, and not without end. */
function cell(text: string): string {
  const shown = text.replace(/[^\x20-\x7e]/g, '?')
  return shown.length > CELL_CHARACTERS_MAX ? `${shown.slice(0, CELL_CHARACTERS_MAX)}…` : shown
}
