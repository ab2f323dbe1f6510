/** A signer of tests: its key, what it is for, and honest things to sign, encoded by viem. */
import { encodeFunctionData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Address, fromHex, type Hash, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import type { SignerConfiguration, SignerPolicy } from '../../../../enclave/protocol/signer-configuration.ts'
import { recipientRandHash, type Ticket, WIN_PROB_ALWAYS } from '../../../../enclave/protocol/ticket.ts'
import { TICKET_BROKER_ABI } from '../../../../scripts/chain/world.ts'

/** Thirty-two bytes of 0x42: a key for tests, and for nothing of value. */
export const KEY = new Uint8Array(32).fill(0x42)
export const ACCOUNT = privateKeyToAccount(toHex(KEY))
export const SIGNER = ACCOUNT.address.toLowerCase() as Address
export const BROKER = `0x${'b0'.repeat(20)}` as Address
export const PAYEES = ['1', '2', '3'].map((digit) => `0x${digit.repeat(40)}` as Address)
export const PAYEE = PAYEES[0] as Address
export const STRANGER = `0x${'5a'.repeat(20)}` as Address
export const CHAIN_ID = 42_161
const RAND = 9n
const SIGNATURE = toHex(new Uint8Array(65).fill(0x1b))

export function aSignerPolicy(over: Partial<SignerPolicy> = {}): SignerPolicy {
  return {
    allowedRecipients: PAYEES,
    requireAllowlist: true,
    allowFundDeposit: true,
    maxFundDepositWei: wei(5_000n),
    maxFaceValueWei: wei(1_000n),
    maxTotalFaceValueWei: wei(2_500n),
    batchMax: 4,
    maxFeePerGasWei: wei(2_000n),
    maxPriorityFeePerGasWei: wei(50n),
    gasMax: 900_000,
    ...over,
  }
}

export function aSignerConfiguration(policy: Partial<SignerPolicy> = {}): SignerConfiguration {
  return { role: 'signer', chainId: CHAIN_ID, broker: BROKER, policy: aSignerPolicy(policy) }
}

export function aTicket(over: Partial<Ticket> = {}): Ticket {
  return {
    recipient: PAYEE,
    sender: SIGNER,
    faceValueWei: 700n,
    winProb: WIN_PROB_ALWAYS,
    senderNonce: 3n,
    recipientRandHash: recipientRandHash(RAND),
    auxData: new Uint8Array(64).fill(7),
    ...over,
  }
}

/** As Livepeer's ABI names it. */
export function abiTicket({ faceValueWei, auxData, ...fields }: Ticket) {
  return { ...fields, faceValue: faceValueWei, auxData: toHex(auxData) }
}

/** As a client writes it in JSON. */
export function wireTicket(ticket: Ticket) {
  const { faceValue, winProb, senderNonce, ...fields } = abiTicket(ticket)
  return { ...fields, faceValue: `${faceValue}`, winProb: `${winProb}`, senderNonce: `${senderNonce}` }
}

export function redeemData(ticket: Ticket, signature: Hex = SIGNATURE, rand: bigint = RAND): Hex {
  const args = [abiTicket(ticket), signature, rand] as const
  return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'redeemWinningTicket', args })
}

export function batchData(
  tickets: readonly Ticket[],
  signatures: readonly Hex[] = tickets.map(() => SIGNATURE),
  rands: readonly bigint[] = tickets.map(() => RAND),
): Hex {
  const args = [tickets.map(abiTicket), signatures, rands] as const
  return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'batchRedeemWinningTickets', args })
}

export function fundData(): Hex {
  return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'fundDeposit' })
}

export type WireTx = { readonly [field: string]: unknown }

/** A redemption with EIP-1559 fees, as the replaced signer's clients send it. */
export function aTx(over: WireTx = {}): WireTx {
  return {
    chainId: CHAIN_ID,
    nonce: 5,
    gas: 350_000,
    maxFeePerGas: 1_500,
    maxPriorityFeePerGas: 20,
    to: BROKER,
    value: 0,
    data: redeemData(aTicket()),
    ...over,
  }
}

/** The same with one gas price. */
export function aLegacyTx(over: WireTx = {}): WireTx {
  const { maxFeePerGas: _, maxPriorityFeePerGas: __, ...fields } = aTx()
  return { ...fields, gasPrice: 1_500, ...over }
}

export function without(tx: WireTx, field: string): WireTx {
  return Object.fromEntries(Object.entries(tx).filter(([name]) => name !== field))
}

export function aHash(fill: number): Hash {
  return toHex(new Uint8Array(32).fill(fill)) as Hash
}

export function bytesOf(data: Hex): Uint8Array {
  return fromHex(data)
}
