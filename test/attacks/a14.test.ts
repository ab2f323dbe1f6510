import { strict as assert } from 'node:assert'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { REGISTRAR } from '../builders/governors.ts'
import { ALICE, EVE, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses, reverted } from './use-stage.ts'

describe('A14: a host that wants payouts of others for an address of its own', () => {
  const stage = useGovernedStage({ strategy: 'transfer' })

  it('registers nobody without a registrar', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await refuses(boot.call('register', by.register(EVE, null)), 'REGISTRATION_DENIED')
    await refuses(boot.call('register', by.register(EVE, EVE)), 'REGISTRATION_DENIED')
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    await refuses(boot.call('register', by.register(EVE, REGISTRAR, { regSeq: 2 })), 'RECIPIENT_PINNED')
    const message = { orchestratorId: 'orch-new', from: ALICE.address, to: EVE.address, regSeq: 2, notAfter: 4e9 }
    await refuses(boot.call('change_recipient', by.change(EVE, EVE, message)), 'SIGNER_MISMATCH')
    await refuses(boot.call('change_recipient', by.change(null, EVE, message)), 'QUORUM_INVALID')
  })

  it('gains nothing from a registrar’s help in a history that was rolled back: its commit does not land', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const before = boot.kept.slice(0, -1)
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    const owed = { credits: [by.credit(REPORTER, 1, { orchestratorId: 'orch-new' })] }
    await stored(boot, 'credit_signed', owed)
    await stage().anchorBare(boot)
    await boot.kill()

    const stale = await stage().boot()
    await stale.load(before, { head: ZERO_HASH, epoch: 0, bitmap: null })
    const opened = await stale.openSession()
    reverted(await stage().send(opened), 'AnchorWrongEpoch')
    await stale.tellLanded(opened.epoch)
    await stored(stale, 'register', by.register(EVE, REGISTRAR))
    await stored(stale, 'credit_signed', owed)
    const commit = await stale.prepare({ round: null })
    assert.deepEqual(
      commit.payouts.map(({ recipient }) => recipient),
      [EVE.address],
    )
    reverted(await stage().relay(commit), 'AnchorWrongSequence')

    const again = await stage().reloaded(boot.kept)
    assert.equal((await stage().pay(again)).bitmap, 1n)
    assert.equal(await stage().node.balanceOf(ALICE.address), ETHER_WEI)
    assert.equal(await stage().node.balanceOf(EVE.address), 0n)
    await stage().audits(again)
  })

  it('has to wait with the old recipient’s own signature as well, who is paid meanwhile', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    const message = { orchestratorId: 'orch-new', from: ALICE.address, to: EVE.address, regSeq: 2, notAfter: 4e9 }
    const { effectiveAt, effectiveSequence } = await stored(boot, 'change_recipient', by.change(ALICE, EVE, message))
    const { at } = await boot.ledger()
    assert.deepEqual({ effectiveAt, effectiveSequence }, { effectiveAt: at + 72 * 3_600, effectiveSequence: 100 })
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1, { orchestratorId: 'orch-new' })] })
    const { commit } = await stage().pay(boot)
    assert.deepEqual(
      commit.payouts.map(({ recipient }) => recipient),
      [ALICE.address],
    )
    await stage().audits(boot)
  })
})
