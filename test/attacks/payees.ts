/** Recipients with code, put on the chain before the ledger is. */
import { strict as assert } from 'node:assert'
import { concatHex, encodeAbiParameters } from 'viem'
import type { Address } from '../../enclave/protocol/ids.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from '../../scripts/chain/evm.ts'
import { readArtifact } from '../../scripts/chain/world.ts'
import type { ChainNode } from './chain-node.ts'

/** Not the stranger's, whose nonce others count. */
const DEPLOYER_INDEX = 8
const GAS = 6_000_000n

/** A contract by the name of its artifact, deployed by an account of nobody. */
export async function deployed(node: ChainNode, name: string, ...addresses: readonly Address[]): Promise<Address> {
  const { bytecode } = await readArtifact(name)
  const words = encodeAbiParameters(
    addresses.map(() => ({ type: 'address' })),
    [...addresses],
  )
  const account = devAccount(DEPLOYER_INDEX)
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: CHAIN_ID,
    nonce: Number(await node.request('eth_getTransactionCount', account.address, 'latest')),
    data: concatHex([bytecode, words]),
    gas: GAS,
    maxFeePerGas: BASE_FEE_WEI,
    maxPriorityFeePerGas: 0n,
  })
  const { contractAddress } = await node.land(raw)
  assert(contractAddress !== null, `${name} has an address`)
  return contractAddress.toLowerCase() as Address
}
