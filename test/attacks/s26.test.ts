import { strict as assert } from 'node:assert'
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { fromHex, type Hash, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine } from '../builders/boot.ts'
import type { Boot } from './boot.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

const JOURNAL = ['orch-0', 'orch-1', 'orch-2', 'orch-3'].map((id) => aLine(id, '1'))

describe('S26: a journal that is edited, cut or begun again', () => {
  const stage = useStage()

  function headAfter(lines: readonly Uint8Array[]): Hash {
    return toHash(lines.reduce((head, line) => nextJournalHead(head, lineHash(line)), fromHex(ZERO_HASH) as Uint8Array))
  }

  async function offered(boot: Boot, firstIndex: number, head: Hash, lines: readonly Uint8Array[]): Promise<string> {
    const answer = await boot.call('apply_events', {
      firstIndex,
      head,
      lines: lines.map((line) => Uint8Array.from(line)),
    })
    return answer.kind
  }

  it('credits nothing: a changed past is a fork, a hole a gap', async () => {
    const boot = await stage().active()
    await boot.offer(...JOURNAL)
    const before = await boot.ledger()
    const edited = JOURNAL.with(1, aLine('orch-1', '9'))
    const one = aLine('orch-4', '1')
    const attempts: readonly (readonly [expected: string, firstIndex: number, head: Hash, lines: Uint8Array[]])[] = [
      ['fork', 0, ZERO_HASH, [...edited, one]],
      ['fork', 0, ZERO_HASH, [...JOURNAL.toReversed(), one]],
      ['fork', 4, headAfter(edited), [one]],
      ['fork', 4, ZERO_HASH, [one]],
      ['gap', 0, ZERO_HASH, [one]],
      ['gap', 0, ZERO_HASH, JOURNAL.slice(1)],
      ['gap', 5, headAfter([...JOURNAL, one]), [one]],
      ['fork', 1, headAfter(JOURNAL.slice(0, 1)), [edited[1] as Uint8Array, ...JOURNAL.slice(2), one]],
    ]
    for (const [expected, firstIndex, head, lines] of attempts)
      assert.equal(await offered(boot, firstIndex, head, lines), expected)
    assert.deepEqual(await boot.ledger(), before)
  })

  it('goes on where it was when it is the same one', async () => {
    const boot = await stage().active()
    await boot.offer(...JOURNAL)
    assert.equal(await offered(boot, 0, ZERO_HASH, [...JOURNAL, aLine('orch-4', '1')]), 'ack')
    await boot.collect()
    assert.equal((await stage().audits(boot)).creditedWei, 5n * ETHER_WEI)
  })
})
