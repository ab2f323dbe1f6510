/** Bugs in the enclave itself. */
import type { Canary } from './canary.ts'

const APPLY = 'enclave/core/apply.ts'
const SETTLE = 'enclave/core/settle.ts'
const JOURNAL = 'enclave/core/journal.ts'

export const ENCLAVE_CANARIES: readonly Canary[] = [
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
    caughtBy: 'nobody is paid more than credited',
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
    caughtBy: 'no bug',
    seedsMax: 60,
  },
  {
    name: 'clamped-overdraw',
    bug: 'a debit beyond the balance is cut to the balance instead of refused',
    cuts: [
      {
        file: 'enclave/core/journal.ts',
        from: "if (known === undefined || balanceWei(known) < size) return 'OVERDRAW'",
        to: "const held = known === undefined ? 0n : balanceWei(known)\n    if (known === undefined || held === 0n) return 'OVERDRAW'",
      },
      {
        file: 'enclave/core/journal.ts',
        from: 'amount, reason, delta: value }',
        to: 'amount, reason, delta: held < size ? -held : value }',
      },
    ],
    caughtBy: 'inputs mean what was said',
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
    caughtBy: 'sealed nonces are unique',
    seedsMax: 60,
  },
  {
    name: 'refused-line-stays',
    bug: 'the cursor does not move past a refused line',
    cuts: [
      {
        file: 'enclave/core/apply-inputs.ts',
        from: "case 'journal':\n      return advanceJournal(state, body.line, fromHex(body.hash))",
        to: "case 'journal':\n      return",
      },
    ],
    caughtBy: 'inputs are contiguous',
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
    caughtBy: 'the auditor follows the chain',
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
    caughtBy: 'everybody honest is paid',
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
    caughtBy: 'the outbox loses nothing',
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
    caughtBy: 'money is conserved',
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
    caughtBy: 'only who is named may act',
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
    caughtBy: 'inputs are contiguous',
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
    caughtBy: 'only who is named may act',
    seedsMax: 120,
  },
  {
    name: 'wei-more',
    bug: 'a line of the journal credits a wei more than it says',
    cuts: [
      {
        file: JOURNAL,
        from: 'wei: value as Wei, line, amount',
        to: 'wei: (value + 1n) as Wei, line, amount',
      },
    ],
    caughtBy: 'inputs mean what was said',
    seedsMax: 60,
  },
  {
    name: 'honest-refused',
    bug: 'a credit with which nothing is wrong is refused now and then',
    cuts: [{ file: JOURNAL, from: 'if (value === 0n) return', to: 'if (value % 7_000_000_000n === 0n) return' }],
    caughtBy: 'inputs mean what was said',
    seedsMax: 60,
  },
  {
    name: 'refusal-half-done',
    bug: 'an adjustment that would overdraw is refused after the total was changed',
    cuts: [
      {
        file: 'enclave/core/admin.ts',
        from: 'if (balanceWei(account) + delta < 0n) refuse(',
        to: 'if (balanceWei(account) + delta < 0n) state.creditedWei = (state.creditedWei + 1n) as typeof state.creditedWei\n  if (balanceWei(account) + delta < 0n) refuse(',
      },
    ],
    caughtBy: 'refusals change nothing',
    seedsMax: 60,
  },
  {
    name: 'refusal-untyped',
    bug: 'an adjustment that would overdraw ends in an error that no host can read',
    cuts: [
      {
        file: 'enclave/core/admin.ts',
        from: 'if (balanceWei(account) + delta < 0n) refuse(',
        to: 'if (balanceWei(account) + delta < 0n) throw new TypeError(',
      },
    ],
    caughtBy: 'no bug',
    seedsMax: 60,
  },
  {
    name: 'reply-forgotten',
    bug: 'an input that comes again is not answered with the bytes of the first time',
    cuts: [
      {
        file: 'enclave/dispatch.ts',
        from: 'instance.newest = REPEATABLE.has(method) ? { request, reply } : undefined',
        to: 'instance.newest = undefined',
      },
    ],
    caughtBy: 'a repeated input counts once',
    seedsMax: 60,
  },
  {
    name: 'tag-unchecked',
    bug: 'a sealed record is opened without asking whether it authenticates',
    cuts: [{ file: 'enclave/seal/record.ts', from: '    decipher.final()\n', to: '' }],
    caughtBy: 'broken records are refused',
    seedsMax: 200,
  },
  {
    name: 'window-forgotten',
    bug: 'what was paid within a window does not count against its cap',
    cuts: [
      {
        file: 'enclave/core/window.ts',
        from: 'const room = capWei - spentWei(window, atSeconds, windowSeconds)',
        to: 'const room = capWei - 0n * spentWei(window, atSeconds, windowSeconds)',
      },
    ],
    caughtBy: 'the auditor raises no false alarm',
    seedsMax: 60,
  },
]
