/**
 * What an enclave of role `signer` is for: one broker on one chain, and what may be signed there. `signerConfigHash` stands in
 * every key release, so that a host cannot pair the genuine key with a policy of its own [S10, F2].
 */
import { encodeCbor } from './cbor.ts'
import { address, amountWei, type Decoded, decodeWith, flag, list, oneOf, struct, uint } from './codec.ts'
import { checkedTerms, type KeyReleaseTerms, keyReleaseCodec } from './configuration.ts'
import { CodedError } from './errors.ts'
import { keccak256 } from './hash.ts'
import { type Address, type Hash, toHash, ZERO_ADDRESS } from './ids.ts'
import { ledgerIdOf } from './typed-data.ts'

export const ALLOWED_RECIPIENTS_MAX = 1_024
/** Above it a batch passes what one transaction may burn (EIP-7825). */
export const SIGNER_BATCH_MAX = 50
/** EIP-7825: no transaction takes more. */
export const SIGNER_GAS_MAX = 16_777_216

/** Default deny: a cap of zero signs nothing of its kind. */
export const signerPolicyCodec = struct({
  /** Who may be paid. Binding whenever it names anyone. Ascending. */
  allowedRecipients: list(address, ALLOWED_RECIPIENTS_MAX),
  /** True: an empty list pays nobody. False: an empty list pays anyone. */
  requireAllowlist: flag,
  allowFundDeposit: flag,
  /** One fundDeposit. */
  maxFundDepositWei: amountWei,
  /** One ticket. */
  maxFaceValueWei: amountWei,
  /** All tickets of one transaction. */
  maxTotalFaceValueWei: amountWei,
  /** Tickets of one transaction. */
  batchMax: uint(SIGNER_BATCH_MAX),
  /** Ceiling of maxFeePerGas, and of gasPrice. */
  maxFeePerGasWei: amountWei,
  maxPriorityFeePerGasWei: amountWei,
  gasMax: uint(SIGNER_GAS_MAX),
})

const placeCodec = struct({ role: oneOf('signer'), chainId: uint(), broker: address, policy: signerPolicyCodec })

export type SignerPolicy = Decoded<typeof signerPolicyCodec>
/** `keyRelease` is absent where keys come from no KMS: on a development machine. */
export type SignerConfiguration = Decoded<typeof placeCodec> & { readonly keyRelease?: KeyReleaseTerms }

/** Refuses CONFIG_INVALID with the field. */
export function parseSignerConfiguration(value: unknown): SignerConfiguration {
  const { keyRelease, ...place } = typeof value === 'object' && value !== null ? (value as Loose) : {}
  const configuration = decodeWith(placeCodec, place, 'CONFIG_INVALID', 'configuration')
  checkPlace(configuration)
  if (keyRelease === undefined) return configuration
  const terms = decodeWith(keyReleaseCodec, keyRelease, 'CONFIG_INVALID', 'configuration.keyRelease')
  return { ...configuration, keyRelease: checkedTerms(terms) }
}

type Loose = { readonly keyRelease?: unknown; readonly [key: string]: unknown }

function checkPlace({ chainId, broker, policy }: SignerConfiguration): void {
  demand(chainId > 0, 'a chainId above 0')
  demand(broker !== ZERO_ADDRESS, 'a broker')
  demand(ascending(policy.allowedRecipients), 'allowedRecipients in ascending order, each once, none of them zero')
  // A tip above the fee is refused by every chain: such a policy says something else than what it was meant to say.
  demand(policy.maxPriorityFeePerGasWei <= policy.maxFeePerGasWei, 'maxPriorityFeePerGasWei ≤ maxFeePerGasWei')
}

function demand(holds: boolean, claim: string): void {
  if (!holds) throw new CodedError('CONFIG_INVALID', `configuration: expected ${claim}`)
}

/** Lower-case hex of one length compares as the numbers do. */
function ascending(addresses: readonly Address[]): boolean {
  return addresses.every((one, at) => one > (at === 0 ? ZERO_ADDRESS : (addresses[at - 1] as Address)))
}

/** keccak256 of the canonical CBOR of all but keyRelease: `config` in user_data and in the encryption context. */
export function signerConfigHash({ keyRelease: _, ...place }: SignerConfiguration): Hash {
  return toHash(keccak256(encodeCbor(placeCodec.encode(place))))
}

/** What PCR16 is extended with: key release included, in the form of `lockedHash`. */
export function signerLockedHash({ keyRelease, ...place }: SignerConfiguration): Hash {
  const released = keyRelease === undefined ? null : keyReleaseCodec.encode(keyRelease)
  return toHash(keccak256(encodeCbor({ place: placeCodec.encode(place), keyRelease: released })))
}

/** keccak256 of the policy's canonical CBOR: `policyHash` in user_data. */
export function signerPolicyHash(policy: SignerPolicy): Hash {
  return toHash(keccak256(encodeCbor(signerPolicyCodec.encode(policy))))
}

const KEY_VERSION_DEVELOPMENT = 1

/**
 * What a signer's key opens under. A signer serves no ledger: the broker stands where a core has its anchor, and the role
 * keeps the two apart.
 */
export function signerKeyContext(configuration: SignerConfiguration): {
  readonly ledgerId: Hash
  readonly config: Hash
  readonly role: 'signer'
  readonly keyVersion: number
} {
  const { chainId, broker, keyRelease } = configuration
  return {
    ledgerId: ledgerIdOf({ chainId, anchor: broker }),
    config: signerConfigHash(configuration),
    role: 'signer',
    keyVersion: keyRelease?.keyVersion ?? KEY_VERSION_DEVELOPMENT,
  }
}
