import { strict as assert } from 'node:assert'
import { readChain } from '../../auditor/chain.ts'
import { judgeReceipt, parseReceipt } from '../../auditor/receipt.ts'
import type { Configuration } from '../../enclave/protocol/configuration.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { inclusionProof, leafHash, type NodeReader, rootOf } from '../../enclave/protocol/log-tree.ts'
import type { SignedReceipt } from '../../enclave/protocol/method-results.ts'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { publishedEntries } from './published.ts'
import { ETHER_WEI } from './stage.ts'

describe('A23: a credit that one clone acknowledges while another one’s commit wins', () => {
  const stage = useGovernedStage()

  /** What a reporter concludes from the chain and the published log, without asking the enclave. */
  async function judged(receipt: SignedReceipt, published: readonly Uint8Array[]) {
    const facts = await readChain({ rpcUrl: stage().node.url, anchor: stage().anchor, depthBlocks: 0, since: 0 })
    const { chainId, anchor } = stage().configuration as Configuration
    const node: NodeReader = (level, index) =>
      rootOf(published.slice(index * 2 ** level, (index + 1) * 2 ** level).map(leafHash))
    const size = published.length
    const inclusion =
      size === 0
        ? null
        : {
            size,
            root: toHash(rootOf(published.map(leafHash))),
            proof: inclusionProof(receipt.logIndex, size, node),
          }
    return judgeReceipt({
      receipt: parseReceipt(receipt),
      ledger: { chainId, anchor },
      sessions: facts.events.filter((event) => event.kind === 'session'),
      committed: facts.events.filter((event) => event.kind === 'committed'),
      finalBlock: facts.finalBlock,
      inclusion,
    })
  }

  it('is not final, the reporter sees it, and what he sends again counts once', async () => {
    const credits = [signedOn(stage()).credit(REPORTER, 1)]
    const loser = await stage().active()
    const shared = [...loser.kept]
    const { receipts } = await stored(loser, 'credit_signed', { credits, receipts: true })
    const receipt = receipts[0] as SignedReceipt
    assert.deepEqual(await judged(receipt, []), { kind: 'provisional', waitsFor: 'the log' })
    const winner = await stage().reloaded(shared)
    await stored(winner, 'credit_signed', {
      credits: [signedOn(stage()).credit(REPORTER, 1, { orchestratorId: 'orch-1' })],
    })
    const bare = await stage().anchorBare(winner)
    assert.equal((await judged(receipt, publishedEntries(winner, bare))).kind, 'invalid')
    assert.equal(await owedWei(winner, 'orch-0'), 0n)
  })

  it('is final once the anchored log covers it', async () => {
    const boot = await stage().active()
    const credits = [signedOn(stage()).credit(REPORTER, 1)]
    const { receipts } = await stored(boot, 'credit_signed', { credits, receipts: true })
    const { commit } = await stage().pay(boot)
    const verdict = await judged(receipts[0] as SignedReceipt, publishedEntries(boot, commit))
    assert.deepEqual(verdict, { kind: 'final', sequence: 1 })
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
  })
})
