import { strict as assert } from 'node:assert'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { anAddress } from '../builders/boot.ts'
import { refuses, useStage } from './use-stage.ts'

describe('S31: a host that picks the contract and the chain of a checkpoint', () => {
  const stage = useStage()

  it('gets none for another contract or chain', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    const { chainId: chain_id } = stage().configuration as { chainId: number }
    const contract_address = stage().anchor
    const { checkpoint } = await boot.call('audit_checkpoint', { chain_id, contract_address })
    assert(checkpoint.startsWith(`anchorhold/${chain_id}/${contract_address}\n`), 'the log’s name holds both')
    const elsewhere = { chain_id: chain_id + 1, contract_address }
    await refuses(boot.call('audit_checkpoint', elsewhere), 'PARAMS_INVALID')
    const other = { chain_id, contract_address: anAddress(0xa2) }
    await refuses(boot.call('audit_checkpoint', other), 'PARAMS_INVALID')
  })

  it('gets a commit for this anchor alone, in calldata and in the transaction', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    assert.equal(decodeAnchorCall(commit.call).kind, 'commitAndPay')
    await stage().send(commit)
    const to = (await stage().node.request('eth_getTransactionByHash', commit.hash)) as { to: string }
    assert.equal(to.to.toLowerCase(), stage().anchor)
  })
})
