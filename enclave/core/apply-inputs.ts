/** How what came in from outside changes the ledger: credits, registrations and the acts of admins. See apply.ts. */
import type { Body } from '../protocol/entry.ts'
import type { Address } from '../protocol/ids.ts'
import { fromHex, isAddress, toHash, ZERO_ADDRESS } from '../protocol/ids.ts'
import type { JournalCredit } from '../protocol/journal-entry.ts'
import { addWei, LEDGER_WEI_LIMIT, type Wei, ZERO_WEI } from '../protocol/money.ts'
import { policyHash } from '../protocol/policy.ts'
import { nextJournalHead } from './journal.ts'
import { ripenRecipient } from './recipient.ts'
import {
  type Account,
  type CreditUse,
  creditAccount,
  debitAccount,
  demand,
  noteDue,
  openAccount,
  pinRecipient,
  type ReporterUse,
  rebuildDue,
  type State,
  touch,
} from './state.ts'
import { spend } from './window.ts'

export function applyRegister(state: State, body: Body<'register'>): void {
  if (body.source === 'change') return applyChange(state, body)
  const inGenesis = body.source === 'roster' || body.source === 'opening'
  if (inGenesis)
    demand(state.genesisLeft[body.source === 'roster' ? 'roster' : 'openings'] > 0, 'a registration within genesis')
  const account = accountAt(state, body.account, body.id)
  demand(account.recipient === ZERO_ADDRESS, `no recipient pinned to ${body.id}`)
  demand(!isAddress(body.id) || body.id === body.recipient, 'an id that is an address to be pinned to itself')
  touch(state, account.index)
  pinRecipient(state, account, body.recipient)
  if (body.source === 'roster') state.genesisLeft.roster--
  if (!inGenesis) countRegistration(account, body.regSeq)
}

function applyChange(state: State, body: Body<'register'> & { source: 'change' }): void {
  const account = state.accounts[body.account]
  demand(
    account !== undefined && account.id === body.id && body.account > 0,
    `account ${body.account} to be ${body.id}`,
  )
  ripenRecipient(state, account)
  demand(account.recipient === body.from && body.from !== ZERO_ADDRESS, `a change from ${account.recipient}`)
  demand(!isAddress(body.id), 'an id that is no address')
  countRegistration(account, body.regSeq)
  const withdrawn = body.recipient === body.from
  account.pending = withdrawn ? null : { recipient: body.recipient, sequence: state.sequence, at: state.at }
  noteDue(state, account)
}

function countRegistration(account: Account, regSeq: number): void {
  demand(regSeq === account.regSeq + 1, `registration ${account.regSeq + 1}`)
  account.regSeq = regSeq
}

export function applyCredit(state: State, body: Body<'credit'>): void {
  if (body.source === 'signed') return applySignedCredit(state, body)
  if (body.source === 'journal') return applyJournalCredit(state, body, fromHex(body.hash))
  const account = accountAt(state, body.account, body.id)
  demand(state.genesisLeft.roster === 0 && state.genesisLeft.openings > 0, 'an opening within genesis')
  state.genesisLeft.openings--
  touch(state, account.index)
  creditAccount(state, account, body.wei)
}

/** `lineHash`: 32 bytes. */
export function applyJournalCredit(state: State, body: JournalCredit, lineHash: Uint8Array): void {
  const account = accountAt(state, body.account, body.id)
  advanceJournal(state, body.line, lineHash)
  countCredit(state, state.journalUse, body.wei)
  touch(state, account.index)
  creditAccount(state, account, body.wei)
}

function applySignedCredit(state: State, body: Body<'credit'> & { source: 'signed' }): void {
  const use = advanceReporter(state, body.reporter, body.rseq, 1)
  takeSigned(state, use, body)
}

/** A part of a signed batch: each of its credits counts, or is recorded with the code that refused it. */
export function applyCredits(state: State, body: Body<'credits'>): void {
  demand(body.from + body.credits.length <= body.count && body.credits.length > 0, 'credits within their batch')
  const use = advanceReporter(state, body.reporter, body.firstSeq + body.from, body.credits.length)
  for (const credit of body.credits) if (credit.code === null) takeSigned(state, use, credit)
}

type SignedCredit = { readonly account: number; readonly id: string; readonly wei: Wei; readonly recipient: Address }

function takeSigned(state: State, use: ReporterUse, body: SignedCredit): void {
  demand(state.policy.credits === 'signed', 'a ledger that takes signed credits')
  const account = accountAt(state, body.account, body.id)
  touch(state, account.index)
  if (body.recipient !== ZERO_ADDRESS && account.recipient === ZERO_ADDRESS)
    pinRecipient(state, account, body.recipient)
  countCredit(state, use, body.wei)
  creditAccount(state, account, body.wei)
}

function countCredit(state: State, use: CreditUse, amountWei: Wei): void {
  demand(use.creditedWei + amountWei < LEDGER_WEI_LIMIT, 'less than 2^127 wei of one source')
  use.creditedWei = addWei(use.creditedWei, amountWei)
  spend(use.window, state.at, state.policy.windowSeconds, amountWei)
}

function advanceReporter(state: State, reporter: Address, rseq: number, count: number): ReporterUse {
  demandWholeGenesis(state)
  const use = state.reporters.get(reporter) ?? { nextSeq: 1, creditedWei: ZERO_WEI, window: [] }
  demand(rseq === use.nextSeq && Number.isSafeInteger(rseq + count), `sequence ${use.nextSeq} of ${reporter}`)
  use.nextSeq += count
  state.reporters.set(reporter, use)
  return use
}

export function applyAdjust(state: State, body: Body<'adjust'>): void {
  if (body.source === 'drain') return applyDrain(state, body)
  const account = state.accounts[body.account]
  demand(
    account !== undefined && account.id === body.id && body.account > 0,
    `account ${body.account} to be ${body.id}`,
  )
  if (body.source === 'journal') {
    demand(body.delta < 0n, 'a negative adjustment')
    advanceJournal(state, body.line, fromHex(body.hash))
  } else {
    demandWholeGenesis(state)
    demand(body.adjustSeq === state.adjustSeq + 1, `adjustment ${state.adjustSeq + 1}`)
    state.adjustSeq = body.adjustSeq
  }
  touch(state, account.index)
  if (body.delta < 0n) debitAccount(state, account, -body.delta as Wei)
  else creditAccount(state, account, body.delta as Wei)
}

/** The one thing that credits account 0 [G14]. */
function applyDrain(state: State, body: Body<'adjust'> & { source: 'drain' }): void {
  demandWholeGenesis(state)
  demand(body.account === 0 && body.drainSeq === state.drainSeq + 1, `drain ${state.drainSeq + 1} of account 0`)
  state.drainSeq = body.drainSeq
  creditAccount(state, touch(state, 0), body.wei)
}

export function applyRefuse(state: State, body: Body<'refuse'>): void {
  switch (body.source) {
    case 'journal':
      return advanceJournal(state, body.line, fromHex(body.hash))
    case 'signed':
      advanceReporter(state, body.reporter, body.rseq, 1)
      return
    case 'skipped':
      demand(body.toSeq >= body.fromSeq, 'a hole that does not end before it begins')
      advanceReporter(state, body.reporter, body.fromSeq, body.toSeq - body.fromSeq + 1)
  }
}

function advanceJournal(state: State, line: number, lineHash: Uint8Array): void {
  demandWholeGenesis(state)
  // What is expected is put into words only when it is missing: this is passed for every line.
  if (line !== state.journalSize || !Number.isSafeInteger(line + 1)) demand(false, `journal line ${state.journalSize}`)
  state.journalHead = nextJournalHead(state.journalHead, lineHash)
  state.journalSize++
}

/** The journal was lost in part: its cursor stays, and its past is another one from here on [F14]. */
export function applyReset(state: State, body: Body<'reset'>): void {
  demandWholeGenesis(state)
  demand(body.atSize === state.journalSize && body.atHead === toHash(state.journalHead), 'the cursor of the journal')
  state.journalHead = fromHex(body.newHead)
}

export function applyPolicy(state: State, body: Body<'policy'>): void {
  demandWholeGenesis(state)
  demand(body.version === state.policyVersion + 1, `policy ${state.policyVersion + 1}`)
  demand(body.prevPolicyHash === state.policyHash, `the successor of policy ${state.policyHash}`)
  demand(policyHash(body.policy) === body.policyHash, 'the hash of the policy')
  state.policy = body.policy
  state.policyHash = body.policyHash
  state.policyVersion = body.version
  if (state.accounts[0]?.recipient !== body.policy.treasuryOwner)
    pinRecipient(state, touch(state, 0), body.policy.treasuryOwner)
  rebuildDue(state)
}

function demandWholeGenesis(state: State): void {
  demand(state.genesisLeft.roster === 0 && state.genesisLeft.openings === 0, 'genesis to be complete')
}

/** The named account; one more than there are opens a new one. */
function accountAt(state: State, index: number, id: string): Account {
  const account =
    index === state.accounts.length && !state.byId.has(id) ? openAccount(state, id) : state.accounts[index]
  if (account === undefined || account.id !== id || index === 0) demand(false, `account ${index} to be ${id}`)
  return account
}
