import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { aLine, audited } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'
import { ETHER_WEI } from './stage.ts'
import { useSteeredMachines } from './steered-clock.ts'
import { useStage } from './use-stage.ts'

const DAY_SECONDS = 86_400
const BACK_SECONDS = 10_000_000
/** April 2106: more seconds than 32 bits hold, and years past the two digits of a certificate. */
const FAR_SECONDS = 4_300_000_000

describe('G16: a clock that is sent far ahead, or back', () => {
  after(closeWorlds)

  it('never makes the time of entries fall, and payouts go on', () => {
    const world = aWorld()
    const boot = credited(world)
    const { at } = boot.ledger
    world.nowSeconds -= 10_000_000
    boot.offer(aLine('orch-3', '1'))
    assert.equal(boot.ledger.at, at)
    const commit = boot.prepare()
    boot.confirm(commit.sequence, (1n << BigInt(commit.payouts.length)) - 1n)
    const times = boot.entries.map((bytes) => decodeEntry(bytes).at)
    assert.deepEqual(
      times,
      [...times].sort((left, right) => left - right),
    )
    audited(boot.entries)
  })

  it('stops no payment when it comes back from the year 2106', () => {
    const world = aWorld()
    const boot = credited(world)
    world.nowSeconds = 4_294_967_296
    boot.confirm(boot.prepare().sequence, 0b111n)
    world.nowSeconds = 1_800_000_100
    boot.offer(aLine('orch-0', '1'))
    boot.confirm(boot.prepare().sequence, 1n)
    audited(boot.entries)
  })

  it('is marked as nobody’s word where it is not attested', () => {
    assert.equal(credited(aWorld()).ledger.clockAttested, false)
  })
})

describe('G16: an enclave process on a machine whose clock was sent far ahead, or back', () => {
  const machines = useSteeredMachines('G16')
  const stage = useStage()

  it('writes no time before the last one, and pays in every year', async () => {
    let boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const nowSeconds = Math.floor(Date.now() / 1_000)
    const clocks = [-BACK_SECONDS, FAR_SECONDS - nowSeconds, 0]
    const times: number[] = []
    for (const ahead of clocks) {
      await boot.kill()
      boot = await machines.reloaded(stage(), boot.kept, ahead)
      await boot.credit('1', 'orch-1')
      await stage().pay(boot)
      times.push((await boot.ledger()).at)
    }
    const all = boot.entries.map((bytes) => decodeEntry(bytes).at)
    assert.deepEqual(
      all,
      [...all].sort((left, right) => left - right),
    )
    const [back = 0, far = 0, again = 0] = times
    assert(back >= nowSeconds - DAY_SECONDS, 'the clock that was sent back counts for nothing')
    assert(far >= FAR_SECONDS - DAY_SECONDS && again >= far, 'the one that was sent ahead was believed')
    assert.equal((await stage().audits(boot)).paidWei, 4n * ETHER_WEI)
  })
})
