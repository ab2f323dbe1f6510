/** The transaction that a client wants signed: read strictly from the forms of the replaced signer, and signed. */
import { serializeTransaction } from 'viem/utils'
import { z } from 'zod'
import { sign } from '../keys/secp256k1.ts'
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import { keccak256 } from '../protocol/hash.ts'
import { type Address, fromHex, type Hex, toHex } from '../protocol/ids.ts'
import { address, bytes } from '../protocol/params.ts'
import { quantity, safeQuantity } from '../protocol/signer-params.ts'

export type Fees =
  | { readonly kind: 'legacy'; readonly gasPriceWei: bigint }
  | { readonly kind: 'eip1559'; readonly maxFeePerGasWei: bigint; readonly maxPriorityFeePerGasWei: bigint }

export type SignerTransaction = {
  readonly chainId: number
  readonly nonce: number
  readonly gas: bigint
  readonly fees: Fees
  readonly to: Address
  readonly valueWei: bigint
  readonly data: Uint8Array
  /** Who the client thinks signs; undefined when it does not say. */
  readonly from: Address | undefined
}

const U64_LIMIT = 2n ** 64n
const U128_LIMIT = 2n ** 128n
const TYPE_LEGACY = 0n
const TYPE_EIP1559 = 2n
const ISSUES_SHOWN_MAX = 3

const form = z.strictObject({
  chainId: safeQuantity,
  nonce: safeQuantity,
  gas: quantity(U64_LIMIT),
  to: address,
  data: bytes,
  value: quantity().optional(),
  gasPrice: quantity(U128_LIMIT).optional(),
  maxFeePerGas: quantity(U128_LIMIT).optional(),
  maxPriorityFeePerGas: quantity(U128_LIMIT).optional(),
  type: quantity(U64_LIMIT).optional(),
  from: address.optional(),
  accessList: z.array(z.never()).max(0, 'expected an empty accessList').optional(),
})

type Form = z.output<typeof form>

/** Refuses SIGNER_TRANSACTION with the field. */
export function readTransaction(value: unknown): SignerTransaction {
  const parsed = form.safeParse(value)
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, ISSUES_SHOWN_MAX)
      .map(({ path, message }) => `${['tx', ...path].join('.')}: ${message}`)
    throw new CodedError('SIGNER_TRANSACTION', issues.join('; '))
  }
  const { chainId, nonce, gas, to, data, value: valueWei = 0n, from } = parsed.data
  return { chainId, nonce, gas, fees: feesOf(parsed.data), to, valueWei, data, from }
}

function feesOf({ gasPrice, maxFeePerGas, maxPriorityFeePerGas, type, accessList }: Form): Fees {
  if (gasPrice !== undefined) {
    if (maxFeePerGas !== undefined || maxPriorityFeePerGas !== undefined) misfit('gasPrice or the two fees', 'both')
    if (accessList !== undefined) misfit('no accessList beside gasPrice', 'one')
    checkType(type, TYPE_LEGACY)
    return { kind: 'legacy', gasPriceWei: gasPrice }
  }
  if (maxFeePerGas === undefined || maxPriorityFeePerGas === undefined)
    misfit('gasPrice, or maxFeePerGas and maxPriorityFeePerGas', 'neither')
  if (maxPriorityFeePerGas > maxFeePerGas)
    misfit(`maxPriorityFeePerGas of at most maxFeePerGas ${maxFeePerGas}`, maxPriorityFeePerGas.toString())
  checkType(type, TYPE_EIP1559)
  return { kind: 'eip1559', maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas }
}

function checkType(got: bigint | undefined, expected: bigint): void {
  if (got !== undefined && got !== expected) misfit(`type ${expected} for these fees`, got.toString())
}

function misfit(expected: string, got: string): never {
  refuse('SIGNER_TRANSACTION', `tx: ${expected}`, got)
}

const V_OFFSET = 27n

/** What eth_sendRawTransaction takes. The policy has judged it: nothing is decided here. */
export function signTransaction(transaction: SignerTransaction, key: Uint8Array): Hex {
  const fields = serializable(transaction)
  const unsigned = serializeTransaction(fields)
  const { r, s, yParity } = sign(keccak256(fromHex(unsigned)), key)
  const raw = serializeTransaction(fields, { r: toHex(r), s: toHex(s), yParity, v: V_OFFSET + BigInt(yParity) })
  assert(raw.length > unsigned.length, 'a signed transaction carries its signature')
  return raw
}

function serializable({ chainId, nonce, gas, fees, to, valueWei, data }: SignerTransaction) {
  const common = { chainId, nonce, gas, to, value: valueWei, data: toHex(data) }
  if (fees.kind === 'legacy') return { ...common, type: 'legacy', gasPrice: fees.gasPriceWei } as const
  const { maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas } = fees
  return { ...common, type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas } as const
}
