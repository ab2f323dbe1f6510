import { strict as assert } from 'node:assert'
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { type Hash, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine } from '../builders/boot.ts'
import { EVE, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('F14: a journal that lost its end after it was read', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  /** Two lines were read; the second is gone, and another stands in its place. */
  async function torn() {
    const boot = await stage().active()
    const [kept, lost, instead, next] = ['orch-0', 'orch-1', 'orch-2', 'orch-3'].map((id) => aLine(id, '1'))
    await boot.offer(kept as Uint8Array, lost as Uint8Array)
    const { journalSize: atSize, journalHead: atHead } = await boot.ledger()
    const newHead = headOf([kept as Uint8Array, instead as Uint8Array])
    return { boot, atSize, atHead, newHead, next: next as Uint8Array }
  }

  it('stops the intake until a quorum names the past that counts', async () => {
    const { boot, atSize, atHead, newHead, next } = await torn()
    const offered = { firstIndex: atSize, head: newHead, lines: [Uint8Array.from(next)] }
    assert.equal((await boot.call('apply_events', offered)).kind, 'fork')
    await stored(boot, 'journal_reset', signedOn(stage()).reset({ atSize, atHead, newHead }))
    const answer = await boot.call('apply_events', offered)
    assert.equal(answer.kind, 'ack')
    await boot.collect()
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, 3n * ETHER_WEI, 'the line that was lost stays credited')
  })

  it('is not reset without a quorum, nor at another place', async () => {
    const { boot, atSize, atHead, newHead } = await torn()
    const by = signedOn(stage())
    for (const admins of [[], [EVE]])
      await refuses(boot.call('journal_reset', by.reset({ atSize, atHead, newHead }, admins)), 'QUORUM_INVALID')
    await refuses(boot.call('journal_reset', by.reset({ atSize: 1, atHead, newHead })), 'RESET_MISMATCH')
    await refuses(boot.call('journal_reset', by.reset({ atSize, atHead: ZERO_HASH, newHead })), 'RESET_MISMATCH')
  })

  function headOf(lines: readonly Uint8Array[]): Hash {
    const start: Uint8Array = new Uint8Array(32)
    return toHash(lines.reduce((head, line) => nextJournalHead(head, lineHash(line)), start))
  }
})

describe('F14: a reporter that lost one of its own numbers', () => {
  const stage = useGovernedStage()

  it('goes on behind the hole by its own signature, and by nobody else’s', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const next = { credits: [by.credit(REPORTER, 4)] }
    assert.equal((await boot.call('credit_signed', next)).outcomes[0]?.kind, 'gap')
    const skip = by.skip(REPORTER, 2, 3)
    const { address: reporter } = REPORTER
    await refuses(boot.call('skip_sequence', { ...by.skip(EVE, 2, 3), reporter }), 'SIGNER_MISMATCH')
    await refuses(boot.call('skip_sequence', { ...skip, toSeq: 9 }), 'SIGNER_MISMATCH')
    await refuses(boot.call('skip_sequence', by.skip(EVE, 1, 3)), 'REPORTER_UNKNOWN')
    // It cannot take back what it has said, nor leave a hole in front.
    await refuses(boot.call('skip_sequence', by.skip(REPORTER, 1, 3)), 'COUNTER_MISMATCH')
    await refuses(boot.call('skip_sequence', by.skip(REPORTER, 3, 3)), 'COUNTER_MISMATCH')
    assert.equal((await boot.call('credit_signed', next)).outcomes[0]?.kind, 'gap')
    await stored(boot, 'skip_sequence', skip)
    assert.equal((await stored(boot, 'credit_signed', next)).outcomes[0]?.kind, 'applied')
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).creditedWei, 2n * ETHER_WEI)
  })
})
