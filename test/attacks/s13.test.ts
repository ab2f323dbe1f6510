import { strict as assert } from 'node:assert'
import { wei } from '../../enclave/protocol/money.ts'
import { reportOf } from './audited-log.ts'
import { publishedEntries } from './published.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const PAYEES = 50
const BAD = PAYEES - 1
const SUM_WEI = ETHER_WEI / 100n
const COMMITS = 20
const ATTEMPTS_MAX = 5
const ids = Array.from({ length: PAYEES }, (_, at) => `orch-${at}`)

describe('S13: a payee whose ticket always fails', () => {
  const stage = useStage({
    payees: PAYEES - 1,
    strangers: 1,
    policy: { thresholdWei: wei(SUM_WEI), payoutWeiMin: wei(SUM_WEI), backoffSequencesMax: 16 },
  })

  it('holds nobody up: forty-nine are paid in one call, and his own balance is whole', async () => {
    const boot = await stage().active()
    await boot.credit('0.01', ...ids)
    const all = await boot.prepare()
    assert.equal(all.payouts.length, PAYEES)
    reverted(await stage().relay(all), 'AnchorTicketFailed')
    const without = await boot.resign({ skip: [BAD] })
    const { bitmap } = await stage().relay(without)
    assert.equal(bitmap, 2n ** BigInt(PAYEES - 1) - 1n)
    const { checkpoint } = await boot.confirm(all.sequence, bitmap)
    const { balance_wei } = await boot.call('balance', { orchestrator_id: `orch-${BAD}` })
    assert.equal(balance_wei, SUM_WEI)
    await stage().audits(boot)

    // A skip is the host's word: whoever audits sees each of them.
    const published = { entries: publishedEntries(boot, all), checkpoint }
    const { exit, notices } = await reportOf(stage(), 'skipped', published)
    const skips = notices.filter(({ code }) => code === 'PAYOUT_SKIPPED')
    assert.deepEqual(
      { exit, skips: skips.map(({ subject }) => subject) },
      { exit: 0, skips: [`sequence ${all.sequence} payout ${PAYEES}`] },
    )
  })

  it('is tried again ever more rarely', async () => {
    const boot = await stage().active()
    await boot.credit('0.01', `orch-${BAD}`)
    let attempts = 0
    for (let commits = 0; commits < COMMITS; commits++) {
      await boot.credit('0.01', `orch-${commits}`)
      const commit = await boot.prepare()
      const skip = commit.payouts.flatMap(({ account }, at) => (account === PAYEES ? [at] : []))
      attempts += skip.length
      const { bitmap } = await stage().relay(await boot.resign({ skip }))
      assert(bitmap !== null, 'the others are paid')
      await boot.confirm(commit.sequence, bitmap)
    }
    assert(attempts > 1 && attempts <= ATTEMPTS_MAX, `${attempts} attempts in ${COMMITS} commits`)
    await stage().audits(boot)
  })
})
