import { expect } from 'chai'
import { makeGenesis } from '../../../../enclave/core/genesis.ts'
import { chooseDue, DUE_LOOKED_AT_MAX, dueTotal } from '../../../../enclave/core/payout.ts'
import {
  type Account,
  creditAccount,
  openAccount,
  pinRecipient,
  type State,
  touch,
} from '../../../../enclave/core/state.ts'
import { genesisHash } from '../../../../enclave/protocol/configuration.ts'
import { ZERO_HASH } from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import { aGenesis, anAddress, aPolicy } from '../../../builders/boot.ts'

const ETHER_WEI = 10n ** 18n
const BUDGET_WEI = wei(10n * ETHER_WEI)
const AT_SECONDS = 1_795_000_000
const DENIED = anAddress(0x9_999)

/** A ledger of so many accounts with a recipient and a balance above the threshold. */
function richLedger(accounts: number): State {
  const policy = aPolicy({ accountsMax: 2 ** 21, deniedRecipients: [DENIED] })
  const genesis = aGenesis({ policy, roster: [] })
  const { chainId, anchor, broker } = policy
  const place = { chainId, anchor, broker, guardian: anAddress(0xd1), role: 'core' as const }
  const keys = { authority: anAddress(0xe1), logKey: ZERO_HASH, imageDigest: ZERO_HASH }
  const { state } = makeGenesis({ ...place, genesisHash: genesisHash(genesis) }, genesis, keys, 0, AT_SECONDS)
  for (let at = 0; at < accounts; at++) {
    const account = openAccount(state, `orch-${at}`)
    pinRecipient(state, account, anAddress(0x10_000 + at))
    creditAccount(state, account, wei(ETHER_WEI / 100n))
  }
  return state
}

/** What keeps a rich account from being due. */
const HINDRANCES: readonly ((state: State, account: Account) => void)[] = [
  () => undefined,
  (state, account) => retryAt(account, state.sequence + 2),
  (state, account) => retryAt(account, state.sequence + 1),
  (state, account) => pinRecipient(state, touch(state, account.index), DENIED),
  (state, { recipient }) =>
    void state.paidTo.set(recipient, [
      { fromSeconds: AT_SECONDS, lastSeconds: AT_SECONDS, wei: state.policy.recipientWindowWeiMax },
    ]),
]

function retryAt(account: Account, sequence: number): void {
  account.retrySequence = sequence
}

const HARMLESS: ReadonlySet<number> = new Set([0, 2])

describe('who is due', () => {
  it('is told in a status from whatever second on, and is whom a commit then pays', () => {
    const state = richLedger(400)
    const due = state.accounts.slice(1).filter((account, at) => {
      const hindrance = (at * 7) % HINDRANCES.length
      HINDRANCES[hindrance]?.(state, account)
      return HARMLESS.has(hindrance)
    })
    const dueWei = wei((BigInt(due.length) * ETHER_WEI) / 100n)
    for (let second = 0; second < 200; second++)
      expect(dueTotal(state, AT_SECONDS + second)).to.deep.equal({ dueAccounts: due.length, dueWei })
    const { payoutsPerCommitMax } = state.policy
    const paid = due.slice(0, payoutsPerCommitMax).map(({ index }) => index)
    expect(chooseDue(state, BUDGET_WEI, AT_SECONDS).map(({ account }) => account)).to.deep.equal(paid)
  })

  it('is found behind any number of accounts that wait, though no status looks at them all', () => {
    const state = richLedger(4 * DUE_LOOKED_AT_MAX)
    for (const account of state.accounts) retryAt(account, state.sequence + 2)
    const hidden = state.accounts[3 * DUE_LOOKED_AT_MAX] as Account
    retryAt(hidden, 0)
    for (const everySeconds of [1, 5, 60]) {
      const counts = Array.from({ length: 60 }, (_, at) => dueTotal(state, AT_SECONDS + at * everySeconds).dueAccounts)
      expect(counts, 'a look that finds nobody').to.include(0)
      for (let from = 0; from + 20 <= counts.length; from++)
        expect(counts.slice(from, from + 20), `from look ${from}, every ${everySeconds} s`).to.include(1)
    }
    expect(chooseDue(state, BUDGET_WEI, AT_SECONDS).map(({ account }) => account)).to.deep.equal([hidden.index])
  })
})
