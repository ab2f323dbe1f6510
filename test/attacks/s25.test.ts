import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine } from '../builders/boot.ts'
import type { Boot } from './boot.ts'
import { refuses, useStage } from './use-stage.ts'

const JOURNAL = Array.from({ length: 12 }, (_, at) =>
  at % 4 === 3 ? aLine('orch-0', 'nothing') : aLine(`orch-${at % 3}`, '0.1'),
)
const CHUNK = 3

/** Where the enclave dies, seen from the host that has the journal. */
const CRASHES = [
  'before it read the chunk',
  'after it applied it, with its reply lost',
  'after its reply was stored',
] as const

describe('S25: crashes on the way of a journal line', () => {
  const stage = useStage()

  /** The whole file from its beginning, as a host does that has forgotten where it was. */
  function fromTheStart(boot: Boot, lines: readonly Uint8Array[]) {
    return boot.call('apply_events', {
      firstIndex: 0,
      head: ZERO_HASH,
      lines: lines.map((line) => Uint8Array.from(line)),
    })
  }

  for (const moment of CRASHES)
    it(`lose and double nothing when they come ${moment}`, async () => {
      let boot = await stage().active()
      for (let end = CHUNK; end <= JOURNAL.length; end += CHUNK) {
        if (moment !== CRASHES[0]) {
          const answer = await fromTheStart(boot, JOURNAL.slice(0, end))
          if (moment === CRASHES[2] && answer.kind === 'ack') await boot.keep(answer.records)
        }
        if (end % (2 * CHUNK) !== 0) continue
        await boot.kill()
        boot = await stage().reloaded(boot.kept)
      }
      const answer = await fromTheStart(boot, JOURNAL)
      assert(answer.kind === 'ack', 'the whole journal is there in the end')
      await boot.keep(answer.records)

      const lines = boot.entries
        .map((entry) => decodeEntry(entry))
        .flatMap(({ type, body }) => (type === 'credit' || type === 'refuse' ? [(body as { line: number }).line] : []))
      assert.deepEqual(
        lines,
        JOURNAL.map((_, at) => at),
      )
      assert.equal((await stage().audits(boot)).creditedWei, 9n * 10n ** 17n)
    })

  it('read no line that has no end yet', async () => {
    const boot = await stage().active()
    const half = aLine('orch-0', '1').slice(0, -1)
    await refuses(fromTheStart(boot, [half]), 'PARAMS_INVALID')
    assert.equal((await boot.ledger()).journalHead, toHash(new Uint8Array(32)))
  })
})
