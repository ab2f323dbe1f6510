/** One row for each thing that a verifier looks at, in the order in which it does: passed, failed, not asked, not reached. */
import { BOUND_FIELDS, UNCHECKED } from '../../../enclave/protocol/attestation/binding.ts'
import type { Expectation, Verified } from '../../../enclave/protocol/attestation/expectation.ts'
import type { CodedError, ErrorCode } from '../../../enclave/protocol/errors.ts'

export type RowVerdict = 'ok' | 'FAIL' | 'not checked' | 'not reached'
export type CheckRow = { readonly name: string; readonly verdict: RowVerdict; readonly detail: string }

type Step = { readonly name: string; readonly codes: readonly ErrorCode[] }

const STEPS: readonly Step[] = [
  { name: 'the expectation decides something', codes: ['ATTESTATION_EXPECTATION'] },
  { name: 'size', codes: ['ATTESTATION_SIZE'] },
  { name: 'envelope', codes: ['ATTESTATION_ENVELOPE'] },
  { name: 'payload', codes: ['ATTESTATION_PAYLOAD'] },
  { name: 'root of AWS', codes: ['ATTESTATION_ROOT'] },
  { name: 'certificate chain', codes: ['ATTESTATION_CHAIN', 'ATTESTATION_REVOKED'] },
  { name: 'signature', codes: ['ATTESTATION_SIGNATURE'] },
  { name: 'time', codes: ['ATTESTATION_EXPIRED', 'ATTESTATION_STALE', 'ATTESTATION_FUTURE'] },
  { name: 'measurements', codes: ['ATTESTATION_MEASUREMENT', 'ATTESTATION_DEBUG'] },
  { name: 'nonce', codes: ['ATTESTATION_NONCE', 'ATTESTATION_REPLAY'] },
  { name: 'binding', codes: ['ATTESTATION_BINDING'] },
]

/** The steps before the one that refused have passed; those after it were not reached. */
export function refusedRows({ code }: CodedError): readonly CheckRow[] {
  const failed = STEPS.findIndex(({ codes }) => codes.includes(code))
  return STEPS.map(({ name }, at) => {
    if (at === failed) return { name, verdict: 'FAIL', detail: code }
    return { name, verdict: at < failed ? 'ok' : 'not reached', detail: '' }
  })
}

export type Beside = { readonly openedIn: number | undefined; readonly isShared: boolean }

export function passedRows(verified: Verified, expectation: Expectation, beside: Beside): readonly CheckRow[] {
  const rows = STEPS.slice(0, -2).map(
    ({ name }): CheckRow => ({ name, verdict: 'ok', detail: detailOf(name, verified, expectation) }),
  )
  return [
    ...rows,
    instanceRow(verified),
    nonceRow(verified, beside),
    ...bindingRows(expectation),
    ...openedRows(beside),
  ]
}

function detailOf(name: string, verified: Verified, expectation: Expectation): string {
  switch (name) {
    case 'certificate chain':
      return `${verified.certificates.length} certificates, ${expectation.revoked?.length ?? 0} on the list of revoked ones`
    case 'time':
      return timeDetail(verified, expectation)
    case 'measurements':
      return `${verified.measurement.name ?? 'allowed'}: ${pinnedNames(verified)}${verified.debug ? ', DEBUG MODE: its host can read it' : ''}`
    default:
      return ''
  }
}

function timeDetail({ timestampMs, judgedAtMs }: Verified, expectation: Expectation): string {
  if (expectation.mode === 'archived') return 'its certificates were valid when it was made; nothing is said about now'
  return `${((judgedAtMs - timestampMs) / 1_000).toFixed(1)} s old, at most ${expectation.maxAgeMs / 1_000} s allowed`
}

function pinnedNames({ measurement }: Verified): string {
  const { name: _, ...pcrs } = measurement
  return Object.keys(pcrs).join(', ').toUpperCase()
}

function instanceRow({ checked }: Verified): CheckRow {
  if (checked.instance) return { name: 'instance', verdict: 'ok', detail: 'PCR4 is that of the module id' }
  return { name: 'instance', verdict: 'not checked', detail: 'add --check-instance' }
}

function nonceRow({ checked }: Verified, { isShared }: Beside): CheckRow {
  if (isShared) return { name: 'nonce', verdict: 'ok', detail: 'ours, under the root that the document carries' }
  if (checked.nonce) return { name: 'nonce', verdict: 'ok', detail: 'the document answers this very question' }
  return { name: 'nonce', verdict: 'not checked', detail: 'the document may be a replay: add --nonce' }
}

function bindingRows({ binding }: Expectation): readonly CheckRow[] {
  if (binding === UNCHECKED)
    return [
      {
        name: 'binding',
        verdict: 'not checked',
        detail: 'it may serve any ledger: add --expect, or --rpc and --anchor',
      },
    ]
  const fields = [
    ...BOUND_FIELDS.map((field) => [field, binding.userData[field]] as const),
    ['public_key', binding.publicKey] as const,
  ]
  return fields.map(([field, value]) => {
    if (value === UNCHECKED) return { name: `binding: ${field}`, verdict: 'not checked', detail: '' }
    return {
      name: `binding: ${field}`,
      verdict: 'ok',
      detail: value instanceof Uint8Array ? `${value.length} bytes` : `${value}`,
    }
  })
}

function openedRows({ openedIn }: Beside): readonly CheckRow[] {
  if (openedIn === undefined) return []
  return [
    {
      name: 'the anchor names this document',
      verdict: 'ok',
      detail: `a session was opened with it in block ${openedIn}`,
    },
  ]
}
