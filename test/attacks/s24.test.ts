import { strict as assert } from 'node:assert'
import { aLine } from '../builders/boot.ts'
import { memoryBytes } from './raw.ts'
import { useStage } from './use-stage.ts'

const BATCHES = 20
const LINES = 1_000
const GROWTH_BYTES_MAX = 96 * 1_024 * 1_024
const ID_BYTES_MAX = 128

describe('S24: events and fields without end', () => {
  const stage = useStage()

  it('cost the same from the first to the last, and memory stays flat', async function () {
    this.timeout(120_000)
    const boot = await stage().active()
    const sizes: number[] = []
    let before = 0
    for (let batch = 0; batch < BATCHES; batch++) {
      const lines = Array.from({ length: LINES }, (_, at) =>
        aLine(`orch-${at % 5}`, '0.000001', { metadata: { workload_id: `w-${batch * LINES + at}` } }),
      )
      await boot.offer(...lines)
      sizes.push(boot.kept.at(-1)?.sealed.length ?? 0)
      // The first batches warm up the machinery; what grows after them would grow for ever.
      if (batch === 2) before = memoryBytes(boot.process.pid)
    }
    assert(memoryBytes(boot.process.pid) - before < GROWTH_BYTES_MAX, 'memory does not grow with the events')
    assert((sizes.at(-1) ?? 0) < 1.1 * (sizes[0] ?? 0), 'a record holds its own events and nothing else')
    assert.equal((await boot.ledger()).journalSize, BATCHES * LINES)
  })

  it('are cut off where they are too long: the longest id is taken, one byte more is refused', async () => {
    const boot = await stage().active()
    const longest = 'é'.repeat(ID_BYTES_MAX / 2)
    const answer = await boot.offer(
      aLine(longest, '1'),
      aLine(`${longest}x`, '1'),
      aLine('orch-0', `0.${'1'.repeat(63)}`),
    )
    assert(answer.kind === 'ack', 'the lines fit the cursor')
    assert.deepEqual(answer.refused, [
      { line: 1, code: 'ORCHESTRATOR_ID' },
      { line: 2, code: 'AMOUNT_SYNTAX' },
    ])
  })
})
