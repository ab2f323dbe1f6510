/** What comes out of /dev/nsm, and a clock that lives on it: no one but the hypervisor should ever write there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseMeasurements } from '../../../enclave/protocol/attestation/measurements.ts'
import { verifyUnder } from '../../../enclave/protocol/attestation/verify-under.ts'
import { encodeCbor } from '../../../enclave/protocol/cbor.ts'
import { type ErrorCode, isCoded } from '../../../enclave/protocol/errors.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { installFastP384 } from '../../../enclave/shell/fast-p384.ts'
import { type Nsm, openNsm } from '../../../enclave/shell/nsm.ts'
import { openTrustedClock, READING_AGE_MS_MAX } from '../../../enclave/shell/trusted-clock.ts'
import { ROOT } from '../engine/root.ts'
import { ACCEPTED, bytesOf, demand, isSame, type Outcome, refusalIn, type Target } from '../engine/target.ts'
import { changeInside, randomBytes } from '../mutations.ts'

type Vector = { readonly document_b64: string; readonly rootPin: Hash; readonly measurements: object }

const PCR = new Uint8Array(48).fill(7)
const DESCRIPTION = {
  version_major: 1,
  version_minor: 0,
  version_patch: 0,
  module_id: 'i-0-enc0',
  max_pcrs: 32,
  locked_pcrs: [0, 1, 2],
  digest: 'SHA384',
}
const RANDOM_WANTED_BYTES = 300

/** Each question that an answer could be taken for, and what must hold of what is read. */
const QUESTIONS: readonly ((nsm: Nsm) => void)[] = [
  (nsm) => demand(nsm.random(RANDOM_WANTED_BYTES).length === RANDOM_WANTED_BYTES, 'as many bytes as were asked for'),
  (nsm) => {
    const { moduleId, pcrsMax, lockedPcrs } = nsm.describe()
    demand(moduleId.length > 0 && moduleId.length <= 128, 'a name')
    demand(pcrsMax >= 0 && pcrsMax <= 32, 'at most 32 registers')
    demand(
      lockedPcrs.every((index) => index >= 0 && index < pcrsMax),
      'locked ones among them',
    )
  },
  (nsm) => demand(nsm.describePcr(0).value.length === 48, 'a register of 48 bytes'),
  (nsm) => demand(nsm.extendPcr(16, PCR).length === 48, 'a new value of 48 bytes'),
  (nsm) => nsm.lockPcr(16),
  (nsm) => demand(nsm.document({ nonce: null, userData: null, publicKey: null }).length > 0, 'a document'),
]

const response: Target = {
  name: 'nsm-response',
  claim: 'takes an answer of the NSM for one question at most, within its bounds, or fails under its name',
  inputs: 4_000,
  seeds: () =>
    [
      { GetRandom: { random: PCR } },
      { DescribeNSM: DESCRIPTION },
      { DescribePCR: { lock: true, data: PCR } },
      { ExtendPCR: { data: PCR } },
      'LockPCR',
      { Attestation: { document: PCR } },
      { Error: 'ReadOnlyIndex' },
    ].map((answer) => encodeCbor(answer)),
  generate: randomBytes,
  mutate: changeInside,
  run: (input) => {
    const nsm = openNsm(() => Uint8Array.from(input))
    const outcomes = QUESTIONS.map((ask) => outcomeOf(() => ask(nsm), ['NSM_FAILED']))
    const taken = outcomes.filter((outcome) => outcome === ACCEPTED).length
    demand(taken <= 1, 'no answer answers two questions')
    return taken === 1 ? ACCEPTED : 'NSM_FAILED'
  },
}

function outcomeOf(run: () => void, codes: readonly ErrorCode[]): Outcome {
  try {
    run()
    return ACCEPTED
  } catch (error) {
    return refusalIn(error, codes)
  }
}

const vector = JSON.parse(readFileSync(join(ROOT, 'test/vectors/attestation-development.json'), 'utf8')) as Vector
const DOCUMENT = new Uint8Array(Buffer.from(vector.document_b64, 'base64'))
const MEASUREMENTS = parseMeasurements(bytesOf(JSON.stringify(vector.measurements)))
// Certificates are verified for most inputs: by OpenSSL, as in the enclave.
installFastP384()
const HONEST_MS = timeOf(DOCUMENT)

/** As the enclave has its own documents judged, but for the nonce, which is one of a kept document here. */
function timeOf(document: Uint8Array): number {
  const expectation = {
    mode: 'archived',
    measurements: MEASUREMENTS,
    allowDebug: true,
    nonce: 'unchecked',
    binding: 'unchecked',
  } as const
  return verifyUnder(document, expectation, vector.rootPin).timestampMs
}

const clock: Target = {
  name: 'nsm-clock',
  claim: 'tells the time that the NSM signed or none, and never goes back',
  inputs: 1_500,
  seeds: () => [DOCUMENT],
  run: (input) => {
    let monotonicMs = 0
    let document: Uint8Array = DOCUMENT
    const documentMs = (): number => (document === DOCUMENT ? HONEST_MS : timeOf(document))
    const { unixSeconds } = openTrustedClock({ documentMs, monotonicMs: () => monotonicMs })
    const first = unixSeconds()
    demand(first === Math.floor(HONEST_MS / 1_000), 'the honest time first')
    monotonicMs += READING_AGE_MS_MAX
    const carried = unixSeconds()
    monotonicMs += 1
    document = input
    const outcome = attestationOutcome(() => {
      demand(unixSeconds() === carried, 'the same document gives an earlier time: the clock stands still')
    })
    demand(outcome !== ACCEPTED || isHonest(input), 'no time of a document that was changed where it is signed')
    document = DOCUMENT
    demand(unixSeconds() === carried, 'it goes on where it stood')
    return outcome
  },
}

/** The signature covers all but itself: its last 96 bytes may be another valid form. */
function isHonest(input: Uint8Array): boolean {
  const signed = DOCUMENT.length - 96
  return input.length === DOCUMENT.length && isSame(input.slice(0, signed), DOCUMENT.slice(0, signed))
}

function attestationOutcome(run: () => void): Outcome {
  try {
    run()
    return ACCEPTED
  } catch (error) {
    if (isCoded(error) && error.code.startsWith('ATTESTATION_')) return error.code
    throw error
  }
}

export const NSM: readonly Target[] = [response, clock]
