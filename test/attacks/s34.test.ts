import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../../auditor/main.ts'
import { leafHash, nodeHash } from '../../enclave/protocol/balance-tree.ts'
import { headerHash } from '../../enclave/protocol/header.ts'
import { toHash, toHex } from '../../enclave/protocol/ids.ts'
import type { MethodResults } from '../../enclave/protocol/method-results.ts'
import { addWei, wei } from '../../enclave/protocol/money.ts'
import { useStage } from './use-stage.ts'

type Statement = MethodResults['prove_balance']

describe('S34: a host that edits what it shows of a balance', () => {
  const stage = useStage()

  /** What the auditor's program says to an orchestrator who asks the chain itself, and to one who knows one hash. */
  async function verdictsOn(statement: Statement, landed: string, id = 'orch-0'): Promise<string> {
    const file = join(stage().folder, 'statement.json')
    const shown = { ...statement, proof: statement.proof.map(toHex) }
    writeFileSync(
      file,
      JSON.stringify(shown, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
    )
    const words = ['balance', file, '--anchor', stage().anchor, '--id', id]
    const online = await verdictOf([...words, '--rpc', stage().node.url, '--depth', '0'])
    const chainId = `${stage().deployment.chainId}`
    const offline = await verdictOf([...words, '--chain-id', chainId, '--next', landed])
    return `${online} ${offline}`
  }

  async function verdictOf(words: readonly string[]): Promise<string> {
    const said: string[] = []
    const keep = (text: string): void => void said.push(text)
    const exit = await main(words, { out: keep, err: keep })
    const { kind, fault } = JSON.parse(said.join('')) as { readonly kind: string; readonly fault?: string }
    assert.equal(exit, kind === 'invalid' ? 1 : 0)
    return fault ?? kind
  }

  /** The header of a tree in which this account stands so: all that a forger has to make up is one root. */
  function treeOf({ account, header, proof }: Statement): Statement {
    const { creditedWei: credited, paidWei: paid, reservedWei: reserved, ...rest } = account
    let root = leafHash({ ...rest, credited, paid, reserved })
    for (const sibling of proof) root = nodeHash(root, sibling)
    const forged = { ...header, balanceRoot: toHash(root) }
    return { header: forged, headerHash: headerHash(forged), landed: true, account, proof }
  }

  it('is found out by the anchored tree, whatever it edits', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0', 'orch-1')
    const { commit } = await stage().pay(boot)
    await boot.credit('1', 'orch-0')
    const landed = commit.headerHash
    const statement = await boot.call('prove_balance', { orchestrator_id: 'orch-0' })
    assert.equal(statement.landed, true)
    assert.equal(await verdictsOn(statement, landed), 'final given')
    const { account, header } = statement
    const richer = { ...account, creditedWei: addWei(account.creditedWei, wei(1n)) }
    const unreserved = { ...account, reservedWei: wei(0n) }
    for (const edited of [richer, unreserved])
      assert.equal(await verdictsOn({ ...statement, account: edited }, landed), 'PROOF_INVALID PROOF_INVALID')
    const other = await boot.call('prove_balance', { orchestrator_id: 'orch-1' })
    assert.equal(await verdictsOn(other, landed), 'OTHER_ACCOUNT OTHER_ACCOUNT')
    assert.equal(await verdictsOn({ ...statement, proof: other.proof }, landed), 'PROOF_INVALID PROOF_INVALID')
    const cheaper = { ...header, creditedWei: wei(0n) }
    assert.equal(await verdictsOn({ ...statement, header: cheaper }, landed), 'HEADER_HASH HEADER_HASH')
    const forged = treeOf({ ...statement, account: richer })
    assert.equal(await verdictsOn(forged, landed), 'NOT_LANDED NOT_LANDED')
    assert.equal(await verdictsOn({ ...forged, headerHash: statement.headerHash }, landed), 'HEADER_HASH HEADER_HASH')
  })
})
