/** The compiled LedgerAnchor in Livepeer's small world, on a node in this process: set up once, put back for every seed. */
import {
  type Abi,
  concatHex,
  decodeErrorResult,
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  keccak256,
  numberToHex,
  parseEther,
} from 'viem'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import { type Address, toAddress } from '../../../enclave/protocol/ids.ts'
import { DEV_ACCOUNTS, devAccount } from '../../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, type Evm, openEvm } from '../../../scripts/chain/evm.ts'
import {
  installWorld,
  readArtifact,
  setRules,
  TRANSCODER_STAKE,
  WORLD,
  WORLD_ABI,
} from '../../../scripts/chain/world.ts'
import { FOREIGN_ERROR } from './reverted.ts'
import { GUARDIAN, TICKET_VALIDITY_ROUNDS } from './rules.ts'
import { FIRST_ROUND, type Poke } from './state.ts'

/** Who sends what is not the authority's own. */
export const RELAYER = addressOf(4)
export const DONOR = addressOf(5)
export const OWNER = addressOf(DEV_ACCOUNTS.owner)

const ROUND_LENGTH_BLOCKS = 1_000_000_000n
const SETUP_AT_MS = 1_700_000_100_000
const SENDER_GAS = 12_000_000n
const SENDER_FEE_WEI = BASE_FEE_WEI * 1_000n
const RICH_WEI = parseEther('1000000')
const SLOTS_SCANNED_MAX = 40n
/** RoundsManager's storage, as contracts/testing has it. */
const ROUND_SLOTS = { lastInitialized: 4n, lastUpdate: 5n, hashes: 7n }
const REFUSING_CODE = '0xfe'

export type Sent = { readonly status: 'done' | 'reverted'; readonly logs: readonly RawLog[] }
export type RawLog = { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }
export type Message = { readonly from: Address; readonly to: Address; readonly data: Hex; readonly value?: bigint }

export class RealChain {
  readonly evm: Evm
  readonly anchor: Address
  #base: unknown
  #delegatorsSlot: bigint

  constructor(evm: Evm, anchor: Address, base: unknown, delegatorsSlot: bigint) {
    this.evm = evm
    this.anchor = anchor
    this.#base = base
    this.#delegatorsSlot = delegatorsSlot
  }

  /** As after the set-up, with this treasury, this authority's gas and these rules. */
  async reset(options: {
    readonly treasuryWei: bigint
    readonly authorities: readonly Address[]
    readonly version: 'v1' | 'v2'
    readonly recipients: readonly Address[]
    readonly usesTickets: boolean
  }): Promise<void> {
    await this.evm.request('evm_revert', [this.#base])
    this.#base = await this.evm.request('evm_snapshot')
    await this.evm.request('hardhat_setBalance', [this.anchor, numberToHex(options.treasuryWei)])
    for (const authority of options.authorities)
      await this.evm.request('hardhat_setBalance', [authority, numberToHex(RICH_WEI)])
    await setRules(depsOf(this.evm), options.version)
    if (!options.usesTickets) return
    const list = [...new Set(options.recipients)]
    const data = encodeFunctionData({
      abi: WORLD_ABI,
      functionName: 'bondTranscoders',
      args: [list, TRANSCODER_STAKE, BigInt(FIRST_ROUND)],
    })
    await depsOf(this.evm).send({ to: WORLD.bondingManager, data })
  }

  async poke(poke: Poke, usesTickets: boolean): Promise<void> {
    switch (poke.kind) {
      case 'payable':
        return usesTickets ? this.#register(poke.recipient, poke.payable) : this.#accept(poke.recipient, poke.payable)
      case 'round':
        return this.#enterRound(poke)
      case 'pause':
        await this.evm.request('hardhat_setStorageAt', [WORLD.controller, '0x0', word(ownerSlot(poke.paused))])
    }
  }

  /** Registered is whoever has stake bonded to himself. */
  async #register(recipient: Address, isRegistered: boolean): Promise<void> {
    const slot = mappingSlot(recipient, this.#delegatorsSlot)
    await this.evm.request('hardhat_setStorageAt', [
      WORLD.bondingManager,
      slot,
      word(isRegistered ? TRANSCODER_STAKE : 0n),
    ])
  }

  async #accept(recipient: Address, takesEther: boolean): Promise<void> {
    await this.evm.request('hardhat_setCode', [recipient, takesEther ? '0x' : REFUSING_CODE])
  }

  async #enterRound({ number, hash, open }: Extract<Poke, { kind: 'round' }>): Promise<void> {
    const set = (slot: Hex, value: Hex) => this.evm.request('hardhat_setStorageAt', [WORLD.roundsManager, slot, value])
    await set(numberToHex(ROUND_SLOTS.lastUpdate), word(BigInt(number)))
    await set(numberToHex(ROUND_SLOTS.lastInitialized), word(BigInt(open ? number : number - 1)))
    if (open) await set(mappingSlot(numberToHex(number), ROUND_SLOTS.hashes), hash)
  }

  /** Mines one transaction alone. */
  async send(message: Message | { readonly raw: Hex }, atSeconds: number, baseFeeWei: bigint): Promise<Sent> {
    const hash =
      'raw' in message
        ? await this.evm.request('eth_sendRawTransaction', [message.raw])
        : await this.evm.request('eth_sendTransaction', [senderFields(message)])
    await this.mine(atSeconds, baseFeeWei)
    const receipt = (await this.evm.request('eth_getTransactionReceipt', [hash])) as {
      status: Hex
      logs: readonly RawLog[]
    } | null
    if (receipt === null) throw new Error('the real chain did not take a transaction that the model took')
    return { status: receipt.status === '0x1' ? 'done' : 'reverted', logs: receipt.logs }
  }

  async mine(atSeconds: number, baseFeeWei: bigint): Promise<void> {
    await this.evm.request('hardhat_setNextBlockBaseFeePerGas', [numberToHex(baseFeeWei)])
    await this.evm.mine(atSeconds * 1_000)
  }

  /** The name of the error that a message reverts with now. */
  async errorOf({ from, to, data, value }: Message): Promise<{ error: string; position?: number }> {
    try {
      const call = {
        from,
        to,
        data,
        gas: numberToHex(SENDER_GAS),
        ...(value === undefined ? {} : { value: numberToHex(value) }),
      }
      await this.evm.request('eth_call', [call, 'latest'])
    } catch (error) {
      return nameOf(error)
    }
    return { error: 'none' }
  }
}

/** Compiles nothing: the contracts have been built. */
export async function openRealChain(): Promise<RealChain> {
  const evm = await openEvm()
  const deps = depsOf(evm)
  const anchor = await deployAnchor(evm)
  await installWorld(deps, {
    owner: OWNER,
    rules: 'v2',
    roundLengthBlocks: ROUND_LENGTH_BLOCKS,
    ticketValidityPeriodRounds: BigInt(TICKET_VALIDITY_ROUNDS),
    unlockPeriodRounds: 2n,
    transcoders: [DONOR],
  })
  const slot = await findDelegators(evm)
  return new RealChain(evm, anchor, await evm.request('evm_snapshot'), slot)
}

function depsOf(evm: Evm) {
  return {
    setCode: async (address: Hex, code: Hex): Promise<void> =>
      void (await evm.request('hardhat_setCode', [address, code])),
    send: async ({ to, data }: { to: Hex; data: Hex }): Promise<void> => {
      const message = { from: OWNER, to: to as Address, data }
      const hash = await evm.request('eth_sendTransaction', [senderFields(message)])
      await evm.mine(SETUP_AT_MS)
      const receipt = (await evm.request('eth_getTransactionReceipt', [hash])) as { status: Hex } | null
      if (receipt?.status !== '0x1') throw new Error(`the set-up call ${data.slice(0, 10)} failed`)
    },
    artifact: (name: string) => readArtifact(name),
  }
}

/** First of all that its owner sends, so that it always lies at the same address. */
async function deployAnchor(evm: Evm): Promise<Address> {
  const { bytecode } = await readArtifact('LedgerAnchor')
  const args = encodeAbiParameters([{ type: 'address' }, { type: 'address' }], [WORLD.ticketBroker, GUARDIAN])
  const fields = { from: OWNER, data: concatHex([bytecode, args]), gas: numberToHex(SENDER_GAS), ...FEES }
  const hash = await evm.request('eth_sendTransaction', [fields])
  await evm.mine(SETUP_AT_MS)
  const receipt = (await evm.request('eth_getTransactionReceipt', [hash])) as { contractAddress: string | null } | null
  const anchor = toAddress(receipt?.contractAddress ?? '')
  if (anchor === undefined) throw new Error('the anchor was not created')
  return anchor
}

const FEES = { maxFeePerGas: numberToHex(SENDER_FEE_WEI), maxPriorityFeePerGas: '0x0' }

function senderFields({ from, to, data, value }: Message): object {
  return { from, to, data, gas: numberToHex(SENDER_GAS), value: numberToHex(value ?? 0n), ...FEES }
}

/** Where BondingManager keeps its delegators: the slot under which a bonded one has his stake. */
async function findDelegators(evm: Evm): Promise<bigint> {
  for (let slot = 0n; slot < SLOTS_SCANNED_MAX; slot++) {
    const stored = await evm.request('eth_getStorageAt', [WORLD.bondingManager, mappingSlot(DONOR, slot), 'latest'])
    if (BigInt(stored as Hex) === TRANSCODER_STAKE) return slot
  }
  throw new Error('expected a bonded delegator in the storage of BondingManager')
}

function mappingSlot(key: Hex, slot: bigint): Hex {
  return keccak256(concatHex([word(BigInt(key)), word(slot)]))
}

function word(value: bigint): Hex {
  return numberToHex(value, { size: 32 })
}

/** Controller keeps owner and pause flag in one slot. */
function ownerSlot(isPaused: boolean): bigint {
  return BigInt(OWNER) | ((isPaused ? 1n : 0n) << 160n)
}

function nameOf(error: unknown): { error: string; position?: number } {
  const data = (error as { data?: unknown }).data
  const bytes = typeof data === 'string' ? data : (data as { data?: unknown } | undefined)?.data
  if (typeof bytes !== 'string' || bytes.length < 10) return { error: FOREIGN_ERROR }
  try {
    const { errorName, args } = decodeErrorResult({ abi: ANCHOR_ABI as Abi, data: bytes as Hex })
    if (!errorName.startsWith('Anchor')) return { error: FOREIGN_ERROR }
    return errorName === 'AnchorTicketFailed' ? { error: errorName, position: Number(args?.[0]) } : { error: errorName }
  } catch {
    // A word of Livepeer's contracts, which the model calls foreign too.
    return { error: FOREIGN_ERROR }
  }
}

function addressOf(index: number): Address {
  const address = toAddress(devAccount(index).address)
  if (address === undefined) throw new Error(`development account ${index} has no address`)
  return address
}
