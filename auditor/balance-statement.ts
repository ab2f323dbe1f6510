/**
 * What an orchestrator was told about its account, judged without its teller: the answer of `prove_balance` beside what
 * the chain says (protocol section 3). Pure.
 */
import { leafHash, verifyBalanceProof } from '../enclave/protocol/balance-tree.ts'
import type { Decoded } from '../enclave/protocol/codec.ts'
import { address, amountWei, decodeWith, flag, hash, list, struct, text, uint } from '../enclave/protocol/codec.ts'
import { headerCodec } from '../enclave/protocol/entry.ts'
import { isCoded } from '../enclave/protocol/errors.ts'
import { foldHead, headerHash, SEQUENCE_MAX } from '../enclave/protocol/header.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { fromHex, ORCHESTRATOR_ID_BYTES_MAX } from '../enclave/protocol/ids.ts'
import { ACCOUNTS_MAX } from '../enclave/protocol/policy.ts'
import type { Ledger } from '../enclave/protocol/typed-data.ts'
import { ledgerIdOf } from '../enclave/protocol/typed-data.ts'
import type { Committed } from './chain-facts.ts'

const SIBLINGS_MAX = 32

const statementCodec = struct({
  header: headerCodec,
  headerHash: hash,
  /** The teller's word, which is not looked at. */
  landed: flag,
  account: struct({
    index: uint(ACCOUNTS_MAX),
    orchestratorId: text(ORCHESTRATOR_ID_BYTES_MAX, 1),
    recipient: address,
    creditedWei: amountWei,
    paidWei: amountWei,
    reservedWei: amountWei,
    lastSeq: uint(SEQUENCE_MAX),
  }),
  proof: list(hash, SIBLINGS_MAX),
})

export type Statement = Decoded<typeof statementCodec>

/** A foreign JSON value as a statement. Refuses PARAMS_INVALID with the field. */
export function parseStatement(value: unknown): Statement {
  return decodeWith(statementCodec, value, 'PARAMS_INVALID', 'statement')
}

/** Where the landing of a header is known from: the anchor's events, or one hash that the reader looked up himself. */
export type Landing =
  | { readonly from: 'events'; readonly committed: readonly Committed[]; readonly finalBlock: number }
  /** `next` of a Committed event. */
  | { readonly from: 'next'; readonly next: Hash }
  /** The anchor's `head`; `bitmap` is that of its Settled event, null after a commit without payouts. */
  | { readonly from: 'head'; readonly head: Hash; readonly bitmap: Hash | null }

export type StatementFault =
  | 'OTHER_LEDGER'
  | 'OTHER_ACCOUNT'
  | 'HEADER_HASH'
  | 'ACCOUNT_FIELDS'
  | 'PROOF_INVALID'
  | 'NOT_LANDED'
  | 'ROOT_DIFFERS'

export type StatementVerdict =
  | { readonly kind: 'invalid'; readonly fault: StatementFault; readonly expected: string; readonly got: string }
  | {
      /** final: in a final block. provisional: on chain, and may still be reorganised. given: as far as the reader's own hash goes. */
      readonly kind: 'final' | 'provisional' | 'given'
      readonly sequence: number
      /** Commits on chain after this one: the statement is that old. Null without events. */
      readonly newerCommits: number | null
      readonly recipient: Address
      readonly balanceWei: bigint
      readonly creditedWei: bigint
      readonly paidWei: bigint
      readonly reservedWei: bigint
    }

export type StatementClaim = {
  readonly statement: Statement
  /** Whose balance the reader asked for. */
  readonly orchestratorId: string
  readonly ledger: Ledger
  readonly landing: Landing
}

/** Whether the account stands so in a header that the anchor took. It says nothing about newer headers. */
export function judgeStatement(claim: StatementClaim): StatementVerdict {
  return faultOf(claim) ?? landedAs(claim)
}

type Fault = Extract<StatementVerdict, { kind: 'invalid' }>

function fault(code: StatementFault, expected: unknown, got: unknown): Fault {
  return { kind: 'invalid', fault: code, expected: String(expected), got: String(got) }
}

/** What the statement says of itself. */
function faultOf({ statement, orchestratorId, ledger }: StatementClaim): Fault | undefined {
  const { header, account } = statement
  const ledgerId = ledgerIdOf(ledger)
  if (header.ledgerId !== ledgerId) return fault('OTHER_LEDGER', ledgerId, header.ledgerId)
  if (account.orchestratorId !== orchestratorId)
    return fault('OTHER_ACCOUNT', JSON.stringify(orchestratorId), JSON.stringify(account.orchestratorId))
  const own = headerHash(header)
  if (own !== statement.headerHash) return fault('HEADER_HASH', own, statement.headerHash)
  if (account.index >= header.accounts) return fault('ACCOUNT_FIELDS', `less than ${header.accounts}`, account.index)
  if (account.lastSeq > header.sequence) return fault('ACCOUNT_FIELDS', `at most ${header.sequence}`, account.lastSeq)
  const balance = balanceOf(statement)
  if (balance < 0n) return fault('ACCOUNT_FIELDS', 'a balance of at least 0 wei', balance)
  return proofFaultOf(statement)
}

function balanceOf({ account }: Statement): bigint {
  return account.creditedWei - account.paidWei - account.reservedWei
}

function proofFaultOf({ header, account, proof }: Statement): Fault | undefined {
  const { creditedWei: credited, paidWei: paid, reservedWei: reserved, ...rest } = account
  try {
    verifyBalanceProof({
      leaf: leafHash({ ...rest, credited, paid, reserved }),
      index: account.index,
      proof: proof.map(fromHex),
      root: fromHex(header.balanceRoot),
      depth: header.treeDepth,
    })
    return undefined
  } catch (error) {
    if (!isCoded(error)) throw error
    return fault('PROOF_INVALID', `the root ${header.balanceRoot}`, error.message)
  }
}

function landedAs({ statement, landing }: StatementClaim): StatementVerdict {
  const { header, headerHash: next } = statement
  if (landing.from === 'next')
    return landing.next === next ? told(statement, 'given', null) : fault('NOT_LANDED', landing.next, next)
  if (landing.from === 'head') {
    const head = landing.bitmap === null ? next : foldHead(next, BigInt(landing.bitmap))
    return landing.head === head ? told(statement, 'given', null) : fault('NOT_LANDED', landing.head, head)
  }
  const event = landing.committed.find((committed) => committed.next === next)
  if (event === undefined) return fault('NOT_LANDED', 'a Committed event of this header', next)
  if (event.balanceRoot !== header.balanceRoot) return fault('ROOT_DIFFERS', event.balanceRoot, header.balanceRoot)
  const newer = landing.committed.filter(({ sequence }) => sequence > event.sequence).length
  return told(statement, event.block <= landing.finalBlock ? 'final' : 'provisional', newer)
}

function told(
  statement: Statement,
  kind: 'final' | 'provisional' | 'given',
  newerCommits: number | null,
): StatementVerdict {
  const { recipient, creditedWei, paidWei, reservedWei } = statement.account
  const { sequence } = statement.header
  const balanceWei = balanceOf(statement)
  return { kind, sequence, newerCommits, recipient, balanceWei, creditedWei, paidWei, reservedWei }
}
