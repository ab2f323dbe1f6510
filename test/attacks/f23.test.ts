import { strict as assert } from 'node:assert'
import { decodeCbor } from '../../enclave/protocol/cbor.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, wei } from '../../enclave/protocol/money.ts'
import { aLine } from '../builders/boot.ts'
import { Forger } from './forger.ts'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { codeOf, refuses, useStage } from './use-stage.ts'

const LARGEST_WEI = wei(AMOUNT_WEI_LIMIT - 1n)

const ONE_WEI = '0.000000000000000001'
const TWO_WEI = '0.000000000000000002'

describe('F23: one credit that fills the ledger, so that no other fits', () => {
  const reporters = [{ address: REPORTER.address, windowWeiMax: wei(2n ** 126n), lifetimeWeiMax: wei(2n ** 126n) }]
  const stage = useGovernedStage({ reporters })

  it('is below 2^96 wei, and the next one still counts', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const amounts = [2n ** 128n - 1n, AMOUNT_WEI_LIMIT, LARGEST_WEI, 1n]
    const credits = amounts.map((amountWei, at) => by.credit(REPORTER, at + 1, { amountWei: wei(amountWei) }))
    const { outcomes } = await stored(boot, 'credit_signed', { credits })
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind)),
      ['AMOUNT_TOO_LARGE', 'AMOUNT_TOO_LARGE', 'applied', 'applied'],
    )
    assert.equal(await owedWei(boot, 'orch-0'), AMOUNT_WEI_LIMIT)
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('is no adjustment and no drain either', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const adjust = by.adjust({ adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: AMOUNT_WEI_LIMIT })
    await refuses(boot.call('adjust', adjust), 'AMOUNT_TOO_LARGE')
    const drain = by.drain({ drainSeq: 1, amountWei: wei(AMOUNT_WEI_LIMIT) })
    await refuses(boot.call('drain', drain), 'AMOUNT_TOO_LARGE')
    await stored(boot, 'drain', by.drain({ drainSeq: 1, amountWei: LARGEST_WEI }))
    assert(BigInt((await boot.ledger()).creditedWei) < LEDGER_WEI_LIMIT)
  })
})

describe('F23: a ledger that is full to the last wei but one', () => {
  const stage = useStage()

  it('takes what still fits, records what is above as refused, and pays on', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().anchorBare(boot)
    const { chunk } = await boot.call('export_snapshot', { chunk: 0 })
    await boot.kill()
    const again = await stage().boot()
    await again.load([{ sealed: owing(chunk, LEDGER_WEI_LIMIT - 2n), entries: [] }], await stage().claim())
    await stage().activate(again)

    const answers: (string | undefined)[] = []
    const offer = async (ether: string) => {
      const answer = await again.offer(aLine('orch-1', ether))
      answers.push(answer.kind === 'ack' ? (answer.refused[0]?.code ?? 'applied') : answer.kind)
    }
    for (const ether of [TWO_WEI, ONE_WEI, ONE_WEI]) assert.equal(await codeOf(offer(ether)), 'accepted')
    assert.deepEqual(answers, ['LEDGER_FULL', 'applied', 'LEDGER_FULL'])
    assert.equal(BigInt((await again.ledger()).creditedWei), LEDGER_WEI_LIMIT - 1n)
    assert.equal((await stage().pay(again)).bitmap, 1n)
  })

  /** A state that another image with the same keys could have written: honest credits take centuries to get there. */
  function owing(chunk: Uint8Array, creditedWei: bigint): Uint8Array {
    const forger = new Forger(stage())
    const [head, accounts, ...rest] = forger.openSnapshot(chunk) as [Uint8Array, Uint8Array, ...Uint8Array[]]
    const [owner, payee, ...others] = decodeCbor(accounts, { canonical: true }) as object[]
    const { recipient, creditedWei: before, paidWei, reservedWei, lastSeq } = payee as { [field: string]: string }
    const committed = [{ recipient, creditedWei: before, paidWei, reservedWei, lastSeq }]
    const rich = { ...payee, creditedWei: creditedWei.toString(), committed }
    return forger.sealSnapshot([head, forger.encode([owner, rich, ...others]), ...rest], chunk)
  }

  it('cannot be asked for by a policy: its caps for life fit into the ledger, and a payout into its field', async () => {
    const boot = await stage().boot()
    const { policy, ...genesis } = stage().genesis as { readonly policy: Record<string, unknown> }
    const half = LEDGER_WEI_LIMIT / 2n
    const lifetimes = (journalWei: bigint, reporterWei: bigint) => {
      const capsOf = (lifetimeWei: bigint) => ({ windowWeiMax: '1', lifetimeWeiMax: lifetimeWei.toString() })
      return { journal: capsOf(journalWei), reporters: [{ address: REPORTER.address, ...capsOf(reporterWei) }] }
    }
    // What the policy allows is another genesis than the configuration's, and goes no further either.
    const asked = [
      [{ payoutWeiMax: AMOUNT_WEI_LIMIT.toString() }, 'POLICY_INVALID'],
      [{ payoutWeiMax: LARGEST_WEI.toString() }, 'GENESIS_HASH'],
      [lifetimes(half, half), 'POLICY_INVALID'],
      [lifetimes(half, half - 1n), 'GENESIS_HASH'],
    ] as const
    for (const [more, code] of asked)
      await refuses(boot.begin({ ...genesis, policy: { ...policy, ...more } }, 0), code)
    await boot.begin(stage().genesis, 0)
  })
})
