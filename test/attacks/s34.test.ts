import { strict as assert } from 'node:assert'
import { leafHash, verifyBalanceProof } from '../../enclave/protocol/balance-tree.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { headerHash } from '../../enclave/protocol/header.ts'
import { fromHex } from '../../enclave/protocol/ids.ts'
import type { BalanceStatement } from '../../enclave/protocol/method-results.ts'
import { addWei, wei } from '../../enclave/protocol/money.ts'
import { useStage } from './use-stage.ts'

/** What an orchestrator checks without us: the header is the one that landed, and the account is in its tree. */
function judge({ header, headerHash: claimed, account, proof }: BalanceStatement, landed: string, id: string): string {
  if (headerHash(header) !== claimed || claimed !== landed) return 'another header'
  if (account.orchestratorId !== id) return 'another id'
  const { orchestratorId, recipient, index, lastSeq } = account
  const { creditedWei: credited, paidWei: paid, reservedWei: reserved } = account
  const leaf = leafHash({ index, orchestratorId, recipient, credited, paid, reserved, lastSeq })
  try {
    verifyBalanceProof({ leaf, index, depth: header.treeDepth, root: fromHex(header.balanceRoot), proof: [...proof] })
    return 'proven'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}

describe('S34: a host that edits what it shows of a balance', () => {
  const stage = useStage()

  it('is found out by the anchored tree, whatever it edits', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0', 'orch-1')
    const { commit } = await stage().pay(boot)
    await boot.credit('1', 'orch-0')
    const landed = commit.headerHash
    const statement = await boot.call('prove_balance', { orchestrator_id: 'orch-0' })
    assert.equal(statement.landed, true)
    assert.equal(judge(statement, landed, 'orch-0'), 'proven')
    const { account, header } = statement
    const richer = { ...account, creditedWei: addWei(account.creditedWei, wei(1n)) }
    assert.equal(judge({ ...statement, account: richer }, landed, 'orch-0'), 'PROOF_INVALID')
    assert.equal(
      judge({ ...statement, account: { ...account, reservedWei: wei(0n) } }, landed, 'orch-0'),
      'PROOF_INVALID',
    )
    const other = await boot.call('prove_balance', { orchestrator_id: 'orch-1' })
    assert.equal(judge(other, landed, 'orch-0'), 'another id')
    assert.equal(judge({ ...statement, proof: other.proof }, landed, 'orch-0'), 'PROOF_INVALID')
    const cheaper = { ...header, creditedWei: wei(0n) }
    assert.equal(judge({ ...statement, header: cheaper }, landed, 'orch-0'), 'another header')
    assert.equal(
      judge({ ...statement, header: cheaper, headerHash: headerHash(cheaper) }, landed, 'orch-0'),
      'another header',
    )
  })
})
