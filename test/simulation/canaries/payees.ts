/** Bugs in who is paid. */
import type { Canary } from './canary.ts'

const APPLY = 'enclave/core/apply.ts'

export const PAYEE_CANARIES: readonly Canary[] = [
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
    caughtBy: 'the auditor raises no false alarm',
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
    caughtBy: 'nobody else is paid',
    seedsMax: 120,
  },
  {
    name: 'paid-before-the-delay',
    bug: 'whoever waits to be paid for an account is paid a header too soon',
    cuts: [
      {
        file: 'enclave/core/recipient.ts',
        from: 'state.sequence >= pending.sequence + RECIPIENT_CHANGE_SEQUENCES',
        to: 'state.sequence + 1 >= pending.sequence + RECIPIENT_CHANGE_SEQUENCES',
      },
    ],
    caughtBy: 'nobody else is paid',
    seedsMax: 400,
  },
  {
    name: 'paid-before-its-time',
    bug: 'whoever waits to be paid for an account waits for headers, and for no time',
    cuts: [
      {
        file: 'enclave/core/recipient.ts',
        from: 'atSeconds >= pending.at + RECIPIENT_CHANGE_SECONDS',
        to: 'atSeconds >= pending.at',
      },
    ],
    caughtBy: 'nobody else is paid',
    seedsMax: 400,
  },
  {
    name: 'paid-after-the-change',
    bug: 'whoever gave an account away goes on being paid when the delay is over',
    cuts: [
      {
        file: 'enclave/core/recipient.ts',
        from: 'return pending !== null && isRipe(state, pending, atSeconds) ? pending.recipient : account.recipient',
        to: 'return pending !== null && isRipe(state, pending, atSeconds) && atSeconds < 0 ? pending.recipient : account.recipient',
      },
    ],
    caughtBy: 'nobody else is paid',
    seedsMax: 200,
  },
  {
    name: 'credit-for-another',
    bug: 'a credit that names somebody else counts for whoever has the account',
    cuts: [
      {
        file: 'enclave/core/credit.ts',
        from: "recipient === account?.pending?.recipient ? null : 'RECIPIENT_MISMATCH'",
        to: "recipient !== ZERO_ADDRESS ? null : 'RECIPIENT_MISMATCH'",
      },
    ],
    caughtBy: 'inputs mean what was said',
    seedsMax: 60,
  },
  {
    name: 'payee-forgotten',
    bug: 'whoever could not be paid once is never tried again',
    cuts: [
      {
        file: APPLY,
        from: 'account.retrySequence = paid ? 0 : sequence + wait',
        to: 'account.retrySequence = paid ? 0 : sequence + wait + 2 ** 40',
      },
    ],
    caughtBy: 'everybody honest is paid',
    seedsMax: 60,
  },
  {
    name: 'paid-to-another',
    bug: 'whoever is due, the payee of account 1 gets it',
    cuts: [
      {
        file: 'enclave/core/payout.ts',
        from: 'recipient: recipientAt(state, account, atSeconds),',
        to: 'recipient: recipientAt(state, state.accounts[1] ?? account, atSeconds),',
      },
      { file: APPLY, from: 'demand(account.recipient === payout.recipient && ', to: 'demand(' },
    ],
    caughtBy: 'nobody else is paid',
    seedsMax: 60,
  },
]
