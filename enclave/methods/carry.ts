/** The transaction of the authority's gas float that carries an anchor call. */
import { type Instance, keysOf } from '../instance.ts'
import { signTransaction } from '../keys/transactions.ts'
import type { SignedCall } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

/** `to`, chain id and value are fixed in here; the host chooses fees within policy and the account nonce [S8]. */
export function carry(
  instance: Instance,
  call: Uint8Array,
  { fees, accountNonce }: Pick<ParsedParams<'open_session'>, 'fees' | 'accountNonce'>,
): SignedCall {
  const { chainId, anchor } = instance.configuration
  const transaction = {
    chainId,
    nonce: accountNonce,
    to: anchor,
    data: call,
    gas: BigInt(fees.gas),
    maxFeePerGasWei: fees.maxFeePerGasWei,
    maxPriorityFeePerGasWei: fees.maxPriorityFeePerGasWei,
  }
  const { raw, hash } = signTransaction(transaction, keysOf(instance).authorityKey)
  return { call, rawTransaction: raw, hash }
}
