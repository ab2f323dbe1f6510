import { strict as assert } from 'node:assert'
import { WORLD } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import { lower } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

describe('S31: a caller who names another contract', () => {
  const stage = useStage()

  it('gets no checkpoint for it: chain and anchor are this ledger’s, whatever he says', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    const { chainId } = stage().deployment
    const { anchor } = stage()
    for (const contract_address of [anAddress(0xbad), lower(WORLD.ticketBroker), stage().authority])
      await refuses(boot.call('audit_checkpoint', { chain_id: chainId, contract_address }), 'PARAMS_INVALID')
    for (const chain_id of [1, 0, chainId + 1])
      await refuses(boot.call('audit_checkpoint', { chain_id, contract_address: anchor }), 'PARAMS_INVALID')
    const { checkpoint } = await boot.call('audit_checkpoint', { chain_id: chainId, contract_address: anchor })
    assert.equal(checkpoint.split('\n')[0], `anchorhold/${chainId}/${anchor}`)
  })
})
