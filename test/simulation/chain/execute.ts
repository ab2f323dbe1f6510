/** One transaction of a block: what it changes, or the error it reverts with. */
import { ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { callAnchor, isFrozen } from './anchor.ts'
import { redeem } from './broker.ts'
import { FOREIGN_ERROR, Reverted } from './reverted.ts'
import type { Rules } from './rules.ts'
import { addDeposit, type ChainState, type EventBody, type Outcome, type Transaction } from './state.ts'

export type Moment = { readonly state: ChainState; readonly rules: Rules; readonly atSeconds: number }

/** A reverted transaction leaves the state as it was, but for the number of the account that sent it. */
export function execute(moment: Moment, transaction: Transaction): { state: ChainState; outcome: Outcome } {
  const before = { ...moment.state }
  const raw = transaction.kind === 'anchor' ? transaction.raw : undefined
  if (raw !== undefined) before.nonces = new Map(before.nonces).set(raw.from, raw.nonce + 1)
  const state = { ...before }
  try {
    return { state, outcome: run({ ...moment, state }, transaction) }
  } catch (error) {
    if (!(error instanceof Reverted)) throw error
    const position = error.position === undefined ? {} : { position: error.position }
    return { state: before, outcome: { kind: 'reverted', error: error.error, ...position } }
  }
}

function run(moment: Moment, transaction: Transaction): Outcome {
  const { state, rules } = moment
  switch (transaction.kind) {
    case 'anchor':
      return callAnchor({ ...moment, isStarved: transaction.isStarved === true }, transaction.call)
    case 'fund':
      state.treasuryWei += transaction.wei
      return done()
    case 'donate':
      if (state.paused) throw new Reverted(FOREIGN_ERROR)
      addDeposit(state, transaction.to, transaction.wei)
      return done()
    case 'redeem': {
      const broker = redeem(state, rules, transaction.ticket, transaction.signature64, transaction.rand)
      if (broker === undefined) throw new Reverted(FOREIGN_ERROR)
      return { kind: 'done', events: [], broker }
    }
    case 'appoint':
      if (state.authority !== ZERO_ADDRESS || state.epoch !== 0 || state.head !== ZERO_HASH)
        throw new Reverted('AnchorAuthoritySet')
      state.authority = transaction.authority
      return done({ kind: 'appointed', authority: transaction.authority })
    case 'approve':
      state.approvedAuthority = transaction.authority
      return done({ kind: 'approved', text: transaction.authority })
    case 'freeze':
      if (isFrozen(moment)) throw new Reverted('AnchorFrozen')
      state.frozenAt = moment.atSeconds
      return done({ kind: 'frozen', text: 'frozen' })
    case 'unfreeze':
      if (!isFrozen(moment)) throw new Reverted('AnchorNotFrozen')
      state.frozenAt = 0
      return done({ kind: 'unfrozen', text: 'unfrozen' })
  }
}

function done(...events: EventBody[]): Outcome {
  return { kind: 'done', events, broker: [] }
}
