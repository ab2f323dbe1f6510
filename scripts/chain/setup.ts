/** What a new embedded chain needs before the enclave opens its first session: Livepeer's world, our anchor, money. */
import {
  type Address,
  concatHex,
  encodeAbiParameters,
  encodeFunctionData,
  getAddress,
  type Hex,
  numberToHex,
  parseAbi,
} from 'viem'
import { z } from 'zod'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import { DEV_ACCOUNTS, type DevAccount, devAccount } from './accounts.ts'
import { CHAIN_ID } from './evm.ts'
import { awaitReceipt, callRpc, readNonce, sendTransaction } from './rpc.ts'
import { installWorld, readArtifact, WORLD } from './world.ts'

export type SetupOptions = {
  readonly guardian: Address
  /** Registered and active at once; `bondedOnly` from the next round on. */
  readonly transcoders: readonly Address[]
  readonly bondedOnly?: readonly Address[]
  readonly roundLengthBlocks: bigint
  readonly ticketValidityPeriodRounds?: bigint
  readonly unlockPeriodRounds?: bigint
  readonly rules?: 'v1' | 'v2'
  /** What the treasury owner pays into the anchor; zero leaves it empty. */
  readonly treasuryWei: Wei
  readonly artifactsPath?: string
}

/** Where things lie. `genesisBlock` is the height of the anchor's own block: nothing of ours happened before it. */
export type Deployment = {
  readonly chainId: number
  readonly anchor: Address
  readonly broker: Address
  readonly roundsManager: Address
  readonly guardian: Address
  readonly genesisBlock: number
}

const DEPLOYMENT_NOTE = 'deployment'
/** Bonding forty transcoders takes the most, about nine million. */
const SETUP_GAS = 12_000_000n
const CALL_GAS = 200_000n
const LIVEPEER_PERIOD_ROUNDS = 2n
const ANCHOR_ABI = parseAbi(['function appointAuthority(address newAuthority)'])

const StoredDeployment = z.object({
  chainId: z.int(),
  anchor: z.custom<Address>(),
  broker: z.custom<Address>(),
  roundsManager: z.custom<Address>(),
  guardian: z.custom<Address>(),
  genesisBlock: z.int(),
})

/** What an earlier setupChain made of this chain; undefined on a new one. */
export async function readDeployment(url: string): Promise<Deployment | undefined> {
  const note = await callRpc(url, 'anchorhold_note', [DEPLOYMENT_NOTE])
  return note === null ? undefined : StoredDeployment.parse(note)
}

/**
 * Installs the world, deploys LedgerAnchor(broker, guardian) and fills its treasury. On a chain that has them it returns
 * what is there. Refuses CONFIG_INVALID on a chain whose set-up was cut short: start another in a new folder.
 */
export async function setupChain(url: string, options: SetupOptions): Promise<Deployment> {
  const existing = await readDeployment(url)
  if (existing !== undefined) return existing
  const owner = devAccount(DEV_ACCOUNTS.owner)
  const used = await readNonce(url, owner.address)
  if (used !== 0) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected a new chain or a complete one, got one whose set-up stopped after ${used} transactions`,
    )
  }
  const queue = inOrder(url, owner)
  await install(url, queue, owner.address, options)
  const anchorHash = await queue.send(await anchorCreation(options))
  await queue.settle()
  const { contractAddress, blockNumber } = await awaitReceipt(url, anchorHash)
  if (contractAddress === null) throw new CodedError('RPC_FAILED', 'expected the anchor to have an address, got none')
  const deployment: Deployment = {
    chainId: CHAIN_ID,
    anchor: getAddress(contractAddress),
    broker: WORLD.ticketBroker,
    roundsManager: WORLD.roundsManager,
    guardian: options.guardian,
    genesisBlock: Number.parseInt(blockNumber, 16),
  }
  await fundTreasury(url, deployment.anchor, options.treasuryWei)
  // Last: a chain with this note is complete.
  await callRpc(url, 'anchorhold_keepNote', [DEPLOYMENT_NOTE, deployment])
  return deployment
}

/** The guardian names the authority, once in an anchor's life. `guardian` is development account 1 unless given. */
export async function appointAuthority(
  url: string,
  {
    anchor,
    authority,
    guardian = devAccount(DEV_ACCOUNTS.guardian),
  }: { anchor: Address; authority: Address; guardian?: DevAccount },
): Promise<Hex> {
  const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'appointAuthority', args: [authority] })
  return sendAndWait(url, guardian, { to: anchor, data })
}

/** Pays `amountWei` to the authority's account, for the gas of the transactions that it signs. */
export async function fundGasFloat(
  url: string,
  { authority, amountWei }: { authority: Address; amountWei: Wei },
): Promise<Hex> {
  return sendAndWait(url, devAccount(DEV_ACCOUNTS.treasuryOwner), { to: authority, value: amountWei })
}

/** Pays `amountWei` into the anchor's treasury from the treasury owner's account; nothing for zero. */
export async function fundTreasury(url: string, anchor: Address, amountWei: Wei): Promise<Hex | undefined> {
  if (amountWei === 0n) return undefined
  return sendAndWait(url, devAccount(DEV_ACCOUNTS.treasuryOwner), { to: anchor, value: amountWei })
}

type Queue = {
  send(transaction: { to?: Hex; data: Hex; value?: bigint }): Promise<Hex>
  settle(): Promise<void>
}

// The owner's nonces keep the order, so the whole set-up may wait for its blocks together.
function inOrder(url: string, account: DevAccount): Queue {
  const hashes: Hex[] = []
  return {
    async send(transaction) {
      const hash = await sendTransaction(url, account, { ...transaction, gas: SETUP_GAS, nonce: hashes.length })
      hashes.push(hash)
      return hash
    },
    async settle() {
      for (const hash of hashes) await awaitReceipt(url, hash)
    },
  }
}

async function install(url: string, queue: Queue, owner: Address, options: SetupOptions): Promise<void> {
  const deps = {
    async setCode(address: Address, code: Hex) {
      await callRpc(url, 'hardhat_setCode', [address, code])
    },
    async send(transaction: { to: Address; data: Hex; value?: bigint }) {
      await queue.send(transaction)
    },
    artifact: (name: string) => readArtifact(name, options.artifactsPath),
  }
  await installWorld(deps, {
    owner,
    rules: options.rules ?? 'v2',
    roundLengthBlocks: options.roundLengthBlocks,
    ticketValidityPeriodRounds: options.ticketValidityPeriodRounds ?? LIVEPEER_PERIOD_ROUNDS,
    unlockPeriodRounds: options.unlockPeriodRounds ?? LIVEPEER_PERIOD_ROUNDS,
    transcoders: options.transcoders,
    bondedOnly: options.bondedOnly ?? [],
  })
}

async function anchorCreation({ guardian, artifactsPath }: SetupOptions): Promise<{ data: Hex }> {
  const { bytecode } = await readArtifact('LedgerAnchor', artifactsPath)
  const args = encodeAbiParameters([{ type: 'address' }, { type: 'address' }], [WORLD.ticketBroker, guardian])
  return { data: concatHex([bytecode, args]) }
}

async function sendAndWait(
  url: string,
  account: DevAccount,
  transaction: { to: Hex; data?: Hex; value?: bigint },
): Promise<Hex> {
  const hash = await sendTransaction(url, account, { ...transaction, gas: CALL_GAS })
  await awaitReceipt(url, hash)
  return hash
}

/** Sets an account's balance by hand, as no real chain allows: for tests and demonstrations only. */
export async function setBalance(url: string, address: Address, amountWei: Wei): Promise<void> {
  await callRpc(url, 'hardhat_setBalance', [address, numberToHex(amountWei)])
}
