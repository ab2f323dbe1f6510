import { expect } from 'chai'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { type ConfirmFacts, planConfirm } from '../../../workers/4-confirm/plan.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}` as Hash
const [PREV, NEXT, OTHER] = [hash('1'), hash('2'), hash('f')]
const OURS: ConfirmFacts = {
  ledger: {
    epoch: 2,
    head: PREV,
    sequence: 6,
    session: '0xs',
    unlanded: { sequence: 7, headerHash: NEXT, payouts: 2 },
  },
  anchor: { blockNumber: 100, head: PREV, sequence: 6, epoch: 2, session: '0xs' },
  landing: undefined,
  settleDepthBlocks: 5,
}

const anchored = (over: Partial<ConfirmFacts['anchor']>): ConfirmFacts => ({
  ...OURS,
  anchor: { ...OURS.anchor, ...over },
})

/** What the anchor holds when it refuses a commit of ours that way. Nothing is read from the refusal itself. */
const HALTS: { readonly [error: string]: ConfirmFacts } = {
  AnchorWrongEpoch: anchored({ epoch: 3, session: '0xother' }),
  AnchorNoSession: anchored({ epoch: 3, session: '0x0' }),
  AnchorBadSignature: anchored({ session: '0xother' }),
  AnchorStaleHead: anchored({ head: OTHER }),
  AnchorWrongSequence: {
    ...anchored({ sequence: 7, head: OTHER }),
    landing: { next: OTHER, blockNumber: 90, bitmap: null },
  },
}

/** The history is ours as before: the same commit waits, is skipped in part, signed again or carried by somebody else. */
const WAITS: readonly string[] = [
  'AnchorFrozen',
  'AnchorUnderfunded',
  'AnchorTicketFailed',
  'AnchorDepositChanged',
  'AnchorGas',
  'AnchorRound',
  'AnchorReentered',
]

/** Of calls that no stage sends, or of bytes that the enclave cannot sign: its own checks come first. */
const NEVER: readonly string[] = [
  'AnchorNotGuardian',
  'AnchorNotFrozen',
  'AnchorNoBroker',
  'AnchorNoGuardian',
  'AnchorNoAuthority',
  'AnchorAuthoritySet',
  'AnchorNotApproved',
  'AnchorSessionUsed',
  'AnchorWrongPayouts',
  'AnchorRecipient',
  'AnchorPayoutCount',
  'AnchorPayoutLength',
  'AnchorSkip',
  'AnchorPayoutId',
  'AnchorAmount',
]

describe('the refusals of the anchor, as confirm sees them', () => {
  it('are all told apart: those that halt, those that wait, and those that cannot come', () => {
    const errors = ANCHOR_ABI.filter((item) => item.type === 'error').map(({ name }) => name)
    expect([...Object.keys(HALTS), ...WAITS, ...NEVER].sort()).to.deep.equal([...errors].sort())
  })

  for (const [error, facts] of Object.entries(HALTS))
    it(`halts for a reload when the chain is in the state behind ${error}`, () => {
      expect(planConfirm(facts).kind).to.equal('foreign')
    })

  it('halts for none of the others: the head is ours, and the commit can still land', () => {
    expect(planConfirm(OURS)).to.deep.equal({ kind: 'wait', why: 'unlanded' })
  })

  it('takes AnchorWrongSequence for success when it was our own call that landed first', () => {
    const facts = {
      ...anchored({ sequence: 7, head: NEXT }),
      landing: { next: NEXT, blockNumber: 90, bitmap: null },
    }
    expect(planConfirm(facts)).to.deep.equal({ kind: 'settle', sequence: 7, bitmap: null })
  })
})
