/** What outsiders sign for a ledger, as an enclave would take it now: right in most fields, and now and then by the wrong hand. */
import { useOf } from '../../enclave/core/credit.ts'
import type { State } from '../../enclave/core/state.ts'
import { type Address, type Hash, toHash, ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { MethodName } from '../../enclave/protocol/methods.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Ledger } from '../../enclave/protocol/typed-data.ts'
import type { Dice } from '../../scripts/journal/dice.ts'
import { FEES } from '../builders/boot.ts'
import {
  ADMINS,
  aSigner,
  LATER_SECONDS,
  QUORUM,
  REGISTRAR,
  REPORTERS,
  type Signer,
  signedFor,
} from '../builders/governors.ts'
import type { Fields } from './mutations.ts'

const PEOPLE = ['recipient 1', 'recipient 2', 'recipient 3'].map(aSigner)
const STRANGER = aSigner('stranger')
const AMOUNTS_WEI = [0n, 1n, 10n ** 15n, 10n ** 18n, 2n ** 96n - 1n, 2n ** 96n, 2n ** 127n, 2n ** 128n - 1n]
const DELTAS_WEI = [0n, 1n, -1n, 10n ** 17n, -(10n ** 17n), 2n ** 96n, -(2n ** 127n)]
const EXPIRIES_SECONDS = [0, 1_700_000_000, LATER_SECONDS, Number.MAX_SAFE_INTEGER]
const BATCH_MAX = 5

/** Present in this module for the methods that take a signature of somebody else. */
export const SIGNED_METHODS = [
  'credit_signed',
  'credit_batch',
  'skip_sequence',
  'register',
  'change_recipient',
  'set_policy',
  'adjust',
  'drain',
  'journal_reset',
  'rotate',
] as const satisfies readonly MethodName[]
type SignedMethod = (typeof SIGNED_METHODS)[number]

export function isSigned(method: MethodName): method is SignedMethod {
  return (SIGNED_METHODS as readonly MethodName[]).includes(method)
}

/** Valid parameters, but for chance: a wrong number, hand, hour or amount in one of a few. */
export function signedParams(dice: Dice, method: SignedMethod, state: State, ledger: Ledger): Fields {
  const params = new Draft(dice, state, ledger)[method]()
  return params as unknown as Fields
}

class Draft {
  readonly #dice: Dice
  readonly #state: State
  readonly #sign: ReturnType<typeof signedFor>

  constructor(dice: Dice, state: State, ledger: Ledger) {
    this.#dice = dice
    this.#state = state
    this.#sign = signedFor(ledger)
  }

  credit_signed(): object {
    const reporter = this.#oneOf(REPORTERS)
    const first = this.#next(useOf(this.#state, reporter.address).nextSeq - 1)
    const credits = Array.from({ length: 1 + this.#dice.below(3) }, (_, at) =>
      this.#sign.credit(reporter, first + at, this.#credit()),
    )
    return { credits, receipts: this.#dice.below(2) === 0 }
  }

  credit_batch(): object {
    const reporter = this.#oneOf(REPORTERS)
    const first = this.#next(useOf(this.#state, reporter.address).nextSeq - 1)
    const items = Array.from({ length: 1 + this.#dice.below(BATCH_MAX) }, () => this.#credit())
    return this.#sign.batch(reporter, first, items, this.#notAfter())
  }

  skip_sequence(): object {
    const reporter = this.#oneOf(REPORTERS)
    const from = this.#next(useOf(this.#state, reporter.address).nextSeq - 1)
    return this.#sign.skip(reporter, from, from + this.#dice.pick([-1, 0, 1, 3, Number.MAX_SAFE_INTEGER - from]))
  }

  register(): object {
    const recipient = this.#oneOf(PEOPLE)
    const id = this.#dice.pick([...this.#ids(), 'orch-new', recipient.address])
    const registrar = this.#dice.pick([REGISTRAR, REGISTRAR, null, STRANGER])
    const regSeq = this.#next(this.#account(id)?.regSeq ?? 0)
    return this.#sign.register(recipient, registrar, { orchestratorId: id, regSeq, notAfter: this.#notAfter() })
  }

  change_recipient(): object {
    const id = this.#dice.pick(this.#ids())
    const account = this.#account(id)
    const from = PEOPLE.find(({ address }) => address === account?.recipient) ?? null
    const to = this.#oneOf(PEOPLE)
    const message = {
      orchestratorId: id,
      from: account?.recipient ?? ZERO_ADDRESS,
      to: to.address,
      regSeq: this.#next(account?.regSeq ?? 0),
      notAfter: this.#notAfter(),
    }
    return this.#sign.change(from, to, message, from === null ? this.#admins() : [])
  }

  set_policy(): object {
    const { policy, policyVersion, policyHash } = this.#state
    const changed = this.#dice.pick([
      policy,
      { ...policy, cadenceSeconds: this.#dice.below(3) },
      { ...policy, deniedRecipients: [PEOPLE[0]?.address as Address] },
      { ...policy, credits: this.#dice.pick(['signed', 'host-trusted'] as const) },
      { ...policy, reporters: policy.reporters.slice(1) },
      { ...policy, quorum: this.#dice.below(4) },
      { ...policy, payoutWeiMax: wei(this.#dice.pick(AMOUNTS_WEI)) },
    ])
    return this.#sign.policy(changed, this.#next(policyVersion), policyHash, [...this.#admins()], this.#notAfter())
  }

  adjust(): object {
    const message = {
      adjustSeq: this.#next(this.#state.adjustSeq),
      orchestratorId: this.#dice.pick(this.#ids()),
      deltaWei: this.#dice.pick(DELTAS_WEI),
    }
    return this.#sign.adjust(message, [...this.#admins()])
  }

  drain(): object {
    const message = { drainSeq: this.#next(this.#state.drainSeq), amountWei: wei(this.#dice.pick(AMOUNTS_WEI)) }
    return this.#sign.drain(message, [...this.#admins()])
  }

  journal_reset(): object {
    const { journalSize, journalHead } = this.#state
    const message = {
      atSize: journalSize,
      atHead: toHash(journalHead),
      newHead: this.#dice.pick([ZERO_HASH, aHash(9)]),
    }
    return this.#sign.reset(message, [...this.#admins()])
  }

  rotate(): object {
    const approval = approvalFor(this.#state, this.#sign, this.#admins(), this.#next(this.#state.epoch))
    return { ...approval, fees: FEES, accountNonce: this.#dice.below(9) }
  }

  #credit() {
    const id = this.#dice.pick([...this.#ids(), 'orch-fresh'])
    const recipient = this.#dice.below(3) === 0 ? this.#oneOf(PEOPLE).address : ZERO_ADDRESS
    return {
      orchestratorId: id,
      recipient,
      amountWei: wei(this.#dice.pick([10n ** 16n, 10n ** 18n, this.#dice.pick(AMOUNTS_WEI)])),
      notAfter: this.#notAfter(),
    }
  }

  #ids(): string[] {
    const known = this.#state.accounts.slice(1, 8).map(({ id }) => id)
    return known.length === 0 ? ['orch-0'] : known
  }

  #account(id: string) {
    return this.#state.byId.get(id)
  }

  /** The next number, mostly. */
  #next(last: number): number {
    return this.#dice.below(10) > 0 ? last + 1 : Math.max(0, last + this.#dice.pick([-1, 0, 2, 5]))
  }

  #notAfter(): number {
    return this.#dice.below(12) > 0 ? LATER_SECONDS : this.#dice.pick(EXPIRIES_SECONDS)
  }

  #oneOf(signers: readonly Signer[]): Signer {
    return this.#dice.below(20) === 0 ? STRANGER : this.#dice.pick(signers)
  }

  #admins(): readonly Signer[] {
    const others = [
      [],
      ADMINS,
      QUORUM.toReversed(),
      QUORUM.slice(0, 1),
      [...QUORUM.slice(0, 1), ...QUORUM.slice(0, 1)],
      [STRANGER],
    ]
    return this.#dice.below(10) > 0 ? QUORUM : this.#dice.pick(others)
  }
}

function approvalFor(state: State, sign: ReturnType<typeof signedFor>, admins: readonly Signer[], epoch: number) {
  const { logKey, config, imageDigest } = state
  return sign.approval({ epoch, newAuthority: STRANGER.address, logKey, config, imageDigest }, [...admins])
}

function aHash(byte: number): Hash {
  return toHash(new Uint8Array(32).fill(byte))
}
