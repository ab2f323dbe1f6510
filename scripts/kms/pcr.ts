/** Registers of a Nitro Enclave whose values can be told before it runs. */
import { createHash } from 'node:crypto'
import { lockedHash } from '../../enclave/protocol/configuration.ts'
import { fromHexOr } from '../../enclave/protocol/ids.ts'
import { signerLockedHash } from '../../enclave/protocol/signer-configuration.ts'
import type { AnyConfiguration } from './context.ts'

const PCR_BYTES = 48

/** A register of zeros after one extension by these bytes, as 96 hex digits. */
export function extendedOnce(data: Uint8Array): string {
  return createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(data).digest('hex')
}

/** PCR16 of an enclave that was told this configuration: by the hash that is locked, its KMS key included. */
export function pcr16Of(configuration: AnyConfiguration): string {
  const locked = configuration.role === 'signer' ? signerLockedHash(configuration) : lockedHash(configuration)
  return extendedOnce(fromHexOr(locked) ?? new Uint8Array(0))
}
