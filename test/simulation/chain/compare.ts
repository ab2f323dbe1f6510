/** The model beside the contract: every block of a world once more on the real chain, and every outcome compared. */
import { decodeEventLog, encodeFunctionData, type Hex, parseAbi, toEventSelector, toFunctionSelector } from 'viem'
import { decodeCompactSignature, encodeSignature } from '../../../enclave/keys/secp256k1.ts'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import { type Address, toHash, toHex } from '../../../enclave/protocol/ids.ts'
import { TICKET_BROKER_ABI, WORLD } from '../../../scripts/chain/world.ts'
import type { World } from '../scene.ts'
import { claim } from '../violation.ts'
import type { Block, Included } from './chain.ts'
import { DONOR, type Message, RELAYER, type RealChain, type Sent, starvedGas } from './evm.ts'
import { GUARDIAN } from './rules.ts'
import { type ChainState, depositOf, type Reentry, type Transaction } from './state.ts'

const PROPERTY = 'the model is the contract'
const HEAD_SLOT = '0x0'
const SESSION_SLOT = '0x1'
const AUTHORITY_SLOT = '0x2'
/** Of a payee that calls back. */
const PAYEE_ABI = parseAbi(['event Reentered(bool passed, bytes4 answer)'])
const REENTERED_TOPIC = toEventSelector(PAYEE_ABI[0])
const NO_ANSWER = '0x00000000'
const U48 = (1n << 48n) - 1n
const ADDRESS_MASK = (1n << 160n) - 1n

/** Throws a Violation at the first difference. */
export async function compareWithContract(world: World, real: RealChain): Promise<number> {
  const { chain, keys, payees, genesis } = world
  const usesTickets = genesis.policy.strategy === 'ticket'
  const { treasuryWei } = chain.genesisState
  claim(PROPERTY, real.anchor === world.configuration.anchor, () => `the anchor lies at ${real.anchor}`)
  await real.reset({
    treasuryWei,
    authorities: keys.authorities,
    version: chain.rules.version,
    recipients: payees,
    usesTickets,
  })
  const { round, roundHashes } = chain.genesisState
  await real.poke(
    { kind: 'round', number: round, hash: roundHashes.get(round) ?? toHash(new Uint8Array(32)), open: true },
    usesTickets,
  )
  const snapshots: unknown[] = []
  let compared = 0
  for (const step of chain.trace) {
    if (step.kind === 'reorg') {
      const [snapshot] = snapshots.splice(snapshots.length - step.depth, step.depth)
      await real.evm.request('evm_revert', [snapshot])
      continue
    }
    snapshots.push(await real.evm.request('evm_snapshot'))
    await playBlock(world, real, step.block, usesTickets)
    compared += step.block.included.length
  }
  return compared
}

async function playBlock(world: World, real: RealChain, block: Block, usesTickets: boolean): Promise<void> {
  for (const poke of block.pokes) await real.poke(poke, usesTickets)
  await real.mine(block.atSeconds, block.baseFeeWei)
  for (const included of block.included) await playTransaction(world, real, block, included)
  if (block.included.length > 0) await compareState(world, real, block)
}

async function playTransaction(world: World, real: RealChain, block: Block, included: Included): Promise<void> {
  const { transaction, outcome } = included
  const message = messageOf(world, transaction)
  const where = `block ${block.number}, ${transaction.kind}`
  const raw = transaction.kind === 'anchor' ? transaction.raw : undefined
  const named = outcome.kind === 'reverted' ? await real.errorOf(message) : undefined
  const sent = await real.send(
    raw === undefined ? message : { raw: toHex(raw.bytes) },
    block.atSeconds,
    block.baseFeeWei,
  )
  claim(PROPERTY, sent.status === outcome.kind, () => `${where}: ${sent.status}, the model says ${show(outcome)}`)
  if (outcome.kind === 'reverted') {
    const { error, position } = outcome
    const same = named?.error === error && named.position === position
    claim(PROPERTY, same, () => `${where}: ${show(named)}, the model says ${show(outcome)}`)
  } else if (transaction.kind !== 'donate' && transaction.kind !== 'fund') compareEvents(world, where, included, sent)
}

function messageOf(world: World, transaction: Transaction): Message {
  const { anchor } = world.configuration
  const guarded = (functionName: 'freeze' | 'unfreeze'): Message => ({
    from: GUARDIAN,
    to: anchor,
    data: encodeFunctionData({ abi: ANCHOR_ABI, functionName }),
  })
  switch (transaction.kind) {
    case 'anchor':
      return {
        from: transaction.raw?.from ?? RELAYER,
        to: anchor,
        data: toHex(transaction.call.data),
        ...(transaction.isStarved === true ? { gas: starvedGas(transaction.call.data) } : {}),
      }
    case 'fund':
      return { from: DONOR, to: anchor, data: '0x', value: transaction.wei }
    case 'donate': {
      const data = encodeFunctionData({
        abi: TICKET_BROKER_ABI,
        functionName: 'fundDepositAndReserveFor',
        args: [transaction.to, transaction.wei, 0n],
      })
      return { from: DONOR, to: world.configuration.broker, data, value: transaction.wei }
    }
    case 'redeem':
      return { from: RELAYER, to: world.configuration.broker, data: redeemData(transaction) }
    case 'appoint': {
      const data = encodeFunctionData({
        abi: ANCHOR_ABI,
        functionName: 'appointAuthority',
        args: [transaction.authority],
      })
      return { from: GUARDIAN, to: anchor, data }
    }
    case 'approve': {
      const data = encodeFunctionData({
        abi: ANCHOR_ABI,
        functionName: 'approveAuthority',
        args: [transaction.authority],
      })
      return { from: GUARDIAN, to: anchor, data }
    }
    case 'freeze':
    case 'unfreeze':
      return guarded(transaction.kind)
  }
}

function redeemData({ ticket, signature64, rand }: Extract<Transaction, { kind: 'redeem' }>): Hex {
  const { recipient, sender, faceValueWei, winProb, senderNonce, recipientRandHash, auxData } = ticket
  const fields = {
    recipient,
    sender,
    faceValue: faceValueWei,
    winProb,
    senderNonce,
    recipientRandHash,
    auxData: toHex(auxData),
  }
  const signature = toHex(encodeSignature(decodeCompactSignature(signature64)))
  return encodeFunctionData({
    abi: TICKET_BROKER_ABI,
    functionName: 'redeemWinningTicket',
    args: [fields, signature, rand],
  })
}

/** Committed, Settled and SessionOpened in order, and each ticket's money. */
function compareEvents(world: World, where: string, { outcome }: Included, { logs }: Sent): void {
  if (outcome.kind === 'reverted') return
  const [anchor, broker] = [world.configuration.anchor as string, WORLD.ticketBroker.toLowerCase()]
  const ours = logs.filter(({ address }) => address.toLowerCase() === anchor)
  const got = ours.map(({ topics, data }) => {
    const { eventName, args } = decodeEventLog({ abi: ANCHOR_ABI, topics: topics as [Hex, ...Hex[]], data })
    return `${eventName} ${Object.values(args ?? {}).join(' ')}`.toLowerCase()
  })
  const expected = outcome.events.map((event) => eventText(event).toLowerCase())
  claim(
    PROPERTY,
    got.join() === expected.join() || isFreeze(got),
    () => `${where}: ${got.join()}, not ${expected.join()}`,
  )
  const moved = logs
    .filter(({ address }) => address.toLowerCase() === broker)
    .map(({ topics, data }) => decodeEventLog({ abi: TICKET_BROKER_ABI, topics: topics as [Hex, ...Hex[]], data }))
    .flatMap((event) =>
      event.eventName === 'WinningTicketTransfer' ? [`${event.args.recipient} ${event.args.amount}`.toLowerCase()] : [],
    )
  const told = outcome.broker.flatMap(({ kind, recipient, amountWei }) =>
    kind === 'moved' ? [`${recipient} ${amountWei}`] : [],
  )
  claim(PROPERTY, moved.join() === told.join(), () => `${where}: moved ${moved.join()}, not ${told.join()}`)
  compareReentries(where, outcome.reentries ?? [], logs)
}

/** What payees tell of the calls that they made while they were paid. */
function compareReentries(where: string, reentries: readonly Reentry[], logs: Sent['logs']): void {
  const got = logs.flatMap(({ address, topics, data }) => {
    if (topics[0] !== REENTERED_TOPIC) return []
    const { args } = decodeEventLog({ abi: PAYEE_ABI, topics: topics as [Hex, ...Hex[]], data })
    return [`${address} ${args.passed} ${args.answer}`.toLowerCase()]
  })
  const expected = reentries.map(({ recipient, error }) =>
    error === null ? `${recipient} true ${NO_ANSWER}` : `${recipient} false ${toFunctionSelector(`${error}()`)}`,
  )
  claim(PROPERTY, got.join() === expected.join(), () => `${where}: payees tell ${got.join()}, not ${expected.join()}`)
}

/** The model does not keep until when. */
function isFreeze([first]: readonly string[]): boolean {
  return first?.startsWith('frozen') === true || first?.startsWith('unfrozen') === true
}

function eventText(event: Extract<Included['outcome'], { kind: 'done' }>['events'][number]): string {
  switch (event.kind) {
    case 'session':
      return `SessionOpened ${event.epoch} ${event.head} ${event.session} ${event.attestationDigest}`
    case 'committed': {
      const { epoch, sequence, prev, next, balanceRoot, logRoot, logSize } = event
      return `Committed ${epoch} ${sequence} ${prev} ${next} ${balanceRoot} ${logRoot} ${logSize}`
    }
    case 'settled':
      return `Settled ${event.sequence} ${event.bitmap} ${event.head}`
    case 'appointed':
      return `AuthorityAppointed ${event.authority}`
    case 'rotated':
      return `AuthorityRotated ${event.epoch} ${event.authority}`
    case 'approved':
      return `AuthorityApproved ${event.text}`
    default:
      return event.kind
  }
}

async function compareState(world: World, real: RealChain, block: Block): Promise<void> {
  const { anchor } = world.configuration
  const read = async (slot: string) => (await real.evm.request('eth_getStorageAt', [anchor, slot, 'latest'])) as Hex
  const packed = BigInt(await read(SESSION_SLOT))
  const authority = BigInt(await read(AUTHORITY_SLOT))
  const balance = BigInt((await real.evm.request('eth_getBalance', [anchor, 'latest'])) as Hex)
  const got = {
    head: await read(HEAD_SLOT),
    sequence: packed & U48,
    epoch: (packed >> 48n) & U48,
    session: packed >> 96n,
    authority: authority & ADDRESS_MASK,
    frozenAt: authority >> 160n,
    treasuryWei: balance,
    depositWei: await realDeposit(world, real, block.state.authority),
  }
  const expected = stateText(block.state)
  const text = Object.values(got).join(' ')
  claim(PROPERTY, text === expected, () => `block ${block.number}: the anchor has ${text}, the model ${expected}`)
  for (const [recipient, wei] of world.genesis.policy.strategy === 'transfer' ? block.state.receivedWei : [])
    await compareReceived(real, recipient, wei)
}

function stateText(state: ChainState): string {
  const { head, sequence, epoch, session, authority, frozenAt, treasuryWei } = state
  return [
    head,
    sequence,
    epoch,
    BigInt(session),
    BigInt(authority),
    frozenAt,
    treasuryWei,
    depositOf(state, authority),
  ].join(' ')
}

async function realDeposit(world: World, real: RealChain, authority: Address): Promise<bigint> {
  const data = encodeFunctionData({
    abi: TICKET_BROKER_ABI,
    functionName: 'getSenderInfo',
    args: [authority],
  })
  const answer = (await real.evm.request('eth_call', [{ to: world.configuration.broker, data }, 'latest'])) as Hex
  return BigInt(answer.slice(0, 66))
}

async function compareReceived(real: RealChain, recipient: Address, wei: bigint): Promise<void> {
  const balance = BigInt((await real.evm.request('eth_getBalance', [recipient, 'latest'])) as Hex)
  claim(PROPERTY, balance === wei, () => `${recipient} has ${balance} wei, the model says ${wei}`)
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? one.toString() : one))
}
