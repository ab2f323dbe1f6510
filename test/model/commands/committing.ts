/** Headers signed, signed again, landed and settled: by the truth or by a lie. */
import { expect } from 'chai'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash, FEES, Refused, ROUND } from '../../builders/boot.ts'
import type { Of } from './commands.ts'
import { UNACKNOWLEDGED_MAX } from './feeding.ts'
import type { Host } from './host.ts'
import type { Player } from './player.ts'

/** The order of refusals is the enclave's own; each of them names a fact that the model can see. */
export function prepare(host: Host, player: Player, { pay, budgetWei, keep }: Of<'prepare'>): void {
  const { unlanded, dueAccounts } = player.boot.ledger
  const codes: string[] = []
  if (player.phase !== 'active') codes.push('PHASE_FORBIDS')
  else if (unlanded !== null) codes.push('COMMIT_UNLANDED')
  else {
    if (player.unacknowledged >= UNACKNOWLEDGED_MAX) codes.push('BACKPRESSURE')
    if (!pay) codes.push('CADENCE_EARLY')
    // Caps of a rolling window may leave room for nobody who is due.
    const capped = player.state.policy.admins.length > 0
    if (pay && (dueAccounts === 0 || budgetWei < 10n ** 18n || capped)) codes.push('NOTHING_DUE')
  }
  const before = player.fingerprint()
  try {
    const reply = player.boot.call('prepare_commit', {
      mode: pay ? 'pay' : 'bare',
      budgetWei: budgetWei.toString(),
      round: ROUND,
      fees: FEES,
      accountNonce: 0,
    })
    expect(codes).to.not.include.oneOf(['PHASE_FORBIDS', 'COMMIT_UNLANDED', 'BACKPRESSURE'])
    expect(sumOf(reply.payouts) <= budgetWei, 'the budget holds').to.equal(true)
    if (!keep) return
    host.calls.push(reply.call)
    player.acknowledge()
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    expect(codes).to.include(error.code)
    expect(player.fingerprint()).to.equal(before)
  }
}

export function resign(host: Host, player: Player, { skip }: Of<'resign'>): void {
  const params = { skip, round: ROUND, fees: FEES, accountNonce: 1 }
  const attempt = (): unknown => player.boot.call('resign_commit', params)
  if (player.phase !== 'active') return player.refuses(['PHASE_FORBIDS'], attempt)
  const { unlanded } = player.boot.ledger
  if (unlanded === null) return player.refuses(['NO_UNLANDED_COMMIT'], attempt)
  if (unlanded.signatures >= player.state.policy.signaturesPerSequenceMax)
    return player.refuses(['SIGNATURES_SPENT'], attempt)
  if (skip.some((position) => position >= unlanded.payouts)) return player.refuses(['SKIP_INVALID'], attempt)
  const before = player.fingerprint()
  const reply = player.boot.call('resign_commit', params)
  expect([reply.headerHash, player.fingerprint()]).to.deep.equal([unlanded.headerHash, before])
  host.calls.push(reply.call)
}

/** The newest call as an honest broadcast would, or any that was ever signed. */
export function land(host: Host, { newest, call, fails }: Of<'land'>): void {
  const data = newest ? host.calls.at(-1) : host.calls[call % host.calls.length]
  if (data !== undefined) host.anchor.land(data, fails, host.committed)
}

export function confirm(host: Host, player: Player, { honest, bits, keep }: Of<'confirm'>): void {
  const unlanded = player.boot.ledger.unlanded as { sequence: number; headerHash: Hash; payouts: number } | null
  const sequence = unlanded?.sequence ?? player.state.sequence + 1
  const landed = unlanded === null ? undefined : landedAs(host, unlanded.headerHash)
  const lie = unlanded?.payouts === 0 ? null : bits & ((1n << BigInt(unlanded?.payouts ?? 0)) - 1n)
  const told = honest && landed !== undefined ? landed.bitmap : lie
  const params = { sequence, bitmap: told === null ? null : bitmapHash(told) }
  const attempt = (over: object = {}): unknown => player.boot.call('confirm_payout', { ...params, ...over })
  if (player.phase !== 'active') return player.refuses(['PHASE_FORBIDS'], attempt)
  if (unlanded === null) return player.refuses(['NO_UNLANDED_COMMIT'], attempt)
  player.refuses(['SEQUENCE_MISMATCH'], () => attempt({ sequence: sequence + 1 }))
  const misfit = unlanded.payouts === 0 ? bitmapHash(0n) : bitmapHash(1n << BigInt(unlanded.payouts))
  player.refuses(['BITMAP_INVALID'], () => attempt({ bitmap: misfit }))
  if (player.unacknowledged >= UNACKNOWLEDGED_MAX) return player.refuses(['BACKPRESSURE'], attempt)
  player.repeats(attempt(), attempt)
  if (keep) player.acknowledge()
  if (landed !== undefined && told === landed.bitmap && host.anchor.sequence === sequence)
    expect(player.boot.ledger.head).to.equal(host.anchor.head)
}

function landedAs(host: Host, hash: Hash): Host['anchor']['landed'][number] | undefined {
  return host.anchor.landed.find(({ next }) => next === hash)
}

function sumOf(payouts: readonly { readonly amountWei: string }[]): bigint {
  return payouts.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n)
}
