import { strict as assert } from 'node:assert'
import { halts } from './confirm-stage.ts'
import { reverted, useStage } from './use-stage.ts'

describe('S16: an enclave that is told that its session landed', () => {
  const stage = useStage()

  it('lands nothing when another one’s session is in its place, though all numbers fit', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const genesis = [...boot.kept]
    await stage().activate(boot)

    const believer = await stage().boot()
    await believer.load(genesis, { ...(await stage().claim()), epoch: 0 })
    const { epoch } = await believer.openSession()
    await believer.tellLanded(epoch)
    await believer.credit('1', 'orch-0')
    const commit = await believer.prepare()
    const facts = await stage().facts()
    assert.deepEqual({ epoch, sequence: commit.sequence }, { epoch: facts.epoch, sequence: facts.sequence + 1 })
    reverted(await stage().relay(commit), 'AnchorBadSignature')
    assert.equal(await stage().outflowWei(), 0n)
    await halts(stage(), believer)

    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('lands nothing when no session was opened at all', async () => {
    const believer = await stage().boot()
    await believer.begin(stage().genesis, 0)
    const { epoch } = await believer.openSession()
    await believer.tellLanded(epoch)
    await believer.credit('1', 'orch-0')
    reverted(await stage().relay(await believer.prepare()), 'AnchorNoSession')
    assert.equal(await stage().outflowWei(), 0n)
  })
})
