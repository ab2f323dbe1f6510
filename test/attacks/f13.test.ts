import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { LINE_BYTES_MAX } from '../../enclave/protocol/methods.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { aLine } from '../builders/boot.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

const HUGE = { hash: `0x${'12'.repeat(32)}`, bytes: LINE_BYTES_MAX + 1 }

describe('F13: a complete line that nobody can read', () => {
  const stage = useStage()

  const LINES: readonly (readonly [string, Uint8Array | typeof HUGE, string])[] = [
    ['no JSON', utf8('}{\n'), 'LINE_NOT_JSON'],
    ['no object', utf8('[1]\n'), 'LINE_NOT_JSON'],
    ['nothing', utf8('\n'), 'LINE_NOT_JSON'],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d, 0x0a), 'LINE_NOT_UTF8'],
    ['a key twice', utf8('{"event":"credit","event":"credit"}\n'), 'LINE_KEY_DOUBLED'],
    ['an unknown event', utf8('{"event":"debit"}\n'), 'LINE_EVENT_UNKNOWN'],
    ['more than a line may hold', HUGE, 'LINE_TOO_LONG'],
  ]

  it('is consumed and recorded, and the lines before and behind it count', async () => {
    const boot = await stage().active()
    for (const [what, line, code] of LINES) {
      await boot.offer(aLine('orch-0', '0.1'))
      const { journalSize, journalHead } = await boot.ledger()
      const lines = [line instanceof Uint8Array ? Uint8Array.from(line) : line]
      const answer = await boot.call('apply_events', { firstIndex: journalSize, head: journalHead, lines })
      assert(answer.kind === 'ack', what)
      assert.deepEqual(answer.refused, [{ line: journalSize, code }], what)
      await boot.keep(answer.records)
      const ledger = await boot.ledger()
      const behind = await boot.call('apply_events', {
        firstIndex: ledger.journalSize,
        head: ledger.journalHead,
        lines: [Uint8Array.from(aLine('orch-1', '0.1'))],
      })
      assert(behind.kind === 'ack' && behind.applied === 1, what)
      await boot.keep(behind.records)
      boot.startFrom([], Buffer.from((await boot.ledger()).journalHead.slice(2), 'hex'))
    }
    const refused = boot.entries.map(decodeEntry).filter(({ type }) => type === 'refuse')
    assert.equal(refused.length, LINES.length)
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, (14n * ETHER_WEI) / 10n)
  })
})
