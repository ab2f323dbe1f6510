/** The parameters of the replaced signer's `provision`, as the configuration that they mean. */
import type { z } from 'zod'
import { regionOfKey } from './configuration.ts'
import { CodedError } from './errors.ts'
import { parseSignerConfiguration, type SignerConfiguration } from './signer-configuration.ts'
import { signerTerms } from './signer-methods.ts'

type Terms = { readonly [K in keyof typeof signerTerms]?: z.output<(typeof signerTerms)[K]> | undefined }
type KeyTerms = {
  readonly region?: string | undefined
  readonly key_id?: string | undefined
  readonly key_version?: number | undefined
}

/** What a client of the replaced signer could not name, and needs: twenty tickets were its largest batch. */
export const BATCH_DEFAULT = 20
/** Twenty tickets to recipients not yet paid in the round, with a tenth to spare. */
export const GAS_DEFAULT = 7_000_000
/** Ten gwei: a hundred times what Arbitrum asks on a quiet day. */
export const FEE_PER_GAS_WEI_DEFAULT = '10000000000'
const KEY_VERSION_DEFAULT = 1
const NOTHING_WEI = '0'

/** True when any of the terms is there: they are then all meant, and must be the locked ones. */
export function namesTerms(terms: Terms): boolean {
  return Object.keys(signerTerms).some((name) => terms[name as keyof Terms] !== undefined)
}

/**
 * The configuration. A cap that is absent is zero, and zero signs nothing; only a batch may total what one ticket may, and
 * fees have ceilings of their own. Refuses PARAMS_INVALID without chain and broker, CONFIG_INVALID.
 */
export function signerConfigurationOf(terms: Terms & KeyTerms): SignerConfiguration {
  const { chain_id: chainId, ticket_broker: broker } = terms
  if (chainId === undefined || broker === undefined)
    throw new CodedError('PARAMS_INVALID', 'expected chain_id and ticket_broker, and the policy beside them')
  const place = { role: 'signer', chainId, broker, policy: policyOf(terms) }
  const { key_id: keyId, region, key_version: keyVersion } = terms
  if (keyId === undefined) return parseSignerConfiguration(place)
  const keyRelease = {
    keyId,
    region: region ?? regionOfKey(keyId) ?? '',
    keyVersion: keyVersion ?? KEY_VERSION_DEFAULT,
  }
  return parseSignerConfiguration({ ...place, keyRelease })
}

function policyOf(terms: Terms): { readonly [key: string]: unknown } {
  const faceWei = terms.max_face_value_wei ?? NOTHING_WEI
  const feeWei = terms.max_fee_per_gas_wei ?? FEE_PER_GAS_WEI_DEFAULT
  return {
    allowedRecipients: [...new Set(terms.allowed_recipients ?? [])].sort(),
    requireAllowlist: terms.require_allowlist ?? true,
    allowFundDeposit: terms.allow_fund_deposit ?? true,
    maxFundDepositWei: terms.max_fund_deposit_wei ?? NOTHING_WEI,
    maxFaceValueWei: faceWei,
    maxTotalFaceValueWei: terms.max_total_face_value_wei ?? faceWei,
    batchMax: terms.batch_max ?? BATCH_DEFAULT,
    maxFeePerGasWei: feeWei,
    maxPriorityFeePerGasWei: terms.max_priority_fee_per_gas_wei ?? feeWei,
    gasMax: terms.gas_max ?? GAS_DEFAULT,
  }
}
