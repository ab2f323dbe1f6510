/**
 * Requests to a signer. The signed bytes in signer.json were made by viem's own account, and a test holds
 * both against them. The key is thirty-two bytes of 0x42: public, for nothing of value.
 */
import type { Hex } from '../../enclave/protocol/ids.ts'
import { type Ticket, ticketHash } from '../../enclave/protocol/ticket.ts'
import {
  ACCOUNT,
  aTicket,
  BROKER,
  batchData,
  CHAIN_ID,
  fundData,
  PAYEES,
  redeemData,
  wireTicket,
} from '../unit/enclave/signer/a-signer.ts'

export const TERMS = {
  chain_id: CHAIN_ID,
  ticket_broker: BROKER,
  allowed_recipients: PAYEES.join(','),
  require_allowlist: true,
  max_fund_deposit_wei: '20000000000000001',
  max_face_value_wei: 1_000,
  max_total_face_value_wei: 2_500,
}

export type SignerCase = {
  readonly name: string
  readonly method: string
  readonly params: object
  readonly signed: () => Promise<Hex>
}

const TO = { chainId: CHAIN_ID, to: BROKER } as const

function message(name: string, ticket: Ticket): SignerCase {
  const hash = ticketHash(ticket)
  const params = { message_hash: hash, ticket: wireTicket(ticket) }
  return { name, method: 'sign_message_defunct', params, signed: () => ACCOUNT.signMessage({ message: { raw: hash } }) }
}

function modern(name: string, nonce: number, data: Hex, value = 0n): SignerCase {
  const [gas, maxFeePerGas, maxPriorityFeePerGas] = [350_000, 200_000_000, 1]
  const tx = { ...TO, nonce, gas, maxFeePerGas, maxPriorityFeePerGas, value: `${value}`, data }
  const fees = { maxFeePerGas: BigInt(maxFeePerGas), maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas) }
  const signed = () =>
    ACCOUNT.signTransaction({ ...TO, type: 'eip1559', nonce, gas: BigInt(gas), ...fees, value, data })
  return { name, method: 'sign_transaction', params: { tx }, signed }
}

function legacy(name: string, nonce: number, data: Hex): SignerCase {
  const [gas, gasPrice] = [2_000_000, 100_000_000]
  const tx = { ...TO, nonce, gas, gasPrice, data }
  const signed = () =>
    ACCOUNT.signTransaction({ ...TO, type: 'legacy', nonce, gas: BigInt(gas), gasPrice: BigInt(gasPrice), data })
  return { name, method: 'sign_transaction', params: { tx }, signed }
}

const BATCH = PAYEES.map((recipient, at) => aTicket({ recipient, senderNonce: BigInt(at) }))

export const CASES: readonly SignerCase[] = [
  message('a ticket', aTicket()),
  message('a ticket without auxData', aTicket({ auxData: new Uint8Array(0) })),
  message('a ticket at its borders', aTicket({ faceValueWei: 1_000n, winProb: 0n, senderNonce: 2n ** 256n - 1n })),
  modern('a redemption', 0, redeemData(aTicket())),
  modern('a deposit of more than 2^53 wei', 127, fundData(), 20_000_000_000_000_001n),
  modern('a batch', 128, batchData(BATCH)),
  legacy('a redemption at one gas price', 0, redeemData(aTicket())),
  legacy('a batch at one gas price', 300, batchData(BATCH)),
]
