import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { encodeAbiParameters, encodeEventTopics, numberToHex, zeroHash } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { chainWordOf } from '../../scripts/cli/report.ts'

const ANCHOR = `0x${'a1'.repeat(20)}` as Address
const SESSION = `0x${'5e'.repeat(20)}` as Address
const EPOCH = 3
const BLOCK = 900

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }
type Answers = { readonly [method: string]: (...params: never[]) => unknown }

describe('what a reporter asks the chain', () => {
  const servers: Server[] = []

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
  })

  /** An endpoint that hangs up on every method but these. */
  async function endpoint(answers: Answers): Promise<string> {
    const answer = ({ id, method, params = [] }: Call) => {
      const result = (answers[method] as (...all: readonly unknown[]) => unknown)(...params)
      return { jsonrpc: '2.0', id, result }
    }
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const calls = [JSON.parse(Buffer.concat(chunks).toString())].flat() as Call[]
      if (calls.some(({ method }) => answers[method] === undefined)) return void response.destroy()
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(calls.map(answer)))
    })
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Its chain is of that height, and has the session that was opened in BLOCK. */
  const honest = (height: number): Answers => ({
    eth_blockNumber: () => numberToHex(height),
    eth_getLogs: ({ toBlock }: { readonly toBlock: string }) => (Number(toBlock) < BLOCK ? [] : [sessionLog()]),
  })

  const sessionLog = () => {
    const topics = encodeEventTopics({ abi: ANCHOR_ABI, eventName: 'SessionOpened', args: { epoch: EPOCH } })
    const types = [{ type: 'bytes32' }, { type: 'address' }, { type: 'bytes32' }] as const
    const data = encodeAbiParameters(types, [zeroHash, SESSION, zeroHash])
    const where = { blockNumber: numberToHex(BLOCK), blockHash: zeroHash, transactionHash: zeroHash }
    return { address: ANCHOR, topics, data, ...where, transactionIndex: '0x0', logIndex: '0x0', removed: false }
  }

  const wordOf = (...rpcUrls: string[]) =>
    chainWordOf({ rpcUrls, chainId: 42161, anchor: ANCHOR, finality: { depthBlocks: 0 }, fromBlock: 0 })

  it('is asked of the next endpoint when the first hangs up', async () => {
    const [dead, live] = [await endpoint({}), await endpoint(honest(BLOCK + 1))]
    expect(await wordOf(live).sessionOf(EPOCH)).to.equal(SESSION)
    expect(await wordOf(dead, live).sessionOf(EPOCH)).to.equal(SESSION)
  })

  it('is asked of one endpoint from start to end, whatever height another one named before', async () => {
    const { eth_blockNumber } = honest(BLOCK - 1)
    const behind = await endpoint({ eth_blockNumber } as Answers)
    expect(await wordOf(behind, await endpoint(honest(BLOCK + 1))).sessionOf(EPOCH)).to.equal(SESSION)
  })

  it('is refused with a code when no endpoint answers', async () => {
    const error = await wordOf(await endpoint({}), await endpoint({}))
      .sessionOf(EPOCH)
      .catch((caught: unknown) => caught)
    expect(isCoded(error, 'RPC_FAILED')).to.equal(true)
  })
})
