/**
 * Builds with one planted bug each: the simulator has to catch every one of them, or its silence proves nothing. A cut is the
 * text that is the protection, and what stands there without it.
 */

export type Cut = { readonly file: string; readonly from: string; readonly to: string }

export type Canary = {
  readonly name: string
  /** What goes wrong in the world when nobody notices. */
  readonly bug: string
  readonly cuts: readonly Cut[]
  /** It has to be caught within so many seeds. */
  readonly seedsMax: number
}

const APPLY = 'enclave/core/apply.ts'
const SETTLE = 'enclave/core/settle.ts'
const ANCHOR = 'test/simulation/chain/anchor.ts'

export const CANARIES: readonly Canary[] = [
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
    seedsMax: 60,
  },
  {
    name: 'no-load-rule',
    bug: 'a commit that landed is voided at load, and its payouts are owed again',
    cuts: [
      {
        file: SETTLE,
        from: 'if (claim.head === header.prev && claim.bitmap === null)',
        to: 'if (claim.bitmap === null || claim.head !== header.prev)',
      },
      {
        file: SETTLE,
        from: "return { kind: 'void', body: { sequence: header.sequence, head: header.prev } }",
        to: "return { kind: 'void', body: { sequence: header.sequence, head: claim.head } }",
      },
      {
        file: APPLY,
        from: "demand(body.head === unlanded.header.prev, 'the head before it')",
        to: 'if (state.head !== body.head) state.sequence = unlanded.header.sequence\n  state.head = body.head',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'void-keeps-reserve',
    bug: 'a void commit forgets to return what it reserved',
    cuts: [
      {
        file: APPLY,
        from: 'for (const payout of unlanded.payouts) noteDue(state, releaseReserve(state, payout.account, payout.wei))',
        to: '',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'clamped-overdraw',
    bug: 'a debit beyond the balance is cut to the balance instead of refused',
    cuts: [
      {
        file: 'enclave/core/journal.ts',
        from: "if (known === undefined || balanceWei(known) < -value) throw new CodedError('OVERDRAW', 'a balance that covers it')",
        to: "if (known === undefined || balanceWei(known) === 0n) throw new CodedError('OVERDRAW', 'a balance that covers it')\n    const held = balanceWei(known)\n    if (held < -value) return { type: 'adjust', body: { ...common, delta: -held } }",
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'epoch-not-compared',
    bug: 'the contract takes an Open of any epoch, so an old session comes back',
    cuts: [
      { file: ANCHOR, from: "require(open.epoch === state.epoch + 1, 'AnchorWrongEpoch')\n", to: '' },
      { file: ANCHOR, from: "require(commit.epoch === state.epoch, 'AnchorWrongEpoch')\n", to: '' },
    ],
    seedsMax: 60,
  },
  {
    name: 'head-not-compared',
    bug: 'the contract takes a commit that does not follow from its head',
    cuts: [{ file: ANCHOR, from: "require(commit.prev === state.head, 'AnchorStaleHead')\n", to: '' }],
    seedsMax: 60,
  },
  {
    name: 'counted-vector',
    bug: 'the initialisation vector is the record number, which a snapshot shares with its delta',
    cuts: [
      {
        file: 'enclave/seal/sealer.ts',
        from: 'const iv = this.#options.entropy(IV_BYTES)',
        to: 'const iv = new Uint8Array(IV_BYTES).fill(number % 256)',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'refused-line-stays',
    bug: 'the cursor does not move past a refused line',
    cuts: [
      {
        file: 'enclave/core/apply-inputs.ts',
        from: "case 'journal':\n      return advanceJournal(state, body.line, body.hash)",
        to: "case 'journal':\n      return",
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'skip-is-paid',
    bug: 'a payout that was skipped counts as paid',
    cuts: [
      {
        file: APPLY,
        from: 'const paid = ((bitmap >> BigInt(position)) & 1n) === 1n',
        to: 'const paid = bitmap >> BigInt(position) >= 0n',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'claimed-epoch-ignored',
    bug: 'a boot opens the epoch after its own state instead of the one after the chain',
    cuts: [
      {
        file: 'enclave/methods/session.ts',
        from: 'const epoch = nextEpoch(instance.claim.epoch)',
        to: 'const epoch = nextEpoch(stateOf(instance).epoch)',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'outbox-forgets',
    bug: 'a released record is not kept until it is acknowledged',
    cuts: [
      {
        file: 'enclave/core/outbox.ts',
        from: 'outbox.records.push(record)\n',
        to: 'outbox.records.length = 0\n  outbox.records.push(record)\n',
      },
    ],
    seedsMax: 60,
  },
  {
    name: 'reserve-in-full',
    bug: 'two payouts of one balance can be under way',
    cuts: [
      {
        file: 'enclave/core/state.ts',
        from: 'return wei(account.creditedWei - account.paidWei - account.reservedWei)',
        to: 'return wei(account.creditedWei - account.paidWei)',
      },
    ],
    seedsMax: 400,
  },
  {
    name: 'quorum-of-one',
    bug: 'one admin is as good as a quorum',
    cuts: [
      {
        file: 'enclave/core/quorum.ts',
        from: 'signers.length !== quorum',
        to: 'signers.length === 0',
      },
    ],
    seedsMax: 120,
  },
  {
    name: 'credit-counts-twice',
    bug: 'a credit that was taken before is taken again',
    cuts: [
      {
        file: 'enclave/core/credit.ts',
        from: "if (rseq < use.nextSeq) return { kind: 'known', reporter, rseq }",
        to: '',
      },
      {
        file: 'enclave/core/apply-inputs.ts',
        from: 'demand(rseq === use.nextSeq && ',
        to: 'demand(',
      },
    ],
    seedsMax: 120,
  },
  {
    name: 'denied-is-paid',
    bug: 'a recipient whom the policy denies is paid',
    cuts: [
      {
        file: 'enclave/core/recipient.ts',
        from: ' && !policy.deniedRecipients.includes(recipient)',
        to: '',
      },
    ],
    seedsMax: 200,
  },
  {
    name: 'change-without-delay',
    bug: 'a change of recipient takes effect at once',
    cuts: [
      {
        file: 'enclave/core/recipient.ts',
        from: 'state.sequence >= pending.sequence + RECIPIENT_CHANGE_SEQUENCES',
        to: 'state.sequence >= pending.sequence',
      },
      {
        file: 'enclave/core/recipient.ts',
        from: 'atSeconds >= pending.at + RECIPIENT_CHANGE_SECONDS',
        to: 'atSeconds >= pending.at',
      },
    ],
    seedsMax: 120,
  },
  {
    name: 'stranger-credits',
    bug: 'who signed a credit is not compared with its reporter',
    cuts: [
      {
        file: 'enclave/keys/signers.ts',
        from: "if (signer !== expected) refuse('SIGNER_MISMATCH', expected, signer)",
        to: "if (signer === ledger.anchor) refuse('SIGNER_MISMATCH', expected, signer)",
      },
    ],
    seedsMax: 120,
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
    seedsMax: 120,
  },
]
