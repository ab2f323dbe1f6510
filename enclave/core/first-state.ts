/** The state that the genesis entry makes; account 0 is the treasury owner's (protocol section 3) [G14]. */
import type { Place } from '../protocol/configuration.ts'
import type { Body } from '../protocol/entry.ts'
import { fromHex, ZERO_HASH } from '../protocol/ids.ts'
import { ZERO_WEI } from '../protocol/money.ts'
import { POLICY_VERSION_GENESIS, policyHash } from '../protocol/policy.ts'
import { newDueIndex } from './due-index.ts'
import { demand, openAccount, pinRecipient, type State } from './state.ts'

export function stateOfGenesis(body: Body<'genesis'>, at: number, empty: Pick<State, 'forest' | 'log'>): State {
  demand(policyHash(body.policy) === body.policyHash, 'the hash of the policy')
  const state: State = {
    configuration: placeOf(body),
    ledgerId: body.ledgerId,
    imageDigest: body.imageDigest,
    authority: body.authority,
    logKey: body.logKey,
    config: body.config,
    policy: body.policy,
    policyHash: body.policyHash,
    policyVersion: POLICY_VERSION_GENESIS,
    accounts: [],
    byId: new Map(),
    touched: new Map(),
    due: newDueIndex(),
    ...empty,
    lastLeafHash: fromHex(ZERO_HASH),
    at,
    epoch: body.epoch,
    head: ZERO_HASH,
    sequence: 0,
    reserving: null,
    unlanded: null,
    lastHeader: null,
    lastCommitAt: 0,
    creditedWei: ZERO_WEI,
    paidWei: ZERO_WEI,
    reservedWei: ZERO_WEI,
    journalSize: body.journalSize,
    journalHead: fromHex(body.journalHead),
    nextPayoutId: 1,
    servedIndex: 0,
    genesisLeft: { roster: body.roster, openings: body.openings },
    accountsWithoutRecipient: 0,
    reporters: new Map(),
    journalUse: { creditedWei: ZERO_WEI, window: [] },
    paidTo: new Map(),
    paidToAll: [],
    adjustSeq: 0,
    drainSeq: 0,
  }
  const owner = openAccount(state, '')
  state.byId.delete('')
  pinRecipient(state, owner, body.policy.treasuryOwner)
  return state
}

function placeOf(body: Body<'genesis'>): Place {
  const { chainId, anchor, broker, guardian, role, genesisHash } = body
  return { chainId, anchor, broker, guardian, role, genesisHash }
}
