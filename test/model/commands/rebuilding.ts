/** The ledger from its public log alone, as if every sealed file were lost. */
import { expect } from 'chai'
import type { State } from '../../../enclave/core/state.ts'
import { audited, bitmapHash, refusalOf } from '../../builders/boot.ts'
import type { GovernedOf } from './governed.ts'
import type { Host } from './host.ts'

/** Gives the ledger that the sealed chain gives, account by account; nothing goes on from it here. */
export function rebuild(host: Host, { parts }: GovernedOf<'rebuild'>): void {
  const last = host.anchor.landed.at(-1)
  if (last === undefined) return
  const { records, count } = host.landedPlace()
  const prefix = records.slice(0, count)
  // The published log ends where the header closed it: its commit entry comes with the next one.
  const log = prefix.flatMap((record) => record.entries).slice(0, -1)
  const claimed = host.truth(last.next)
  const refusedWith = (entries: readonly Uint8Array[], claim: object): string =>
    refusalOf(() => host.world.provisioned().call('rebuild', { entries, claimed: claim }))
  expect(['CLAIM_MISMATCH', 'STATE_MISMATCH']).to.include(refusedWith(log.slice(0, -1), claimed))
  expect(refusedWith(log, { ...claimed, head: bitmapHash(9n) })).to.equal('CLAIM_MISMATCH')
  const rebuilt = host.world.provisioned()
  const half = parts ? log.slice(0, Math.floor(log.length / 2)) : []
  if (parts) rebuilt.call('rebuild', { entries: half, more: true })
  const { released } = rebuilt.call('rebuild', { entries: log.slice(half.length), claimed })
  const loaded = host.world.provisioned()
  loaded.call('load_state', { records: prefix.map((record) => record.sealed), claimed })
  expect(ledgerOf(rebuilt.instance.state as State)).to.deep.equal(ledgerOf(loaded.instance.state as State))
  expect(audited([...log, ...released[0].entries]).head).to.equal(host.anchor.head)
  host.accepted.add('rebuild')
}

/** All but the log after the header, whose commit entry is written anew, at another time perhaps. */
function ledgerOf(state: State): Partial<State> {
  const { log: _, lastLeafHash: __, lastCommitAt: ___, at: ____, forest: _____, due: ______, ...rest } = state
  return rest
}
