import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { createPublicClient, http } from 'viem'
import { type Hash, toHex } from '../../enclave/protocol/ids.ts'
import { isFinal, openChainWord } from '../../reporter/finality.ts'
import { openTiles } from '../../reporter/tiles.ts'
import { aLine } from '../builders/boot.ts'
import { writeTiles } from '../e2e/auditor-stage.ts'
import type { Boot } from './boot.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

const EVENT = aLine('orch-0', '1')
const NO_BLOCK_YET = 2 ** 40

describe('A23: an acknowledgement of one clone, and the commit of another', () => {
  const stage = useStage()

  /** Applies the event and keeps the receipt, as a reporter does. */
  async function reported(boot: Boot) {
    const { journalSize, journalHead } = await boot.ledger()
    const lines = [Uint8Array.from(EVENT)]
    const answer = await boot.call('apply_events', {
      firstIndex: journalSize,
      head: journalHead,
      lines,
      receipts: true,
    })
    assert(answer.kind === 'ack', 'the event fits the cursor')
    await boot.keep(answer.records)
    const [receipt] = answer.receipts
    assert(receipt !== undefined, 'an applied credit has a receipt')
    return { ...receipt, throughSeq: 1, signature: toHex(receipt.signature) }
  }

  /** A commit of this boot on chain, its log published: what a reporter asks then. */
  async function finality(boot: Boot, folder: string) {
    const commit = await boot.prepare()
    const { landed, bitmap } = await stage().relay(commit)
    assert.equal(landed, true)
    await boot.confirm(commit.sequence, bitmap)
    const place = join(stage().folder, folder)
    await writeTiles(place, publishedEntries(boot, commit))
    const rpc = createPublicClient({ transport: http(stage().node.url) })
    const ledger = { chainId: stage().deployment.chainId, anchor: stage().anchor }
    return (receipt: Awaited<ReturnType<typeof reported>> & { readonly leafHash: Hash }, fromBlock = 0) => {
      const chain = openChainWord((question) => question(rpc), stage().anchor, { depthBlocks: 0 }, fromBlock)
      return isFinal(ledger, receipt, chain, openTiles(place))
    }
  }

  it('is never final, so that the reporter sends again and is credited once', async () => {
    const boot = await stage().active()
    const stored = [...boot.kept]
    const receipt = await reported(boot)
    const other = await stage().reloaded(stored)
    const atFirst = await finality(await creditedElsewhere(other), 'first')
    assert.equal(await atFirst(receipt), false)

    const again = await reported(other)
    const later = await finality(other, 'second')
    assert.deepEqual([await later(receipt), await later(again)], [false, true])
    const { credited_wei } = await other.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(credited_wei, 10n ** 18n)
    await stage().audits(other)
  })

  it('becomes final with the commit of the enclave that gave it', async () => {
    const boot = await stage().active()
    const receipt = await reported(boot)
    assert.equal(await (await finality(boot, 'own'))(receipt), true)
  })

  it('is looked for from the block that the reporter names, and in no older one', async () => {
    const boot = await stage().active()
    const receipt = await reported(boot)
    const { genesisBlock } = stage().deployment
    const isFinalFrom = await finality(boot, 'own')
    assert.deepEqual(
      [await isFinalFrom(receipt, genesisBlock), await isFinalFrom(receipt, NO_BLOCK_YET)],
      [true, false],
    )
  })

  /** Enough other credits that its log is longer than the lost one was. */
  async function creditedElsewhere(boot: Boot): Promise<Boot> {
    await boot.credit('0.5', 'orch-1', 'orch-2', 'orch-3')
    return boot
  }
})
