import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { drawKeys, takeOver } from './rotation.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const DAY = 86_400

describe('F15: a freeze by mistake, or a guardian’s key that is lost while frozen', () => {
  const stage = useStage()

  async function guardian(functionName: 'freeze' | 'unfreeze' | 'guardianRotate', ...args: unknown[]): Promise<void> {
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName, args } as never)
    assert.equal((await stage().as(stage().guardian(), { to: stage().anchor, data })).status, '0x1', functionName)
  }

  /** A commit that was signed before the freeze. */
  async function inFlight() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    return { boot, commit: await boot.prepare() }
  }

  it('stops a commit in flight, which lands after the thaw', async () => {
    const { boot, commit } = await inFlight()
    await guardian('freeze')
    reverted(await stage().relay(commit), 'AnchorFrozen')
    await guardian('unfreeze')
    const { landed, bitmap } = await stage().relay(commit)
    assert(landed && bitmap !== null)
    await boot.confirm(commit.sequence, bitmap)
    await stage().audits(boot)
  })

  it('ends by itself after thirty days, without any key', async () => {
    const { boot, commit } = await inFlight()
    await guardian('freeze')
    await stage().node.pass(30 * DAY - 60)
    reverted(await stage().relay(commit), 'AnchorFrozen')
    await stage().node.pass(120)
    const { landed, bitmap } = await stage().relay(commit)
    assert(landed && bitmap !== null)
    await boot.confirm(commit.sequence, bitmap)
    await stage().audits(boot)
  })

  it('lets sessions open meanwhile, which void what was in flight', async () => {
    const { boot, commit } = await inFlight()
    await guardian('freeze')
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    await guardian('unfreeze')
    reverted(await stage().relay(commit), 'AnchorWrongEpoch')
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, ETHER_WEI)
  })

  it('can end in another authority after seven days, which goes on with the ledger', async () => {
    const old = stage().keys
    const { boot, commit } = await inFlight()
    const keys = await drawKeys(stage())
    await guardian('freeze')
    await stage().node.pass(7 * DAY + 60)
    await guardian('guardianRotate', keys.address)
    reverted(await stage().relay(commit), 'AnchorNoSession')
    await takeOver(stage(), keys)
    const again = await stage().reloaded(boot.kept)
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, ETHER_WEI)
    stage().keys = old
  })
})
