import { strict as assert } from 'node:assert'
import { anAddress } from '../builders/boot.ts'
import { deployed } from './payees.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

const TURNCOAT = anAddress(0x2001)

describe('G9: a payee who takes the money in simulation and reverts on chain', () => {
  const stage = useStage({
    policy: { strategy: 'transfer' },
    recipients: async () => [anAddress(0x2000), TURNCOAT, anAddress(0x2002)],
  })

  it('loses his own bit and nobody else’s: the call does not revert', async () => {
    const boot = await stage().active()
    await boot.credit('0.5', 'orch-0', 'orch-1', 'orch-2')
    const commit = await boot.prepare()
    assert.equal(await stage().refusalOf(commit), undefined)
    // Between the simulation and the block his account gets code that takes nothing.
    const refusing = await deployed(stage().node, 'RefusingPayee')
    const code = await stage().node.request('eth_getCode', refusing, 'latest')
    await stage().node.request('hardhat_setCode', TURNCOAT, code)

    const { landed, bitmap } = await stage().relay(commit)
    assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 0b101n })
    await boot.confirm(commit.sequence, 0b101n)
    const { balance_wei } = await boot.call('balance', { orchestrator_id: 'orch-1' })
    assert.equal(balance_wei, ETHER_WEI / 2n)
    await stage().audits(boot)
  })
})
