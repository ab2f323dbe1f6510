/**
 * What somebody could sign who holds the session key and the authority key: the worst enclave that there is. The anchor
 * still moves no money but as its rules say.
 */
import { strict as assert } from 'node:assert'
import { encodeFunctionData, parseEventLogs, zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { type Address, fromHex, type Hex, toHex } from '../../enclave/protocol/ids.ts'
import { TICKET_BROKER_ABI, WORLD } from '../../scripts/chain/world.ts'
import {
  ANCHOR_TYPES,
  type Commit,
  keyOf,
  type Payee,
  packPayouts,
  payoutsHashOf,
  signTicket,
  ticketOf,
  word,
} from '../contracts/wire.ts'
import { Forger } from './forger.ts'
import { lower, type Stage } from './stage.ts'

export type Call = { readonly call: Uint8Array }
export type Payouts = {
  readonly tickets?: readonly Payee[]
  readonly transfers?: readonly Payee[]
  readonly firstPayoutId?: bigint
}

/** The slot of the anchor that holds session, epoch and sequence, from the left. */
const PACKED_SLOT = `0x${'00'.repeat(31)}01`
const U48_CHARACTERS = 12

export class StolenSession {
  readonly #stage: Stage
  readonly #session = keyOf('a stolen session')

  private constructor(stage: Stage) {
    this.#stage = stage
  }

  /** The anchor holds this session, in epoch 1 and at that sequence. */
  static async take(stage: Stage, sequence = 0): Promise<StolenSession> {
    const stolen = new StolenSession(stage)
    const packed = `${stolen.#session.address.slice(2)}${u48(1)}${u48(sequence)}`
    await stage.node.request('hardhat_setStorageAt', stage.anchor, PACKED_SLOT, `0x${packed}`)
    return stolen
  }

  /** A commit of the next sequence on the present head, unless told otherwise. */
  async commit(over: Partial<Commit> = {}): Promise<Call> {
    const message = await this.#message({ payoutsHash: zeroHash, ...over })
    return called('commit', [message, await this.#signed(message)])
  }

  /** Tickets signed by the authority, and transfers, in one call. */
  async pay({ tickets = [], transfers = [], firstPayoutId = 1n }: Payouts, over: Partial<Commit> = {}): Promise<Call> {
    const { number, hash } = await this.#stage.round()
    const round =
      tickets.length > 0 ? { round: BigInt(number), roundHash: hash as Hex } : { round: 0n, roundHash: zeroHash }
    const signed = await Promise.all(
      tickets.map(async (payee, at) => {
        const { signature } = await this.#ticket(payee, firstPayoutId + BigInt(at), this.#session.address as Address)
        return { ...payee, signature }
      }),
    )
    const packed = packPayouts({ ...round, firstPayoutId }, { tickets: signed, transfers })
    const message = await this.#message({ payoutsHash: payoutsHashOf(packed, 0n), ...over })
    return called('commitAndPay', [message, packed, 0n, await this.#signed(message)])
  }

  /** A ticket that some other boot signed once, as a call of the broker. */
  async stray(payee: Payee): Promise<Hex> {
    const { ticket, full, recipientRand } = await this.#ticket(payee, 9n, keyOf('an old session').address as Address)
    const args = [ticket, full, recipientRand] as const
    return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'redeemWinningTicket', args }) as Hex
  }

  async #ticket(payee: Payee, payoutId: bigint, session: Address) {
    const authority = privateKeyToAccount(toHex(new Forger(this.#stage).authorityKey()))
    const { number, hash } = await this.#stage.round()
    const made = ticketOf({
      sender: authority.address,
      session,
      payee,
      payoutId,
      round: BigInt(number),
      roundHash: hash,
    })
    const { full, compact } = await signTicket(authority, made.ticket)
    return { ...made, full, signature: compact }
  }

  async #message(over: Partial<Commit>): Promise<Commit> {
    const { head, sequence, epoch } = await this.#stage.facts()
    const next = { epoch, sequence: sequence + 1, prev: head, next: word(sequence + 100) }
    return { ...next, payoutsHash: zeroHash, balanceRoot: word(1), logRoot: word(2), logSize: 1n, ...over }
  }

  #signed(message: Commit): Promise<Hex> {
    const { chainId, anchor } = this.#stage.deployment
    const domain = { name: 'Anchorhold', version: '1', chainId, verifyingContract: anchor }
    return this.#session.signTypedData({ domain, types: ANCHOR_TYPES, primaryType: 'Commit', message }) as Promise<Hex>
  }
}

/** What the broker moved to this payee in a landed call. */
export function movedWei(logs: readonly object[], recipient: Address): bigint {
  const moved = parseEventLogs({
    abi: TICKET_BROKER_ABI,
    logs: [...logs] as never[],
    eventName: 'WinningTicketTransfer',
  })
  return moved
    .filter(({ args }) => lower(args.recipient) === recipient)
    .reduce((sum, { args }) => sum + args.amount, 0n)
}

export const BROKER = lower(WORLD.ticketBroker)

function called(functionName: 'commit' | 'commitAndPay', args: readonly unknown[]): Call {
  return { call: fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName, args } as never)) }
}

function u48(value: number): string {
  assert(value >= 0, 'a u48 has no sign')
  return value.toString(16).padStart(U48_CHARACTERS, '0')
}
