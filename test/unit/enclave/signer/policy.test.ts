import { expect } from 'chai'
import type { Address } from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import type { SignerPolicy } from '../../../../enclave/protocol/signer-configuration.ts'
import { readCall } from '../../../../enclave/signer/calldata.ts'
import { judgeTicket, judgeTransaction } from '../../../../enclave/signer/policy.ts'
import { readTransaction } from '../../../../enclave/signer/transaction.ts'
import {
  aLegacyTx,
  aSignerConfiguration,
  aSignerPolicy,
  aTicket,
  aTx,
  batchData,
  fundData,
  PAYEES,
  redeemData,
  SIGNER,
  STRANGER,
  type WireTx,
} from './a-signer.ts'

const ALLOWED = 'allowed'
const THREE = PAYEES.map((recipient, at) => aTicket({ recipient, senderNonce: BigInt(at), faceValueWei: 800n }))
const A_BATCH = aTx({ data: batchData(THREE) })
const A_DEPOSIT = aTx({ data: fundData(), value: 5_000 })

function judged(tx: WireTx, policy: Partial<SignerPolicy> = {}): string {
  const transaction = readTransaction(tx)
  const call = readCall(transaction.data)
  const verdict = judgeTransaction(aSignerConfiguration(policy), SIGNER, transaction, call)
  return verdict.kind === 'allowed' ? ALLOWED : verdict.reason
}

describe('policy of a signer', () => {
  it('allows a redemption, a batch and a deposit that stand at its every limit', () => {
    const atLimits = { gas: 900_000, maxFeePerGas: 2_000, maxPriorityFeePerGas: 50, from: SIGNER }
    expect(judged(aTx({ ...atLimits, data: redeemData(aTicket({ faceValueWei: 1_000n })) }))).to.equal(ALLOWED)
    expect(judged(A_BATCH, { batchMax: 3, maxTotalFaceValueWei: wei(2_400n) })).to.equal(ALLOWED)
    expect(judged(A_DEPOSIT)).to.equal(ALLOWED)
    expect(judged(aLegacyTx({ gasPrice: 2_000 }))).to.equal(ALLOWED)
  })

  const ticketed = (over: Parameters<typeof aTicket>[0]): WireTx => aTx({ data: redeemData(aTicket(over)) })
  const table: readonly (readonly [string, WireTx, Partial<SignerPolicy>, string])[] = [
    ['another chain', aTx({ chainId: 1 }), {}, 'chainId mismatch (got 1, expected 42161)'],
    ['another contract', aTx({ to: STRANGER }), {}, `tx.to mismatch (got ${STRANGER}, expected 0x${'b0'.repeat(20)})`],
    ['another account', aTx({ from: STRANGER }), {}, `tx.from mismatch (got ${STRANGER}, expected ${SIGNER})`],
    ['value on a redemption', aTx({ value: 1 }), {}, 'tx.value mismatch (got 1, expected 0)'],
    ['value on a batch', { ...A_BATCH, value: 1 }, {}, 'tx.value mismatch (got 1, expected 0)'],
    ['gas above the cap', aTx({ gas: 900_001 }), {}, 'tx.gas above gas_max (got 900001, expected at most 900000)'],
    [
      'a fee above the cap',
      aTx({ maxFeePerGas: 2_001 }),
      {},
      'tx.maxFeePerGas above max_fee_per_gas_wei (got 2001, expected at most 2000)',
    ],
    [
      'a tip above the cap',
      aTx({ maxPriorityFeePerGas: 51 }),
      {},
      'tx.maxPriorityFeePerGas above max_priority_fee_per_gas_wei (got 51, expected at most 50)',
    ],
    [
      'a gas price above the cap',
      aLegacyTx({ gasPrice: 2_001 }),
      {},
      'tx.gasPrice above max_fee_per_gas_wei (got 2001, expected at most 2000)',
    ],
    [
      'a ticket of another sender',
      ticketed({ sender: STRANGER }),
      {},
      `ticket.sender mismatch (got ${STRANGER}, expected ${SIGNER})`,
    ],
    [
      'a recipient off the list',
      ticketed({ recipient: STRANGER }),
      {},
      `ticket.recipient not in allowlist (got ${STRANGER}, expected one of the 3 allowed)`,
    ],
    [
      'a recipient off a list that need not be there',
      ticketed({ recipient: STRANGER }),
      { requireAllowlist: false },
      `ticket.recipient not in allowlist (got ${STRANGER}, expected one of the 3 allowed)`,
    ],
    [
      'any recipient under an empty list',
      aTx(),
      { allowedRecipients: [] },
      'allowlist is empty (got 0 recipients, expected at least 1 with require_allowlist)',
    ],
    [
      'a face value above the cap',
      ticketed({ faceValueWei: 1_001n }),
      {},
      'ticket.faceValue above max_face_value_wei (got 1001, expected at most 1000)',
    ],
    [
      'a sum above the cap',
      A_BATCH,
      { maxTotalFaceValueWei: wei(2_399n) },
      'total faceValue above max_total_face_value_wei (got 2400, expected at most 2399)',
    ],
    [
      'one ticket above the cap of the sum',
      aTx(),
      { maxTotalFaceValueWei: wei(699n) },
      'total faceValue above max_total_face_value_wei (got 700, expected at most 699)',
    ],
    ['a batch of too many', A_BATCH, { batchMax: 2 }, 'tickets above batch_max (got 3, expected at most 2)'],
    [
      'a deposit that is switched off',
      A_DEPOSIT,
      { allowFundDeposit: false },
      'fundDeposit not allowed (got allow_fund_deposit false, expected true)',
    ],
    [
      'a deposit above the cap',
      { ...A_DEPOSIT, value: 5_001 },
      {},
      'tx.value above max_fund_deposit_wei (got 5001, expected at most 5000)',
    ],
  ]

  for (const [what, tx, policy, reason] of table)
    it(`refuses ${what}, and names both values`, () => expect(judged(tx, policy)).to.equal(reason))

  it('refuses every ticket of a batch that would be refused alone, wherever it stands', () => {
    for (let at = 0; at < THREE.length; at++) {
      const batch = THREE.map((ticket, index) => (index === at ? { ...ticket, recipient: STRANGER } : ticket))
      expect(judged(aTx({ data: batchData(batch) }))).to.match(/^ticket\.recipient not in allowlist/)
    }
  })

  it('refuses every other function of the broker, and no function at all', () => {
    const others = ['0x6f9c3c8f', '0x511f4073', '0x989f789c', '0xa69df4b5', '0x3ccfd60b', '0x']
    for (const data of others)
      expect(judged(aTx({ data }))).to.match(
        new RegExp(`^selector not allowed \\(got ${data}, expected one of 0x6caa736b`),
      )
  })

  it('that is empty signs nothing: no ticket of no value, no deposit of nothing, no call without gas', () => {
    const empty: SignerPolicy = {
      allowedRecipients: [],
      requireAllowlist: false,
      allowFundDeposit: true,
      maxFundDepositWei: wei(0n),
      maxFaceValueWei: wei(0n),
      maxTotalFaceValueWei: wei(0n),
      batchMax: 0,
      maxFeePerGasWei: wei(0n),
      maxPriorityFeePerGasWei: wei(0n),
      gasMax: 0,
    }
    const free = { gas: 0, maxFeePerGas: 0, maxPriorityFeePerGas: 0 }
    const worthless = aTicket({ faceValueWei: 0n })
    expect(judged(aTx({ ...free, data: redeemData(worthless) }), empty)).to.match(/batch_max/)
    expect(judged(aTx({ ...free, data: redeemData(worthless) }), { ...empty, batchMax: 1 })).to.match(/^max_face/)
    expect(judged(aTx({ ...free, data: fundData() }), empty)).to.match(/^max_fund_deposit_wei not set/)
    expect(judgeTicket(empty, SIGNER, worthless).kind).to.equal('refused')
    expect(judgeTicket({ ...empty, batchMax: 1 }, SIGNER, worthless).kind).to.equal('refused')
  })

  it('judges a ticket by itself as it judges the transaction that redeems it', () => {
    const cases: readonly (readonly [Parameters<typeof aTicket>[0], Partial<SignerPolicy>])[] = [
      [{}, {}],
      [{ recipient: STRANGER }, {}],
      [{ sender: STRANGER }, {}],
      [{ faceValueWei: 1_001n }, {}],
      [{}, { maxTotalFaceValueWei: wei(699n) }],
      [{}, { allowedRecipients: [] }],
      [{}, { batchMax: 0 }],
    ]
    for (const [over, policy] of cases) {
      const verdict = judgeTicket(aSignerPolicy(policy), SIGNER, aTicket(over))
      expect(verdict.kind === 'allowed' ? ALLOWED : verdict.reason).to.equal(judged(ticketed(over), policy))
    }
  })

  it('pays anyone only where it says that no list is needed', () => {
    const open = { allowedRecipients: [] as Address[], requireAllowlist: false }
    expect(judged(ticketed({ recipient: STRANGER }), open)).to.equal(ALLOWED)
    expect(judged(ticketed({ recipient: STRANGER }), { ...open, requireAllowlist: true })).to.match(
      /^allowlist is empty/,
    )
  })
})
