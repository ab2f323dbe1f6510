/** Where the model's contract lies, and what of Livepeer's rules it runs. */
import { type Address, toAddress } from '../../../enclave/protocol/ids.ts'
import type { Ledger } from '../../../enclave/protocol/typed-data.ts'

export type Rules = {
  readonly ledger: Ledger
  readonly broker: Address
  readonly guardian: Address
  /** v1: any deposit at all lets a ticket be redeemed, for what is there. */
  readonly version: 'v1' | 'v2'
  readonly ticketValidityRounds: number
  /** Signatures of tickets are recovered; without it what the session signed is taken for right. */
  readonly recoverTickets: boolean
}

export const CHAIN_ID = 42_161
export const TICKET_VALIDITY_ROUNDS = 2
export const FREEZE_SECONDS_MAX = 30 * 86_400

/** Livepeer's broker on Arbitrum One, and the place of the anchor when it is the first contract of `anchor.ts`'s deployer. */
export const BROKER = known('0xa8bB618B1520E284046F3dFc448851A1Ff26e41B')
export const GUARDIAN = known('0x70997970C51812dc3A010C7d01b50e0d17dc79C8')

function known(text: string): Address {
  const address = toAddress(text)
  if (address === undefined) throw new Error(`expected an address, got ${text}`)
  return address
}
