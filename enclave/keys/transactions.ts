/** EIP-1559 transactions of the authority's account. Each carries one call of the anchor and no value. */
import { assert } from '../protocol/errors.ts'
import { keccak256 } from '../protocol/hash.ts'
import { type Address, fromHex, type Hash, toHash } from '../protocol/ids.ts'
import { rlpBytes, rlpList, rlpUint, rlpWord } from '../protocol/rlp.ts'
import { concatBytes } from '../protocol/words.ts'
import { sign } from './secp256k1.ts'

/** `to` is the anchor of the configuration and `data` a call that was encoded inside; nothing of it comes from a request. */
export type AnchorTransaction = {
  readonly chainId: number
  readonly nonce: number
  readonly to: Address
  readonly data: Uint8Array
  readonly gas: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

const SELECTOR_BYTES = 4
const TYPE_EIP1559 = 2
const VALUE_WEI = 0n

/**
 * Signs the transaction. `raw` is what eth_sendRawTransaction takes, `hash` is its transaction hash. The value is always
 * 0: the account holds a gas float only, and money leaves the ledger through the anchor alone (threat S8).
 */
export function signTransaction(
  transaction: AnchorTransaction,
  authorityKey: Uint8Array,
): { readonly raw: Uint8Array; readonly hash: Hash } {
  assert(transaction.data.length >= SELECTOR_BYTES, 'a transaction of ours calls the anchor')
  assert(transaction.maxPriorityFeePerGasWei <= transaction.maxFeePerGasWei, 'the tip is not above the fee cap')
  const fields = fieldsOf(transaction)
  const { r, s, yParity } = sign(keccak256(typed(fields)), authorityKey)
  const raw = typed([...fields, rlpUint(yParity), rlpWord(r), rlpWord(s)])
  return { raw, hash: toHash(keccak256(raw)) }
}

/** In the order of EIP-1559; the access list is empty. */
function fieldsOf(transaction: AnchorTransaction): readonly Uint8Array[] {
  return [
    rlpUint(transaction.chainId),
    rlpUint(transaction.nonce),
    rlpUint(transaction.maxPriorityFeePerGasWei),
    rlpUint(transaction.maxFeePerGasWei),
    rlpUint(transaction.gas),
    rlpBytes(fromHex(transaction.to)),
    rlpUint(VALUE_WEI),
    rlpBytes(transaction.data),
    rlpList([]),
  ]
}

/** EIP-2718: the type's byte in front of the list. */
function typed(fields: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(TYPE_EIP1559), rlpList(fields))
}
