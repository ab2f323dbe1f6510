/** The encryption context of a ledger's keys, as its enclave builds it from the configuration that is locked into it. */
import { pcr16Of as lockedPcr } from '../../enclave/protocol/attestation/user-data.ts'
import { type Configuration, configHash, lockedHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { CodedError, refuse } from '../../enclave/protocol/errors.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import {
  parseSignerConfiguration,
  type SignerConfiguration,
  signerKeyContext,
  signerLockedHash,
} from '../../enclave/protocol/signer-configuration.ts'
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import type { ContextValues } from './policy.ts'

const CONFIGURATION_BYTES_MAX = 65_536
const KEY_VERSION_MAX = 2 ** 31 - 1
const HASH = /^0x[0-9a-f]{64}$/
/** The two keys of a ledger that lie under KMS; a signer has one. */
const PURPOSES = ['authority', 'state']
const SIGNER_PURPOSES = ['authority']
/** What `anchorhold signer --config-only --json` prints around a configuration. */
const SIGNER_FORMAT = 'anchorhold-signer-config/1'

type AnyConfiguration = Configuration | SignerConfiguration

/** A configuration file of an enclave, of a core or a signer. Refuses CONFIG_INVALID. */
export function readConfiguration(bytes: Uint8Array): AnyConfiguration {
  const read = parseStrictJson(bytes, { bytesMax: CONFIGURATION_BYTES_MAX })
  if (read.kind !== 'object')
    throw new CodedError(
      'CONFIG_INVALID',
      `expected the configuration of an enclave as a JSON object, got ${read.kind}`,
    )
  const { format, configuration } = read.value
  const value = format === SIGNER_FORMAT ? configuration : read.value
  const isSigner = typeof value === 'object' && value !== null && !Array.isArray(value) && value['role'] === 'signer'
  return isSigner ? parseSignerConfiguration(value) : parseConfiguration(value)
}

/** All five values; the key version is the configuration's unless others are given, as during a rotation. */
export function contextOf(configuration: AnyConfiguration, keyVersions: readonly string[]): ContextValues {
  const { keyRelease } = configuration
  const configured = keyRelease === undefined ? [] : [keyRelease.keyVersion.toString()]
  const versions = keyVersions.length > 0 ? keyVersions.map(requireKeyVersion) : configured
  return { ...placeOf(configuration), ...(versions.length > 0 ? { keyVersion: versions } : {}) }
}

function placeOf(configuration: AnyConfiguration): ContextValues {
  if (configuration.role === 'signer') {
    const { ledgerId, config, role } = signerKeyContext(configuration)
    return { ledger: [ledgerId], config: [config], role: [role], purpose: SIGNER_PURPOSES }
  }
  const place = { ledger: [ledgerIdOf(configuration)], config: [configHash(configuration)] }
  return { ...place, role: [configuration.role], purpose: PURPOSES }
}

/** Where only the hash of the configuration is known. Refuses CONFIG_INVALID. */
export function contextOfHash(config: string, keyVersions: readonly string[]): ContextValues {
  if (!HASH.test(config)) refuse('CONFIG_INVALID', 'config as 0x and 64 lower-case hex digits', config)
  const versions = keyVersions.map(requireKeyVersion)
  return { config: [config], purpose: PURPOSES, ...(versions.length > 0 ? { keyVersion: versions } : {}) }
}

/** PCR16 of an enclave that was told this configuration: by the hash that is locked, its KMS key included. */
export function pcr16Of(configuration: AnyConfiguration): string {
  const locked = configuration.role === 'signer' ? signerLockedHash(configuration) : lockedHash(configuration)
  return toHex(lockedPcr(locked)).slice(2)
}

function requireKeyVersion(text: string): string {
  const value = /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number.parseInt(text, 10) : undefined
  if (value === undefined || value > KEY_VERSION_MAX)
    refuse('CONFIG_INVALID', `a key version from 0 to ${KEY_VERSION_MAX}`, text)
  return text
}
