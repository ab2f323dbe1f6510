/** The measurements of released images, as key policies spell them: 96 lower-case hex digits without 0x. */
import { type Measurement, parseMeasurements } from '../../enclave/protocol/attestation/measurements.ts'
import { refuse } from '../../enclave/protocol/errors.ts'
import { toHex } from '../../enclave/protocol/ids.ts'

export type Image = {
  readonly name: string
  readonly pcr0: string
  readonly pcr1: string
  readonly pcr2: string
  readonly pcr3?: string
  readonly pcr8?: string
  readonly pcr16?: string
}

/**
 * The images of an anchorhold-measurements/1 file. Refuses ATTESTATION_EXPECTATION, and zeros by ATTESTATION_DEBUG: they are
 * what every debug enclave measures, and a policy with them would let any image in [N1, N23].
 */
export function readImages(bytes: Uint8Array): readonly Image[] {
  return parseMeasurements(bytes).map(({ name = '', ...pcrs }) => ({ name, ...hexOf(name, pcrs) }))
}

function hexOf(name: string, pcrs: Omit<Measurement, 'name'>): Omit<Image, 'name'> {
  const pairs = Object.entries<Uint8Array>(pcrs).map(([key, value]) => {
    if (value.every((byte) => byte === 0)) refuse('ATTESTATION_DEBUG', `a measured ${key} of ${name}`, 'zeros')
    return [key, toHex(value).slice(2)] as const
  })
  return Object.fromEntries(pairs) as Omit<Image, 'name'>
}
