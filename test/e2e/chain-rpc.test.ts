import { expect } from 'chai'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI } from '../../scripts/chain/evm.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import type { RunningChain } from '../../scripts/chain/start.ts'
import {
  aTransfer,
  balanceOf,
  chainWorkshop,
  heightOf,
  OTHER,
  PAYEE,
  post,
  refusalOf,
  sendMined,
  until,
} from './chain-harness.ts'

const FINAL_DEPTH_BLOCKS = 3

describe('embedded chain: endpoint', function () {
  this.timeout(180_000)
  const workshop = chainWorkshop()
  let chain: RunningChain
  before(async () => {
    chain = await workshop.start({ dataDir: await workshop.folder(), finalDepthBlocks: FINAL_DEPTH_BLOCKS })
  })
  after(() => workshop.clear())

  it('answers chain id 42161, the base fee at its floor and no tip', async () => {
    expect(await callRpc(chain.url, 'eth_chainId')).to.equal('0xa4b1')
    expect(BigInt((await callRpc(chain.url, 'eth_gasPrice')) as string)).to.equal(BASE_FEE_WEI)
    expect(await callRpc(chain.url, 'eth_maxPriorityFeePerGas')).to.equal('0x0')
    const block = (await callRpc(chain.url, 'eth_getBlockByNumber', ['latest', false])) as { baseFeePerGas: string }
    expect(BigInt(block.baseFeePerGas)).to.equal(BASE_FEE_WEI)
  })

  it('stamps blocks with the time of the machine', async () => {
    const nowSeconds = Math.floor(Date.now() / 1_000)
    await until('a block is of now', async () => (await secondOf(chain.url)) >= nowSeconds)
    expect(await secondOf(chain.url)).to.be.at.most(Date.now() / 1_000)
  })

  it('answers a batch call by call, in its order', async () => {
    const call = { jsonrpc: '2.0', params: [] }
    const answers = await post(chain.url, [
      { ...call, id: 'a', method: 'eth_chainId' },
      { ...call, id: 'b', method: 'eth_noSuchMethod' },
      { ...call, id: 'c', method: 'net_version' },
    ])
    const [a, b, c] = answers as [Record<string, unknown>, { error: { code: number } }, Record<string, unknown>]
    expect(a).to.deep.equal({ jsonrpc: '2.0', id: 'a', result: '0xa4b1' })
    expect(b.error.code).to.equal(-32601)
    expect(c).to.include({ id: 'c', result: '42161' })
  })

  it('answers bytes that are no JSON, and JSON that is no call, with an error and lives on', async () => {
    expect(await post(chain.url, '{"jsonrpc"')).to.have.nested.property('error.code', -32700)
    expect(await post(chain.url, { id: 1, method: 5 })).to.have.nested.property('error.code', -32600)
    expect(await post(chain.url, [])).to.have.nested.property('error.code', -32600)
    expect(await callRpc(chain.url, 'eth_chainId')).to.equal('0xa4b1')
  })

  it('puts finalized and safe the settle depth behind the newest block, in every place', async () => {
    await sendMined(chain.url, await aTransfer({ nonce: 0, value: 9n }))
    expect(await balanceOf(chain.url, PAYEE)).to.equal(9n)
    expect(await balanceOf(chain.url, PAYEE, 'finalized')).to.equal(0n)
    const goal = (await heightOf(chain.url)) + FINAL_DEPTH_BLOCKS + 1
    await until('it is final', async () => (await heightOf(chain.url)) >= goal)
    expect(await balanceOf(chain.url, PAYEE, 'finalized')).to.equal(9n)
    expect(await balanceOf(chain.url, PAYEE, 'safe')).to.equal(9n)
    const [latest, final] = (await post(chain.url, [
      { jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] },
      { jsonrpc: '2.0', id: 2, method: 'eth_getBlockByNumber', params: ['finalized', false] },
    ])) as [{ result: string }, { result: { number: string } }]
    expect(Number.parseInt(latest.result, 16) - Number.parseInt(final.result.number, 16)).to.be.within(
      2,
      FINAL_DEPTH_BLOCKS,
    )
    expect(await callRpc(chain.url, 'eth_getLogs', [{ fromBlock: 'safe', toBlock: 'finalized' }])).to.deep.equal([])
  })

  it('finds old state by its height, as an archive would', async () => {
    const before = await balanceOf(chain.url, OTHER)
    const receipt = await sendMined(chain.url, await aTransfer({ from: 8, nonce: 0, to: OTHER, value: 3n }))
    const height = Number.parseInt(receipt.blockNumber, 16)
    expect(await balanceOf(chain.url, OTHER, `0x${(height - 1).toString(16)}`)).to.equal(before)
    expect(await balanceOf(chain.url, OTHER, receipt.blockNumber)).to.equal(before + 3n)
    const receipts = (await callRpc(chain.url, 'eth_getBlockReceipts', [receipt.blockHash])) as unknown[]
    expect(receipts).to.have.length(1)
  })

  describe('refuses a broadcast as a real node does', () => {
    const refused = async (raw: string) => {
      const { code, message } = await refusalOf(chain.url, 'eth_sendRawTransaction', [raw])
      return `${code} ${message}`
    }

    it('when its nonce is used up', async () => {
      await sendMined(chain.url, await aTransfer({ from: 9, nonce: 0 }))
      expect(await refused(await aTransfer({ from: 9, nonce: 0, value: 2n }))).to.equal(
        '-32000 nonce too low: next nonce 1, tx nonce 0',
      )
    })

    it('when the pool has the same bytes', async () => {
      const raw = await aTransfer({ from: 10, nonce: 1 })
      await callRpc(chain.url, 'eth_sendRawTransaction', [raw])
      expect(await refused(raw)).to.equal('-32000 already known')
    })

    it('when the sender cannot pay', async () => {
      expect(await refused(await aTransfer({ from: 11, nonce: 0, value: 10n ** 24n }))).to.match(
        /^-32000 insufficient funds for gas \* price \+ value/,
      )
    })

    it('when its fee is below the base fee', async () => {
      expect(await refused(await aTransfer({ from: 11, nonce: 0, feeWei: BASE_FEE_WEI - 1n }))).to.match(
        /^-32000 max fee per gas less than block base fee/,
      )
    })

    it('when it would replace another for the same fee', async () => {
      await callRpc(chain.url, 'eth_sendRawTransaction', [await aTransfer({ from: 12, nonce: 1 })])
      expect(await refused(await aTransfer({ from: 12, nonce: 1, value: 5n }))).to.equal(
        '-32000 replacement transaction underpriced',
      )
    })

    it('when it is signed for another chain', async () => {
      expect(await refused(await aTransfer({ from: 11, nonce: 0, chainId: 1 }))).to.match(
        /^-32000 invalid chain id for signer/,
      )
    })

    it('when it is not a transaction', async () => {
      expect(await refused('0x1234')).to.match(/^-32602 /)
      expect(await refused('transaction')).to.match(/^-32602 /)
    })
  })

  it('says why a call reverts with code 3 and the returned bytes', async () => {
    const answer = await post(chain.url, {
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_call',
      params: [{ from: devAccount(0).address, data: '0x60aa60005260206000fd' }, 'latest'],
    })
    expect(answer).to.have.nested.property('error.code', 3)
    expect(answer).to.have.nested.property('error.data', `0x${'aa'.padStart(64, '0')}`)
    expect(answer).to.have.nested.property('error.message', 'execution reverted')
  })

  for (const method of [
    'evm_mine',
    'anvil_mine',
    'hardhat_mine',
    'evm_revert',
    'anvil_reorg',
    'anvil_setNextBlockBaseFeePerGas',
    'evm_setAutomine',
    'eth_sendTransaction',
  ]) {
    it(`refuses ${method}, which would change the chain behind its log`, async () => {
      expect(await refusalOf(chain.url, method, [])).to.have.property('code', -32601)
    })
  }

  it('moves its clock ahead and keeps it there over a restart', async () => {
    const dataDir = await workshop.folder()
    const WEEK_S = 7 * 86_400
    const first = await workshop.start({ dataDir })
    await callRpc(first.url, 'evm_increaseTime', [WEEK_S])
    const ahead = async (url: string) => (await secondOf(url)) - Date.now() / 1_000
    await until('a block carries it', async () => (await ahead(first.url)) > WEEK_S / 2)
    await first.stop()
    const second = await workshop.start({ dataDir })
    const height = await heightOf(second.url)
    await until('it mines on', async () => (await heightOf(second.url)) > height + 2)
    await until('a block is as far ahead', async () => (await ahead(second.url)) > WEEK_S - 10)
    expect(await ahead(second.url)).to.be.at.most(WEEK_S + 1)
  })
})

/** Of the newest block. */
async function secondOf(url: string): Promise<number> {
  const block = (await callRpc(url, 'eth_getBlockByNumber', ['latest', false])) as { timestamp: string }
  return Number.parseInt(block.timestamp, 16)
}
