import { assert } from 'chai'
import { judgeStatement, type Landing, parseStatement, type Statement } from '../../../auditor/balance-statement.ts'
import type { Committed } from '../../../auditor/chain-facts.ts'
import { proofOf } from '../../../enclave/core/balance-forest.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { foldHead, headerHash } from '../../../enclave/protocol/header.ts'
import { toHash, toHex, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { uintWord } from '../../../enclave/protocol/words.ts'
import { aGovernedLog, credit } from './governed-log.ts'
import { addressOf, hashOf, type LogBuilder } from './log-builder.ts'
import { aCredit, LEDGER, PAYEES } from './signed-bodies.ts'

const log = credit(aGovernedLog().open(), aCredit(), aCredit({ id: 'orch-b', account: 2, rseq: 2 })).pay()

/** As the enclave would answer prove_balance, in JSON. */
function jsonOf({ state }: LogBuilder, index: number): Record<string, unknown> {
  const account = state.accounts[index]
  const header = state.lastHeader
  if (account === undefined || header === null) throw new TypeError('expected an account and a header')
  const { id: orchestratorId, recipient, creditedWei, paidWei, reservedWei, lastSeq } = account
  const statement = {
    header,
    headerHash: headerHash(header),
    landed: false,
    account: { index, orchestratorId, recipient, creditedWei, paidWei, reservedWei, lastSeq },
    proof: proofOf(state.forest, index).map(toHex),
  }
  const text = JSON.stringify(statement, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
  return JSON.parse(text) as Record<string, unknown>
}

const statement = parseStatement(jsonOf(log, 1))
const committed: Committed = {
  kind: 'committed',
  block: 10,
  logIndex: 0,
  transaction: ZERO_HASH,
  epoch: statement.header.epoch,
  sequence: statement.header.sequence,
  prev: statement.header.prev,
  next: statement.headerHash,
  balanceRoot: statement.header.balanceRoot,
  logRoot: statement.header.logRoot,
  logSize: statement.header.logSize,
}
const onChain: Landing = { from: 'events', committed: [committed], finalBlock: 10 }

function judged(over: Partial<Statement>, landing = onChain, orchestratorId = 'orch-a', ledger = LEDGER): string {
  const verdict = judgeStatement({ statement: { ...statement, ...over }, orchestratorId, ledger, landing })
  return verdict.kind === 'invalid' ? verdict.fault : verdict.kind
}

describe('auditor: statements of a balance', () => {
  it('takes the account as the header has it, and says what it holds', () => {
    assert.deepEqual(judgeStatement({ statement, orchestratorId: 'orch-a', ledger: LEDGER, landing: onChain }), {
      kind: 'final',
      sequence: 1,
      newerCommits: 0,
      recipient: PAYEES[0].address,
      balanceWei: 0n,
      creditedWei: 1_000_000_000n,
      paidWei: 0n,
      reservedWei: 1_000_000_000n,
    })
  })

  it('refuses any other field of the account, beside the same proof', () => {
    const { account } = statement
    const others: Partial<Statement['account']>[] = [
      { creditedWei: (account.creditedWei + 1n) as typeof account.creditedWei },
      { paidWei: 1n as typeof account.paidWei, reservedWei: 0n as typeof account.reservedWei },
      { recipient: addressOf(0x99) },
      { index: 2 },
      { lastSeq: 0 },
    ]
    for (const other of others) assert.equal(judged({ account: { ...account, ...other } }), 'PROOF_INVALID')
    const overdrawn = { ...account, reservedWei: (account.reservedWei + 1n) as typeof account.reservedWei }
    assert.equal(judged({ account: overdrawn }), 'ACCOUNT_FIELDS')
    assert.equal(judged({ account: { ...account, lastSeq: 2 } }), 'ACCOUNT_FIELDS')
    assert.equal(judged({ account: { ...account, index: 9 } }), 'ACCOUNT_FIELDS')
  })

  it("refuses another account's statement, and another account under this one's name", () => {
    const other = parseStatement(jsonOf(log, 2))
    assert.equal(judged(other), 'OTHER_ACCOUNT')
    assert.equal(judged(other, onChain, 'orch-b'), 'final')
    assert.equal(judged({ ...other, account: { ...other.account, orchestratorId: 'orch-a' } }), 'PROOF_INVALID')
    assert.equal(judged({ account: other.account }, onChain, 'orch-b'), 'PROOF_INVALID')
  })

  it('refuses any flipped sibling, one too few and one too many', () => {
    const { proof } = statement
    for (const at of proof.keys()) assert.equal(judged({ proof: proof.with(at, hashOf(1)) }), 'PROOF_INVALID')
    assert.equal(judged({ proof: proof.slice(1) }), 'PROOF_INVALID')
    assert.equal(judged({ proof: [...proof, hashOf(1)] }), 'PROOF_INVALID')
  })

  it('refuses a header that was changed, with its old hash and with its own', () => {
    const header = { ...statement.header, balanceRoot: hashOf(1) }
    assert.equal(judged({ header }), 'HEADER_HASH')
    assert.equal(judged({ header, headerHash: headerHash(header) }), 'PROOF_INVALID')
    const later = { ...statement.header, sequence: 2 }
    assert.equal(judged({ header: later, headerHash: headerHash(later) }), 'NOT_LANDED')
  })

  it('refuses the header of another ledger', () => {
    assert.equal(judged({}, onChain, 'orch-a', { ...LEDGER, chainId: 1 }), 'OTHER_LEDGER')
    assert.equal(judged({}, onChain, 'orch-a', { ...LEDGER, anchor: addressOf(1) }), 'OTHER_LEDGER')
  })

  it('refuses a header that never landed, whatever the teller says', () => {
    assert.equal(judged({ landed: true }, { ...onChain, committed: [] }), 'NOT_LANDED')
    assert.equal(judged({}, { ...onChain, committed: [{ ...committed, next: hashOf(1) }] }), 'NOT_LANDED')
    assert.equal(judged({}, { ...onChain, committed: [{ ...committed, balanceRoot: hashOf(1) }] }), 'ROOT_DIFFERS')
  })

  it('is provisional until its block is final, and says how many commits came after it', () => {
    assert.equal(judged({}, { ...onChain, finalBlock: 9 }), 'provisional')
    const newer = { ...committed, sequence: 2, next: hashOf(2), block: 11 }
    const landing = { ...onChain, committed: [committed, newer] }
    const verdict = judgeStatement({ statement, orchestratorId: 'orch-a', ledger: LEDGER, landing })
    assert.deepInclude(verdict, { kind: 'final', newerCommits: 1 })
  })

  it('takes one hash that the reader looked up himself: next, or the head with its bitmap', () => {
    const { headerHash: next } = statement
    const bitmap = toHash(uintWord(3n))
    assert.equal(judged({}, { from: 'next', next }), 'given')
    assert.equal(judged({}, { from: 'next', next: hashOf(1) }), 'NOT_LANDED')
    assert.equal(judged({}, { from: 'head', head: foldHead(next, 3n), bitmap }), 'given')
    assert.equal(judged({}, { from: 'head', head: foldHead(next, 2n), bitmap }), 'NOT_LANDED')
    assert.equal(judged({}, { from: 'head', head: next, bitmap: null }), 'given')
    assert.equal(judged({}, { from: 'head', head: next, bitmap }), 'NOT_LANDED')
  })

  it('refuses what is no statement, with the field', () => {
    const json = jsonOf(log, 1)
    for (const [change, field] of [
      [{ proof: undefined }, 'proof'],
      [{ proof: ['0x12'] }, 'proof'],
      [{ extra: 1 }, 'extra'],
      [{ account: { ...(json['account'] as object), creditedWei: '01' } }, 'creditedWei'],
      [{ header: null }, 'header'],
    ] as const) {
      const attempt = () => parseStatement(JSON.parse(JSON.stringify({ ...json, ...change })))
      assert.throws(attempt, new RegExp(field))
      try {
        attempt()
      } catch (error) {
        assert.isTrue(isCoded(error, 'PARAMS_INVALID'))
      }
    }
  })
})
