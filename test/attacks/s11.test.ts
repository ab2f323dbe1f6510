import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { type Address, toHex } from '../../enclave/protocol/ids.ts'
import { openChain } from '../../host/chain.ts'
import { CHAIN_ID } from '../../scripts/chain/evm.ts'
import { WORLD } from '../../scripts/chain/world.ts'
import { deployed } from './payees.ts'
import { ETHER_WEI, lower } from './stage.ts'
import { donate, lifted, redeem } from './ticket.ts'
import { useStage } from './use-stage.ts'

const GIFT_WEI = 7n

describe('S11: signatures of one deployment brought to another', () => {
  const stage = useStage()
  /** Rules v1 take a ticket for any part of its face. */
  const elsewhere = useStage({ rules: 'v1' })

  /** A second anchor of the same guardian, with the same authority and a treasury. */
  async function secondAnchor(): Promise<Address> {
    const guardian = stage().guardian()
    const anchor = await deployed(stage().node, 'LedgerAnchor', lower(WORLD.ticketBroker), lower(guardian.address))
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'appointAuthority', args: [stage().authority] })
    assert.equal((await stage().as(guardian, { to: anchor, data })).status, '0x1')
    assert.equal((await stage().asStranger({ to: anchor, value: ETHER_WEI })).status, '0x1')
    return anchor
  }

  it('open no session and move nothing there, though authority, epoch and head are the same', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const opened = await boot.openSession()
    const other = await secondAnchor()
    const chain = openChain({ rpcUrls: [stage().node.url], chainId: CHAIN_ID, anchor: other, finality: 'finalized' })
    const simulated = await chain.simulate(stage().authority, toHex(opened.call))
    assert.equal(simulated.kind === 'reverts' ? simulated.error : 'passes', 'AnchorBadSignature')
    assert.equal((await stage().asStranger({ to: other, data: toHex(opened.call) })).status, '0x0')

    await stage().activate(boot)
    await boot.credit('1', 'orch-0')
    const { commit } = await stage().pay(boot)
    assert.equal((await stage().asStranger({ to: other, data: toHex(commit.call) })).status, '0x0')
    assert.equal(await stage().node.balanceOf(other), ETHER_WEI)
    await stage().audits(boot)
  })

  it('make a ticket that is as good on another chain, where it finds the sender’s deposit empty', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    // Its hash holds no chain and no contract: the other chain's round is all that it takes.
    const { number, hash } = await elsewhere().round()
    const ticket = lifted(stage(), boot, await boot.prepare({ round: { number, hash } }))
    assert.equal(await redeem(elsewhere(), ticket), 0n)
    await donate(elsewhere(), GIFT_WEI, stage().authority)
    assert.equal(await redeem(elsewhere(), ticket), GIFT_WEI, 'good for whatever somebody gives')
    assert.equal(await elsewhere().outflowWei(), 0n)
  })
})
