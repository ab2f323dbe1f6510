/** EIP-1559 transactions of the authority's account. Each carries one call of the anchor and no value. */
import { serializeTransaction } from 'viem/utils'
import { assert } from '../protocol/errors.ts'
import { keccak256 } from '../protocol/hash.ts'
import { type Address, fromHex, type Hash, type Hex, toHash, toHex } from '../protocol/ids.ts'
import { sign } from './secp256k1.ts'

/** `to` is the anchor of the configuration and `data` a call that was encoded inside; nothing of it comes from a request. */
export type AnchorTransaction = {
  readonly chainId: number
  readonly nonce: number
  readonly to: Address
  readonly data: Hex
  readonly gas: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

const SELECTOR_CHARACTERS = 10

/**
 * Signs the transaction. `raw` is what eth_sendRawTransaction takes, `hash` is its transaction hash. The value is always
 * 0: the account holds a gas float only, and money leaves the ledger through the anchor alone (threat S8).
 */
export function signTransaction(transaction: AnchorTransaction, authorityKey: Uint8Array): { raw: Hex; hash: Hash } {
  assert(transaction.data.length >= SELECTOR_CHARACTERS, 'a transaction of ours calls the anchor')
  assert(transaction.maxPriorityFeePerGasWei <= transaction.maxFeePerGasWei, 'the tip is not above the fee cap')
  const unsigned = {
    type: 'eip1559',
    chainId: transaction.chainId,
    nonce: transaction.nonce,
    to: transaction.to,
    data: transaction.data,
    value: 0n,
    gas: transaction.gas,
    maxFeePerGas: transaction.maxFeePerGasWei,
    maxPriorityFeePerGas: transaction.maxPriorityFeePerGasWei,
  } as const
  const { r, s, yParity } = sign(keccak256(fromHex(serializeTransaction(unsigned))), authorityKey)
  const raw = serializeTransaction(unsigned, { r: toHex(r), s: toHex(s), yParity })
  return { raw, hash: toHash(keccak256(fromHex(raw))) }
}
