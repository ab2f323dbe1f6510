import { strict as assert } from 'node:assert'
import { foldHead } from '../../enclave/protocol/header.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { bitmapHash } from '../builders/boot.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

/** `orch-5` is not known to Livepeer: his ticket fails and has to be skipped. */
describe('G1: a state that was told one thing, loaded under another', () => {
  const stage = useStage({ strangers: 1 })

  async function prepared() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    return { boot, commit: await boot.prepare() }
  }

  it('settled as failed, then loaded with the truth that it was paid: refused', async () => {
    const { boot, commit } = await prepared()
    assert((await stage().send(commit)).landed)
    const before = [...boot.kept]
    await boot.confirm(commit.sequence, 0n)
    const lied = [...boot.kept]
    const truth = await stage().claim()
    await boot.kill()
    await refuses((await stage().boot()).load(lied, truth), 'CLAIM_MISMATCH')
    await refuses((await stage().boot()).load(lied, { ...truth, bitmap: null }), 'CLAIM_MISMATCH')
    const again = await stage().boot()
    await again.load(before, truth)
    await stage().activate(again)
    await refuses(again.prepare(), 'NOTHING_DUE')
    assert.equal((await stage().audits(again)).paidWei, ETHER_WEI)
  })

  it('voided, and then the commit lands after all: refused', async () => {
    const { boot, commit } = await prepared()
    const { kept } = boot
    const stale = await stage().boot()
    await stale.load(kept, await stage().claimFor(kept))
    const voided = [...stale.kept]
    assert((await stage().send(commit)).landed)
    const truth = await stage().claim()
    await stale.kill()
    await boot.kill()
    await refuses((await stage().boot()).load(voided, truth), 'CLAIM_MISMATCH')
    await (await stage().boot()).load(kept, truth)
  })

  it('settled as paid, then loaded with the head of before: refused', async () => {
    const { boot, commit } = await prepared()
    const before = await stage().claim()
    await boot.confirm(commit.sequence, 1n)
    const lied = [...boot.kept]
    await boot.kill()
    await refuses((await stage().boot()).load(lied, before), 'CLAIM_MISMATCH')
    const folded = foldHead(commit.headerHash, 0n) as Hash
    await refuses(
      (await stage().boot()).load(lied, { head: folded, epoch: before.epoch, bitmap: bitmapHash(0n) }),
      'CLAIM_MISMATCH',
    )
  })
})
