/** Livepeer's contracts on the fork, each found through the Controller; all that is written down is the Controller's address. */
import {
  type Address,
  encodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  parseEventLogs,
  type TransactionReceipt,
  toHex,
} from 'viem'
import { TICKET_BROKER_ABI, WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import type { ForkClient } from './network.ts'

export type Livepeer = {
  readonly broker: Address
  readonly roundsManager: Address
  readonly bondingManager: Address
}
export type Moved = { readonly sender: Address; readonly recipient: Address; readonly amount: bigint }

/** As many payees as there are, and no more than this: each costs some reads of a slow upstream. */
export const PAYEES_MAX = 4
/** How far into the pool a payee is looked for. */
const POOL_LOOK_MAX = 24
/** Generous: the real contracts do more at the turn of a round, and read through two proxies. */
const CALL_GAS = 15_000_000n
const ZERO = '0x0000000000000000000000000000000000000000'

export async function findLivepeer(client: ForkClient): Promise<Livepeer> {
  const contract = async (name: string): Promise<Address> => {
    const args = [keccak256(toHex(name))] as const
    const found = await client.readContract({
      address: WORLD.controller,
      abi: WORLD_ABI,
      functionName: 'getContract',
      args,
    })
    if (found === ZERO) throw new Error(`expected the Controller to know ${name}, it does not`)
    return getAddress(found)
  }
  return {
    broker: await contract('TicketBroker'),
    roundsManager: await contract('RoundsManager'),
    bondingManager: await contract('BondingManager'),
  }
}

/** Opens the round when it is not: on a fork of Arbitrum block numbers are the L2's, so it never is. */
export async function openRound(client: ForkClient, { roundsManager }: Livepeer, sender: Address): Promise<void> {
  const rounds = { address: roundsManager, abi: WORLD_ABI } as const
  if (await client.readContract({ ...rounds, functionName: 'currentRoundInitialized' })) return
  const data = encodeFunctionData({ abi: WORLD_ABI, functionName: 'initializeRound' })
  const receipt = await sendAs(client, sender, roundsManager, data)
  if (receipt.status !== 'success') throw new Error('expected initializeRound to succeed, it reverted')
}

/** Moves on to a round that nobody has opened, where a fork of Arbitrum stands from the start; others are brought there. */
export async function leaveRound(client: ForkClient, { roundsManager }: Livepeer): Promise<void> {
  const rounds = { address: roundsManager, abi: WORLD_ABI } as const
  if (!(await client.readContract({ ...rounds, functionName: 'currentRoundInitialized' }))) return
  await client.mine({ blocks: Number(await client.readContract({ ...rounds, functionName: 'roundLength' })) })
}

/** Active transcoders, in the order of the pool. */
export async function findPayees(client: ForkClient, { bondingManager }: Livepeer): Promise<Address[]> {
  const bonding = { address: bondingManager, abi: WORLD_ABI } as const
  const payees: Address[] = []
  let at = await client.readContract({ ...bonding, functionName: 'getFirstTranscoderInPool' })
  for (let look = 0; look < POOL_LOOK_MAX && at !== ZERO && payees.length < PAYEES_MAX; look++) {
    const args = [at] as const
    if (await client.readContract({ ...bonding, functionName: 'isActiveTranscoder', args })) payees.push(getAddress(at))
    at = await client.readContract({ ...bonding, functionName: 'getNextTranscoderInPool', args })
  }
  if (payees.length === 0) throw new Error('expected an active transcoder in the pool, found none')
  return payees
}

/** What the payee could withdraw now, of all that was ever booked for him. */
export async function pendingFees(client: ForkClient, livepeer: Livepeer, payee: Address): Promise<bigint> {
  const round = await client.readContract({
    address: livepeer.roundsManager,
    abi: WORLD_ABI,
    functionName: 'currentRound',
  })
  const args = [payee, round] as const
  return client.readContract({ address: livepeer.bondingManager, abi: WORLD_ABI, functionName: 'pendingFees', args })
}

/** The payee sends `amount` of his fees to `to`, as he would from his own wallet. */
export async function withdrawFees(
  client: ForkClient,
  { bondingManager }: Livepeer,
  payee: Address,
  to: Address,
  amount: bigint,
): Promise<TransactionReceipt> {
  const data = encodeFunctionData({ abi: WORLD_ABI, functionName: 'withdrawFees', args: [to, amount] })
  return sendAs(client, payee, bondingManager, data)
}

/** Every movement from a sender's deposit that the broker itself reports in a receipt. */
export function movedIn(receipt: TransactionReceipt, { broker }: Livepeer): Moved[] {
  const logs = receipt.logs.filter(({ address }) => getAddress(address) === broker)
  return parseEventLogs({ abi: TICKET_BROKER_ABI, eventName: 'WinningTicketTransfer', logs }).map(({ args }) => args)
}

/** Deposit of `sender` at the broker. */
export async function depositOf(client: ForkClient, { broker }: Livepeer, sender: Address): Promise<bigint> {
  const args = [sender] as const
  const [info] = await client.readContract({
    address: broker,
    abi: TICKET_BROKER_ABI,
    functionName: 'getSenderInfo',
    args,
  })
  return info.deposit
}

/** Sends without the sender's key, as only a fork allows. The receipt tells how it went. */
export async function sendAs(
  client: ForkClient,
  sender: Address,
  to: Address,
  data: Hex,
  value = 0n,
): Promise<TransactionReceipt> {
  await client.impersonateAccount({ address: sender })
  await client.setBalance({ address: sender, value: SENDER_WEI + value })
  const before = await client.getBlockNumber()
  // A transaction that reverts is answered by an error here, though it was mined: its block holds the receipt.
  const request = { account: sender, chain: client.chain, to, data, value, gas: CALL_GAS }
  const hash = await client.sendTransaction(request).catch(() => undefined)
  await client.stopImpersonatingAccount({ address: sender })
  if (hash !== undefined) return client.getTransactionReceipt({ hash })
  const { transactions } = await client.getBlock({ blockNumber: before + 1n })
  const [mined] = transactions
  if (mined === undefined) throw new Error('expected the transaction in the next block, it is in none')
  return client.getTransactionReceipt({ hash: mined })
}

const SENDER_WEI = 1_000n * 10n ** 18n
