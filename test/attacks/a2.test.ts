import { strict as assert } from 'node:assert'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const NOTHING_YET = { head: ZERO_HASH, epoch: 0, bitmap: null }

describe('A2: an RPC that shows an old head as the current one', () => {
  const stage = useStage()

  /** One payout on chain, and everything from before the first session. */
  async function paidOnce() {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const genesis = [...boot.kept]
    await stage().activate(boot)
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    return { boot, genesis }
  }

  it('opens no session for the enclave that believes it', async () => {
    const { genesis } = await paidOnce()
    const again = await stage().boot()
    await again.load(genesis, { ...NOTHING_YET, epoch: (await stage().claim()).epoch })
    reverted(await stage().send(await again.openSession()), 'AnchorStaleHead')
  })

  it('lands no commit of a history whose epoch and sequence fit: the head does not', async () => {
    const { boot, genesis } = await paidOnce()
    const again = await stage().boot()
    await again.load(genesis, NOTHING_YET)
    const { epoch } = await again.openSession()
    await again.tellLanded(epoch)
    await again.credit('1', 'orch-0')
    const first = await again.prepare()
    await again.confirm(first.sequence, 1n)
    await again.credit('1', 'orch-1')
    const second = await again.prepare()
    const facts = await stage().facts()
    assert.deepEqual({ epoch: second.epoch, sequence: second.sequence }, { epoch: facts.epoch, sequence: 2 })
    reverted(await stage().send(second), 'AnchorStaleHead')
    assert.equal(await stage().outflowWei(), ETHER_WEI)
    await stage().audits(boot)
  })
})
