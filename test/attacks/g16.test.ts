import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { aLine, audited } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

/** The clock is the machine's own, so these worlds run inside the test: a real process cannot be sent to 2106. */
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
