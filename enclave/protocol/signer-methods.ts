/**
 * The methods of role `signer`, with the names, parameters and answers of the replaced signer; what is new beside them is
 * optional. Numbers may come as JSON integers of any size, decimal text or 0x hex.
 */
import { z } from 'zod'
import type { Address, Hash, Hex } from './ids.ts'
import { address, bytes, hash, nothing, shortText, TEXT_MAX } from './params.ts'
import { ALLOWED_RECIPIENTS_MAX } from './signer-configuration.ts'
import { quantity, safeQuantity, weiText } from './signer-params.ts'

/** cold: no key. halted: after a bug of ours, nothing is signed until the next start. */
export const SIGNER_PHASES = ['cold', 'provisioned', 'halted'] as const
export type SignerPhase = (typeof SIGNER_PHASES)[number]

/** A batch of fifty tickets takes 60,000 characters of hex; nothing that a signer is asked is longer. */
export const SIGNER_REQUEST_BYTES_MAX = 262_144
const NONCE_BYTES_MAX = 64
const AUX_DATA_BYTES = 64
const ADDRESS_CHARACTERS = 44

const nonce = bytes.refine((value) => value.length <= NONCE_BYTES_MAX, `expected at most ${NONCE_BYTES_MAX} bytes`)

/** A list, or one text with commas, as the replaced provisioning script sends it. */
const recipients = z.union([
  z.array(address).max(ALLOWED_RECIPIENTS_MAX),
  z
    .string()
    .max(ALLOWED_RECIPIENTS_MAX * ADDRESS_CHARACTERS)
    .transform((text): (string | Uint8Array)[] =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(address).max(ALLOWED_RECIPIENTS_MAX)),
])

/** Where and what a signer signs. All absent: the configuration that was locked before. */
export const signerTerms = {
  chain_id: safeQuantity.optional(),
  ticket_broker: address.optional(),
  allowed_recipients: recipients.optional(),
  require_allowlist: z.boolean().optional(),
  allow_fund_deposit: z.boolean().optional(),
  max_fund_deposit_wei: weiText.optional(),
  max_face_value_wei: weiText.optional(),
  max_total_face_value_wei: weiText.optional(),
  batch_max: safeQuantity.optional(),
  max_fee_per_gas_wei: weiText.optional(),
  max_priority_fee_per_gas_wei: weiText.optional(),
  gas_max: safeQuantity.optional(),
}

/** What the host lends for a key release, and the key that it means. */
const lent = {
  region: shortText.optional(),
  key_id: shortText.optional(),
  key_version: safeQuantity.optional(),
  proxy_port: safeQuantity.optional(),
  aws_access_key_id: shortText.optional(),
  aws_secret_access_key: shortText.optional(),
  aws_session_token: shortText.optional(),
}

/** Python says null for what it leaves out. Never a value here: a policy cannot be made wider by it. */
function sparse<S extends z.ZodType>(params: S) {
  return z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null))
  }, params)
}

/** All fields, under the names of Livepeer's ABI. */
export const ticketForm = z.strictObject({
  recipient: address,
  sender: address,
  faceValue: quantity(),
  winProb: quantity(),
  senderNonce: quantity(),
  recipientRandHash: hash,
  auxData: bytes.refine(
    ({ length }) => length === 0 || length === AUX_DATA_BYTES,
    `expected no bytes or ${AUX_DATA_BYTES}`,
  ),
})

const ANY: readonly SignerPhase[] = SIGNER_PHASES
const COLD: readonly SignerPhase[] = ['cold']
const PROVISIONED: readonly SignerPhase[] = ['provisioned']

export const SIGNER_METHODS = {
  status: { phases: ANY, params: nothing },
  attestation: { phases: ANY, params: z.strictObject({ nonce: nonce.nullish() }) },
  configure: { phases: COLD, params: z.strictObject({ configuration: z.unknown() }) },
  generate: {
    phases: COLD,
    params: sparse(z.strictObject({ ...signerTerms, ...lent, key_spec: z.literal('AES-256').optional() })),
  },
  provision: {
    phases: COLD,
    params: sparse(
      z.strictObject({
        ...signerTerms,
        ...lent,
        ciphertext_b64: z.string().max(TEXT_MAX),
        encryption_algorithm: z.literal('SYMMETRIC_DEFAULT').optional(),
        expected_address: address.optional(),
      }),
    ),
  },
  address: { phases: PROVISIONED, params: nothing },
  sign_message_defunct: {
    phases: PROVISIONED,
    params: z.strictObject({ message_hash: hash, ticket: z.unknown().optional() }),
  },
  sign_transaction: { phases: PROVISIONED, params: z.strictObject({ tx: z.unknown() }) },
} as const satisfies {
  readonly [name: string]: { readonly phases: readonly SignerPhase[]; readonly params: z.ZodType }
}

export type SignerMethodName = keyof typeof SIGNER_METHODS
export type SignerParams<M extends SignerMethodName> = z.output<(typeof SIGNER_METHODS)[M]['params']>

export type SignerStatus = {
  readonly version: number
  readonly role: 'signer'
  readonly phase: SignerPhase
  readonly configured: boolean
  readonly provisioned: boolean
  readonly attestation_available: boolean
  readonly address?: Hex
  readonly chainId?: number
  readonly broker?: Address
  readonly config?: Hash
  readonly policyHash?: Hash
  readonly haltReason?: string
}

/** Addresses are in the mixed case of EIP-55: clients of the replaced signer take no other. */
export type SignerResults = {
  status: SignerStatus
  attestation: { readonly document_b64: string }
  configure: {
    readonly ledgerId: Hash
    readonly config: Hash
    /** What PCR16 is extended with before KMS is asked. */
    readonly locked: Hash
    readonly role: 'signer'
  }
  generate: {
    readonly address: Hex
    readonly ciphertext_b64: string
    readonly key_id: string
    readonly key_spec: 'AES-256'
  }
  provision: { readonly address: Hex }
  address: { readonly address: Hex }
  sign_message_defunct: { readonly signature: Hex }
  sign_transaction: { readonly raw_tx: Hex }
}
