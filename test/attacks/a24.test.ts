import { strict as assert } from 'node:assert'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { bitmapHash } from '../builders/boot.ts'
import type { Round } from './boot.ts'
import { ETHER_WEI, ROUND_LENGTH_BLOCKS } from './stage.ts'
import { lifted, redeem } from './ticket.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

describe('A24: a host that gives the wrong round', () => {
  const stage = useStage()

  async function wrongRounds(): Promise<readonly Round[]> {
    const { number, hash } = await stage().round()
    return [
      { number, hash: bitmapHash(7n) },
      { number: number + 1, hash },
      { number: number - 1, hash },
    ]
  }

  it('is refused a ticket without a round, by the enclave', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const { number, hash } = await stage().round()
    for (const round of [null, { number, hash: ZERO_HASH }, { number: 0, hash }])
      await refuses(boot.prepare({ round }), 'ROUND_INVALID')
    await stage().pay(boot)
  })

  it('moves no money with any of them, and the payee gets his own once under the same header', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const [first, ...others] = await wrongRounds()
    const commit = await boot.prepare({ round: first as Round })
    const tries = [commit]
    for (const round of others) tries.push(await boot.resign({ round }))
    for (const attempt of tries) {
      reverted(await stage().relay(attempt), 'AnchorTicketFailed')
      assert.equal(await redeem(stage(), lifted(stage(), boot, attempt)), 0n)
    }
    assert.equal(await stage().outflowWei(), 0n)
    const right = await boot.resign()
    assert.equal(right.headerHash, commit.headerHash)
    assert.equal((await stage().relay(right)).bitmap, 1n)
    await boot.confirm(right.sequence, 1n)
    await stage().audits(boot)
  })

  it('has two tickets of one payout from two rounds that both hold, and one of them pays', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const early = await boot.prepare()
    await stage().node.skip(ROUND_LENGTH_BLOCKS)
    await stage().openRound()
    const late = await boot.resign()
    assert.equal((await stage().relay(late)).bitmap, 1n)
    reverted(await stage().relay(early), 'AnchorWrongSequence')
    assert.equal(await redeem(stage(), lifted(stage(), boot, early)), 0n)
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
    await boot.confirm(late.sequence, 1n)
    await stage().audits(boot)
  })
})
