/** Bugs in what an enclave answers, and in what it may never take. */
import type { Canary } from './canary.ts'

export const ANSWER_CANARIES: readonly Canary[] = [
  {
    name: 'journal-opened-again',
    bug: 'a quorum can open the journal again, and the same work counts on both routes',
    cuts: [
      {
        file: 'enclave/core/admin.ts',
        from: "if (state.policy.credits === 'signed' && policy.credits !== 'signed')",
        to: 'if (state.sequence < 0)',
      },
    ],
    caughtBy: 'nonsense is refused',
    seedsMax: 60,
  },
  {
    name: 'anybody-reports',
    bug: 'whoever signs a credit is a reporter',
    cuts: [
      {
        file: 'enclave/core/credit.ts',
        from: "if (known === undefined) refuse('REPORTER_UNKNOWN', 'a reporter that the policy names', reporter)",
        to: 'if (known === undefined) return { address: reporter, windowWeiMax: 2n ** 90n as never, lifetimeWeiMax: 2n ** 90n as never }',
      },
    ],
    caughtBy: 'nonsense is refused',
    seedsMax: 60,
  },
  {
    name: 'statement-of-now',
    bug: 'a balance statement shows the account as it is now, beside a header that has it otherwise',
    cuts: [
      {
        file: 'enclave/methods/proofs.ts',
        from: 'touched.has(account.index) ? touched.get(account.index) : account',
        to: 'touched.size < 0 ? touched.get(account.index) : account',
      },
    ],
    caughtBy: 'answers are true',
    seedsMax: 60,
  },
  {
    name: 'heir-kept-secret',
    bug: 'nobody is told that somebody waits for an account',
    cuts: [
      {
        file: 'enclave/methods/reads.ts',
        from: 'const pending = recipient === account.recipient ? account.pending : null',
        to: 'const pending = null',
      },
    ],
    caughtBy: 'answers are true',
    seedsMax: 60,
  },
  {
    name: 'receipt-elsewhere',
    bug: 'a receipt names the place after the one where its entry stands',
    cuts: [
      {
        file: 'enclave/methods/receipts.ts',
        from: 'const receipt = { epoch, logIndex, leafHash',
        to: 'const receipt = { epoch, logIndex: logIndex + 1, leafHash',
      },
    ],
    caughtBy: 'answers are true',
    seedsMax: 60,
  },
]
