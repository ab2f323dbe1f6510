/** Recipients with code, put on the chain before the ledger is. */
import { strict as assert } from 'node:assert'
import { concatHex, encodeAbiParameters, encodeFunctionData, parseAbi, parseEventLogs } from 'viem'
import type { Address, Hex } from '../../enclave/protocol/ids.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from '../../scripts/chain/evm.ts'
import { readArtifact } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import type { ChainNode, MinedReceipt } from './chain-node.ts'
import type { Stage } from './stage.ts'

const PAYEE_ABI = parseAbi([
  'function aim(address target_, address payload_)',
  'event Reentered(bool passed, bytes4 answer)',
])
/** Whose code is the call that a payee makes: storage would cost more gas than he gets. */
const PAYLOAD = anAddress(0x7a71)
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

/** Has a ReenteringPayee send this call to the target whenever it is paid. */
export async function aimed(stage: Stage, payee: Address, target: Address, call: Hex): Promise<void> {
  await stage.node.request('hardhat_setCode', PAYLOAD, call)
  const data = encodeFunctionData({ abi: PAYEE_ABI, functionName: 'aim', args: [target, PAYLOAD] })
  const { status } = await stage.asStranger({ to: payee, data })
  assert.equal(status, '0x1', 'a payee can be aimed')
}

/** Whether each call that payees made from inside a commit passed. */
export function reentries({ logs }: MinedReceipt): boolean[] {
  return parseEventLogs({ abi: PAYEE_ABI, logs: [...logs] as never[], eventName: 'Reentered' }).map(
    ({ args }) => args.passed,
  )
}
