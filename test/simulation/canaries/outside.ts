/** Bugs in what stands around the enclave: the contract and the broker as the worlds have them, and the auditor. */
import type { Canary } from './canary.ts'

const ANCHOR = 'test/simulation/chain/anchor.ts'
const BROKER = 'test/simulation/chain/broker.ts'

export const OUTSIDE_CANARIES: readonly Canary[] = [
  {
    name: 'no-fold',
    bug: 'what was paid is not part of the head, so a lie about it lands',
    cuts: [
      {
        file: 'enclave/protocol/header.ts',
        from: 'return toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap))))',
        to: 'return bitmap < 0n ? toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap)))) : next',
      },
      {
        file: ANCHOR,
        from: 'return toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap))))',
        to: 'return bitmap < 0n ? toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap)))) : next',
      },
    ],
    caughtBy: 'no stale state has an effect',
    seedsMax: 60,
  },
  {
    name: 'epoch-not-compared',
    bug: 'the contract takes an Open of any epoch, so an old session comes back',
    cuts: [
      { file: ANCHOR, from: "require(open.epoch === state.epoch + 1, 'AnchorWrongEpoch')\n", to: '' },
      { file: ANCHOR, from: "require(commit.epoch === state.epoch, 'AnchorWrongEpoch')\n", to: '' },
    ],
    caughtBy: 'no stale state has an effect',
    seedsMax: 60,
  },
  {
    name: 'head-not-compared',
    bug: 'the contract takes a commit that does not follow from its head',
    cuts: [{ file: ANCHOR, from: "require(commit.prev === state.head, 'AnchorStaleHead')\n", to: '' }],
    caughtBy: 'landed headers form one chain',
    seedsMax: 60,
  },
  {
    name: 'auditor-believes-bits',
    bug: 'the auditor does not compare a settlement with what moved',
    cuts: [
      {
        file: 'auditor/payments.ts',
        from: "if (got !== expected) flag(judge.findings, 'PAYMENT_FIELD', at(event, payout), expected, got)",
        to: '',
      },
    ],
    caughtBy: 'the auditor misses nothing',
    seedsMax: 120,
  },
  {
    name: 'auditor-knows-no-backoff',
    bug: 'the auditor counts one failure more than there was',
    cuts: [
      {
        file: 'auditor/naive/commits.ts',
        from: 'account.failures = paid ? 0 : account.failures + 1',
        to: 'account.failures = paid ? 0 : account.failures + 2',
      },
    ],
    caughtBy: 'the auditor raises no false alarm',
    seedsMax: 120,
  },
  {
    name: 'auditor-knows-no-heirs',
    bug: 'the auditor expects the old recipient to be paid for ever',
    cuts: [
      {
        file: 'auditor/naive/recipients.ts',
        from: 'return landed && waited ? pending.recipient : recipient',
        to: 'return landed && waited && replay.at < 0 ? pending.recipient : recipient',
      },
    ],
    caughtBy: 'the auditor raises no false alarm',
    seedsMax: 200,
  },
  {
    name: 'paid-from-nowhere',
    bug: 'the contract funds tickets without taking the money out of the treasury',
    cuts: [{ file: BROKER, from: '  state.treasuryWei -= sumWei\n', to: '' }],
    caughtBy: 'money is conserved',
    seedsMax: 60,
  },
  {
    name: 'deposit-left-over',
    bug: 'the contract funds more than it redeems, and the rest lies where a stray ticket can take it',
    cuts: [
      {
        file: BROKER,
        from: 'addDeposit(state, state.authority, sumWei)',
        to: 'addDeposit(state, state.authority, 2n * sumWei)',
      },
      { file: BROKER, from: '  state.treasuryWei -= sumWei\n', to: '  state.treasuryWei -= 2n * sumWei\n' },
      {
        file: ANCHOR,
        from: "  require(depositOf(state, state.authority) === depositWei, 'AnchorDepositChanged')\n",
        to: '',
      },
    ],
    caughtBy: 'money is conserved',
    seedsMax: 60,
  },
  {
    name: 'paid-to-the-first',
    bug: 'the contract pays every transfer of a call to the first payee',
    cuts: [
      {
        file: ANCHOR,
        from: 'state.receivedWei = new Map(state.receivedWei).set(recipient, received)',
        to: 'const first = payouts.transfers[0]?.recipient ?? recipient\n    const more = (state.receivedWei.get(first) ?? 0n) + amountWei\n    state.receivedWei = new Map(state.receivedWei).set(first, more)',
      },
    ],
    caughtBy: 'money is conserved',
    seedsMax: 60,
  },
  {
    name: 'auditor-hashes-otherwise',
    bug: 'the auditor makes another header of the same log',
    cuts: [
      {
        file: 'auditor/replay.ts',
        from: '  const header = headerOf(replay, replay.ledger)\n',
        to: '  const header = { ...headerOf(replay, replay.ledger), epoch: replay.ledger.epoch % 3 }\n',
      },
    ],
    caughtBy: 'the auditor follows the chain',
    seedsMax: 60,
  },
  {
    name: 'auditor-believes-state',
    bug: 'the auditor does not ask whether the events lead to the state that it is shown',
    cuts: [
      {
        file: 'auditor/reconcile.ts',
        from: 'const { state } = facts\n  equal(\n',
        to: 'const { state } = facts\n  if (facts.chainId < 0) equal(\n',
      },
    ],
    caughtBy: 'the auditor misses nothing',
    seedsMax: 60,
  },
  {
    name: 'guard-forgotten',
    bug: 'a payee whose code calls back opens a session out of the middle of a commit',
    cuts: [{ file: ANCHOR, from: "  require(moment.isEntered !== true, 'AnchorReentered')\n", to: '' }],
    caughtBy: 'no stale state has an effect',
    seedsMax: 400,
  },
  {
    name: 'broker-keeps-unseen',
    bug: 'the contract does not look whether the broker still has the money that it was to pay',
    cuts: [
      {
        file: ANCHOR,
        from: "  require(depositOf(state, state.authority) === depositWei, 'AnchorDepositChanged')\n",
        to: '',
      },
    ],
    caughtBy: 'money is conserved',
    seedsMax: 120,
  },
  {
    name: 'model-knows-no-guard',
    bug: 'a payee that calls back is answered by the model as if nobody else were in the middle of a call',
    cuts: [{ file: ANCHOR, from: "  require(moment.isEntered !== true, 'AnchorReentered')\n", to: '' }],
    caughtBy: 'the model is the contract',
    seedsMax: 40,
    real: true,
  },
  {
    name: 'model-knows-no-gas',
    bug: 'in the model a relayer who gives too little gas makes a payout fail, where the contract reverts',
    cuts: [
      {
        file: ANCHOR,
        from: "    require(moment.isStarved !== true, 'AnchorGas')\n    if (!state.payable.has(recipient)) {",
        to: '    if (moment.isStarved === true || !state.payable.has(recipient)) {',
      },
    ],
    caughtBy: 'the model is the contract',
    seedsMax: 40,
    real: true,
  },
  {
    name: 'model-forgets-sessions',
    bug: 'the model of the contract lets a session key be opened twice',
    cuts: [{ file: ANCHOR, from: "  require(open.session !== state.session, 'AnchorSessionUsed')\n", to: '' }],
    caughtBy: 'the model is the contract',
    seedsMax: 40,
    real: true,
  },
]
