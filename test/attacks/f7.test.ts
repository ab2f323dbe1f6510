import { strict as assert } from 'node:assert'
import { codeOfCall } from '../builders/refusals.ts'
import { publishedEntries, rebuilt } from './published.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

describe('F7: every sealed file is lost right after a payout', () => {
  const stage = useStage()

  it('and the public log brings the ledger back, which pays on', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0', 'orch-1')
    const { commit } = await stage().pay(boot)
    await boot.kill()
    const attempt = rebuilt(stage(), publishedEntries(boot, commit))
    assert.equal(await codeOfCall(attempt), 'accepted')
    const again = await attempt
    await again.credit('0.5', 'orch-0', 'orch-2')
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, 3n * ETHER_WEI)
  })

  it('under the true bitmap alone', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0', 'orch-1')
    const { commit } = await stage().pay(boot)
    await boot.kill()
    const entries = publishedEntries(boot, commit).map((entry) => Uint8Array.from(entry))
    const truth = await stage().claim()
    for (const bitmap of [null, `0x${'00'.repeat(31)}01`, `0x${'00'.repeat(32)}`]) {
      const liar = await stage().boot()
      await refuses(liar.call('rebuild', { entries, claimed: { ...truth, bitmap } }), 'CLAIM_MISMATCH')
    }
  })
})
