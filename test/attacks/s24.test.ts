import { strict as assert } from 'node:assert'
import { aLine } from '../builders/boot.ts'
import { useStage } from './use-stage.ts'

const BATCHES = 200
const LINES = 1_000
/** Of V8, for the enclave's process: it fits what a small ledger needs, and not a note of 60 bytes on each of the lines. */
const HEAP_MIB = 48
const ID_BYTES_MAX = 128

describe('S24: events and fields without end', () => {
  const stage = useStage()

  it('cost the same from the first to the last, in a process that has no room to remember each', async function () {
    this.timeout(900_000)
    // One stands ready since the stage was opened: the next one is started now.
    await stage().cold()
    const boot = await withHeap(HEAP_MIB, () => stage().active())
    const sizes: number[] = []
    for (let batch = 0; batch < BATCHES; batch++) {
      const lines = Array.from({ length: LINES }, (_, at) =>
        aLine(`orch-${at % 5}`, '0.000001', { metadata: { workload_id: `w-${batch * LINES + at}` } }),
      )
      await assert.doesNotReject(boot.offer(...lines), 'an enclave that runs out of memory is gone')
      sizes.push(boot.kept.at(-1)?.sealed.length ?? 0)
      // This process would otherwise remember what the enclave must not.
      boot.kept.length = 0
    }
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

/** Node passes on to an enclave what it finds in its environment. */
async function withHeap<T>(mebibytes: number, start: () => Promise<T>): Promise<T> {
  const before = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = `--max-old-space-size=${mebibytes}`
  try {
    return await start()
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
  }
}
