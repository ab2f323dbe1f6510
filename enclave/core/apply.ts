/**
 * state' = apply(state, entry): how each entry changes the ledger (protocol section 3). Entries come from our own
 * decisions, or from a host that loads a state: whatever does not follow is refused as STATE_MISMATCH, and the caller
 * drops the half-changed state whole.
 */
import type { Body, Entry } from '../protocol/entry.ts'
import { assertNever, CodedError } from '../protocol/errors.ts'
import { foldHead, headerHash } from '../protocol/header.ts'
import type { Hash } from '../protocol/ids.ts'
import { fromHex, isAddress, ZERO_ADDRESS, ZERO_HASH } from '../protocol/ids.ts'
import { addWei, LEDGER_WEI_LIMIT, subWei, type Wei, ZERO_WEI } from '../protocol/money.ts'
import { policyHash } from '../protocol/policy.ts'
import { closeHeader } from './header-of.ts'
import { nextJournalHead } from './journal.ts'
import { type Account, balanceWei, demand, openAccount, pinRecipient, type State, touch } from './state.ts'

export function apply(state: State, entry: Entry): void {
  demand(entry.at >= state.at, `at of ${state.at} or later`)
  demand(entry.i === state.log.size, `index ${state.log.size}`)
  state.at = entry.at
  applyBody(state, entry)
}

function applyBody(state: State, entry: Entry): void {
  switch (entry.type) {
    case 'register':
      return applyRegister(state, entry.body)
    case 'credit':
      return applyCredit(state, entry.body)
    case 'adjust':
      return applyAdjust(state, entry.body)
    case 'refuse':
      return applyRefuse(state, entry.body)
    case 'reserve':
      return applyReserve(state, entry.body)
    case 'commit':
      return applyCommit(state, entry.body, entry.at)
    case 'settle':
      return applySettle(state, entry.body)
    case 'void':
      return applyVoid(state, entry.body)
    case 'open':
      return applyOpen(state, entry.body)
    case 'genesis':
    case 'policy':
    case 'credits':
    case 'rotate':
    case 'reset':
    case 'note':
      // Genesis makes a state and never changes one; the others belong to a later generation.
      throw new CodedError('STATE_MISMATCH', `expected an entry of this generation, got ${entry.type}`)
    default:
      assertNever(entry)
  }
}

function applyRegister(state: State, body: Body<'register'>): void {
  demand(body.source === 'roster' || body.source === 'opening', 'a roster or opening registration')
  demand(state.genesisLeft[body.source === 'roster' ? 'roster' : 'openings'] > 0, 'a registration within genesis')
  const account = accountAt(state, body.account, body.id)
  demand(account.recipient === ZERO_ADDRESS, `no recipient pinned to ${body.id}`)
  demand(!isAddress(body.id) || body.id === body.recipient, 'an id that is an address to be pinned to itself')
  pinRecipient(state, account, body.recipient)
  touch(state, account.index)
  if (body.source === 'roster') state.genesisLeft.roster--
}

function applyCredit(state: State, body: Body<'credit'>): void {
  demand(body.source !== 'signed', 'a journal or opening credit')
  const account = accountAt(state, body.account, body.id)
  if (body.source === 'journal') advanceJournal(state, body.line, body.hash)
  else {
    demand(state.genesisLeft.roster === 0 && state.genesisLeft.openings > 0, 'an opening within genesis')
    state.genesisLeft.openings--
  }
  demand(state.creditedWei + body.wei < LEDGER_WEI_LIMIT, 'a ledger total below 2^127')
  touch(state, account.index)
  account.creditedWei = addWei(account.creditedWei, body.wei)
  state.creditedWei = addWei(state.creditedWei, body.wei)
}

function applyAdjust(state: State, body: Body<'adjust'>): void {
  demand(body.source === 'journal', 'an adjustment from the journal')
  demand(body.delta < 0n, 'a negative adjustment')
  const account = accountAt(state, body.account, body.id)
  advanceJournal(state, body.line, body.hash)
  const size = -body.delta as Wei
  demand(balanceWei(account) >= size, 'a balance that covers the adjustment')
  touch(state, account.index)
  account.creditedWei = subWei(account.creditedWei, size)
  state.creditedWei = subWei(state.creditedWei, size)
}

function applyRefuse(state: State, body: Body<'refuse'>): void {
  demand(body.source === 'journal', 'a refused journal line')
  advanceJournal(state, body.line, body.hash)
}

function advanceJournal(state: State, line: number, hash: Hash): void {
  demand(state.genesisLeft.roster === 0 && state.genesisLeft.openings === 0, 'genesis to be complete')
  demand(line === state.journalSize, `journal line ${state.journalSize}`)
  state.journalHead = nextJournalHead(state.journalHead, fromHex(hash))
  state.journalSize++
}

/** The named account; one more than there are opens a new one. */
function accountAt(state: State, index: number, id: string): Account {
  const account =
    index === state.accounts.length && !state.byId.has(id) ? openAccount(state, id) : state.accounts[index]
  demand(account !== undefined && account.id === id && index > 0, `account ${index} to be ${id}`)
  return account
}

function applyReserve(state: State, body: Body<'reserve'>): void {
  demand(state.unlanded === null && state.reserving === null, 'no unlanded commit')
  demand(body.sequence === state.sequence + 1 && body.payouts.length > 0, `payouts of sequence ${state.sequence + 1}`)
  for (const payout of body.payouts) {
    demand(payout.payoutId === state.nextPayoutId, `payout ${state.nextPayoutId}`)
    const account = touch(state, payout.account)
    demand(account.recipient === payout.recipient && payout.recipient !== ZERO_ADDRESS, 'the pinned recipient')
    demand(payout.wei > 0n && balanceWei(account) >= payout.wei, 'a balance that covers the payout')
    account.reservedWei = addWei(account.reservedWei, payout.wei)
    state.reservedWei = addWei(state.reservedWei, payout.wei)
    state.nextPayoutId++
    state.servedIndex = account.index
  }
  state.reserving = body.payouts
}

function applyCommit(state: State, body: Body<'commit'>, at: number): void {
  demand(state.unlanded === null, 'no unlanded commit')
  const header = closeHeader(state)
  const hash = headerHash(header)
  demand(hash === body.hash && hash === headerHash(body.header), `header ${hash}`)
  state.unlanded = { header, hash, payouts: state.reserving ?? [] }
  state.reserving = null
  state.lastHeader = header
  state.lastCommitAt = at
}

function applySettle(state: State, body: Body<'settle'>): void {
  const { unlanded } = state
  demand(unlanded !== null && body.sequence === unlanded.header.sequence, 'the unlanded sequence')
  demand((body.bitmap === null) === (unlanded.payouts.length === 0), 'a bitmap exactly where there are payouts')
  const bitmap = body.bitmap === null ? 0n : BigInt(body.bitmap)
  const head = body.bitmap === null ? unlanded.hash : foldHead(unlanded.hash, bitmap)
  demand(body.head === head, `head ${head}`)
  demand(bitmap >> BigInt(unlanded.payouts.length) === 0n, 'no bit past the last payout')
  for (const [position, payout] of unlanded.payouts.entries()) {
    const paid = ((bitmap >> BigInt(position)) & 1n) === 1n
    const account = releaseReserve(state, payout.account, payout.wei)
    if (paid) {
      account.paidWei = addWei(account.paidWei, payout.wei)
      state.paidWei = addWei(state.paidWei, payout.wei)
    }
    noteOutcome(state, account, paid, unlanded.header.sequence)
  }
  state.head = head
  state.sequence = unlanded.header.sequence
  state.unlanded = null
}

/** After k failures in a row an account waits 2^k sequences, up to the policy's bound [S13]. */
function noteOutcome(state: State, account: Account, paid: boolean, sequence: number): void {
  account.failures = paid ? 0 : account.failures + 1
  const wait = Math.min(2 ** Math.min(account.failures, 30), state.policy.backoffSequencesMax)
  account.retrySequence = paid ? 0 : sequence + wait
}

function applyVoid(state: State, body: Body<'void'>): void {
  const { unlanded } = state
  demand(unlanded !== null && body.sequence === unlanded.header.sequence, 'the unlanded sequence')
  demand(body.head === unlanded.header.prev, 'the head before it')
  for (const payout of unlanded.payouts) releaseReserve(state, payout.account, payout.wei)
  state.unlanded = null
}

function releaseReserve(state: State, index: number, amount: Wei): Account {
  const account = touch(state, index)
  account.reservedWei = subWei(account.reservedWei, amount)
  state.reservedWei = subWei(state.reservedWei, amount)
  return account
}

function applyOpen(state: State, body: Body<'open'>): void {
  demand(state.unlanded === null && state.reserving === null, 'no unlanded commit')
  demand(body.head === state.head, `head ${state.head}`)
  demand(body.epoch > state.epoch, `an epoch after ${state.epoch}`)
  demand(body.imageDigest === state.imageDigest, 'the digest of this image')
  state.epoch = body.epoch
}

/** The first entry makes the state; account 0 is the treasury owner's. */
export function stateOfGenesis(body: Body<'genesis'>, at: number, empty: Pick<State, 'forest' | 'log'>): State {
  demand(policyHash(body.policy) === body.policyHash, 'the hash of the policy')
  const configuration = {
    chainId: body.chainId,
    anchor: body.anchor,
    broker: body.broker,
    guardian: body.guardian,
    role: body.role,
    genesisHash: body.genesisHash,
  }
  const state: State = {
    configuration,
    ledgerId: body.ledgerId,
    imageDigest: body.imageDigest,
    authority: body.authority,
    logKey: body.logKey,
    config: body.config,
    policy: body.policy,
    policyHash: body.policyHash,
    policyVersion: 1,
    accounts: [],
    byId: new Map(),
    touched: new Map(),
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
  }
  const owner = openAccount(state, '')
  state.byId.delete('')
  pinRecipient(state, owner, body.policy.treasuryOwner)
  return state
}
