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
  slice,
  stringToHex,
} from 'viem'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import { type Address, toAddress, toHex } from '../../../enclave/protocol/ids.ts'
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
/** An address is the end of a hash. */
const PAYLOAD_AT = 12
const SETUP_AT_MS = 1_700_000_100_000
const SENDER_GAS = 12_000_000n
const SENDER_FEE_WEI = BASE_FEE_WEI * 1_000n
const RICH_WEI = parseEther('1000000')
const SLOTS_SCANNED_MAX = 40n
/** RoundsManager's storage, as contracts/testing has it. */
const ROUND_SLOTS = { lastInitialized: 4n, lastUpdate: 5n, hashes: 7n }
const REFUSING_CODE = '0xfe'
/** Controller's registry comes after its owner; the broker's proxy asks it for what it runs. */
const REGISTRY_SLOT = 1n
const BROKER_TARGET_ID = keccak256(stringToHex('TicketBrokerTarget'))
/** Where a broker lies that redeems nothing. */
const IDLE_BROKER = '0x0000000000000000000000000000000069646c65'
/** Gas of calldata, before anything runs. */
const TRANSACTION_GAS = 21_000n
const ZERO_BYTE_GAS = 4n
const BYTE_GAS = 16n
/** Enough for every check of a call, and with them behind it less than the 80,000 that a transfer asks for. */
const STARVED_GAS = 85_000n

export type Sent = { readonly status: 'done' | 'reverted'; readonly logs: readonly RawLog[] }
export type RawLog = { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }
export type Message = {
  readonly from: Address
  readonly to: Address
  readonly data: Hex
  readonly value?: bigint
  /** Undefined for more than anything needs. */
  readonly gas?: bigint
}

export class RealChain {
  readonly evm: Evm
  readonly anchor: Address
  #base: unknown
  #delegatorsSlot: bigint
  #payeeCode: Hex
  /** The broker of this world's rules. */
  #brokerTarget: Hex = WORLD.ticketBrokerV2

  constructor(evm: Evm, anchor: Address, base: unknown, delegatorsSlot: bigint, payeeCode: Hex) {
    this.evm = evm
    this.anchor = anchor
    this.#base = base
    this.#delegatorsSlot = delegatorsSlot
    this.#payeeCode = payeeCode
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
    this.#brokerTarget = options.version === 'v1' ? WORLD.ticketBrokerV1 : WORLD.ticketBrokerV2
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
        return this.#write(WORLD.controller, '0x0', ownerSlot(poke.paused))
      case 'broker': {
        const target = poke.keeps ? IDLE_BROKER : this.#brokerTarget
        return this.#write(WORLD.controller, mappingSlot(BROKER_TARGET_ID, REGISTRY_SLOT), BigInt(target))
      }
      case 'reenter':
        return this.#reenter(poke.recipient, toHex(poke.call.data))
    }
  }

  async #write(contract: Hex, slot: Hex, value: bigint): Promise<void> {
    await this.evm.request('hardhat_setStorageAt', [contract, slot, word(value)])
  }

  /** Registered is whoever has stake bonded to himself. */
  #register(recipient: Address, isRegistered: boolean): Promise<void> {
    const slot = mappingSlot(recipient, this.#delegatorsSlot)
    return this.#write(WORLD.bondingManager, slot, isRegistered ? TRANSCODER_STAKE : 0n)
  }

  /** A ReenteringPayee: whom it calls, and where the bytes lie that it sends, are its first two words. */
  async #reenter(recipient: Address, data: Hex): Promise<void> {
    const payload = slice(keccak256(data), PAYLOAD_AT)
    await this.evm.request('hardhat_setCode', [payload, data])
    await this.evm.request('hardhat_setCode', [recipient, this.#payeeCode])
    await this.#write(recipient, '0x0', BigInt(this.anchor))
    await this.#write(recipient, '0x1', BigInt(payload))
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
  async errorOf({ from, to, data, value, gas }: Message): Promise<{ error: string; position?: number }> {
    try {
      const call = {
        from,
        to,
        data,
        gas: numberToHex(gas ?? SENDER_GAS),
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
  await deps.setCode(IDLE_BROKER, (await readArtifact('IdleTicketBroker')).deployedBytecode)
  const { deployedBytecode } = await readArtifact('ReenteringPayee')
  return new RealChain(evm, anchor, await evm.request('evm_snapshot'), slot, deployedBytecode)
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

function senderFields({ from, to, data, value, gas }: Message): object {
  return { from, to, data, gas: numberToHex(gas ?? SENDER_GAS), value: numberToHex(value ?? 0n), ...FEES }
}

/** What a relayer gives who wants a call to come no further than its first transfer. */
export function starvedGas(data: Uint8Array): bigint {
  const bytesGas = data.reduce((sum, byte) => sum + (byte === 0 ? ZERO_BYTE_GAS : BYTE_GAS), 0n)
  return TRANSACTION_GAS + bytesGas + STARVED_GAS
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
