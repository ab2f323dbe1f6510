/** Files as the replaced host and core left them, for tests of the cut-over. */
import { createCipheriv } from 'node:crypto'
import { keccak256, toBytes } from 'viem'
import { pythonJson } from '../../scripts/journal/python-form.ts'

export type OldBalance = { readonly wei: bigint; readonly recipient: string }

/** A public key of tests. */
export const OLD_KEY = `0x${'5a'.repeat(32)}`
const NONCE = Buffer.alloc(12, 7)

export function creditLine(id: string, amount: string, balance: string): string {
  return line('credit', id, amount, balance, amount, 'workload')
}

/** How the old host booked a payout: the balance is set, by an event that no core ever saw. */
export function payoutLine(id: string, paid: string, balance: string): string {
  return line('set_balance', id, balance, balance, `-${paid}`, 'payout')
}

function line(event: string, id: string, amount: string, balance: string, delta: string, reason: string): string {
  const fields = [
    ['timestamp', '2026-11-20T08:53:30.522150+00:00'],
    ['event', event],
    ['orchestrator_id', id],
    ['amount', amount],
    ['balance', balance],
    ['delta', delta],
    ['reason', reason],
    ['metadata', []],
  ] as const
  return `${pythonJson(fields)}\n`
}

export type OldCore = {
  readonly balances: { readonly [id: string]: OldBalance }
  readonly pending?: { readonly [hash: string]: string }
  readonly seen?: readonly string[]
}

/** base64 of a sealed state. Amounts are numbers of any size, as the old core wrote them. */
export function sealedState({ balances, pending = {}, seen = [] }: OldCore, key = OLD_KEY): string {
  const accounts = Object.entries(balances).map(
    ([id, { wei, recipient }]) => `${JSON.stringify(id)}:{"balance_wei":${wei},"recipient":"${recipient}"}`,
  )
  const waiting = Object.entries(pending).map(
    ([hash, id]) =>
      `"${hash}":{"amount_wei":1,"orchestrator_id":${JSON.stringify(id)},"recipient":"0x${'33'.repeat(20)}"}`,
  )
  const text = `{"audit_seq":3,"balances":{${accounts.join(',')}},"credit_reporter":null,"pending":{${waiting.join(',')}},"require_credit_signature":false,"seen_event_ids":${JSON.stringify(seen)}}`
  const cipher = createCipheriv('aes-256-gcm', keccak256(toBytes(key as `0x${string}`), 'bytes'), NONCE)
  cipher.setAAD(Buffer.from('payments-tee-core:v1'))
  const body = Buffer.concat([cipher.update(text), cipher.final()])
  return Buffer.concat([NONCE, body, cipher.getAuthTag()]).toString('base64')
}
