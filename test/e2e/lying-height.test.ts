import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { numberToHex } from 'viem'
import { isCoded } from '../../enclave/protocol/errors.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { openChain } from '../../host/chain.ts'
import { openEndpoints, STRIKES_MAX } from '../../host/endpoints.ts'
import { inWindows, LOG_WINDOW_BLOCKS, LOG_WINDOWS_AT_ONCE_MAX, LOG_WINDOWS_MAX } from '../../host/log-windows.ts'

const ANCHOR = `0x${'a1'.repeat(20)}` as Address
const CHAIN_ID = 42161
const SEARCH_MS_MAX = 180_000
const ABSURD_HEIGHT = 2 ** 52

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }
type Filter = { readonly fromBlock: string; readonly toBlock: string }

describe('an endpoint that lies about the height of the chain', function () {
  this.timeout(SEARCH_MS_MAX)
  let server: Server
  let height = 0
  let asked: Filter[] = []
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const chain = (fromBlock?: number) => {
    const finality = { depthBlocks: 2 }
    const from = fromBlock === undefined ? {} : { fromBlock }
    return openChain({ rpcUrls: [url()], chainId: CHAIN_ID, anchor: ANCHOR, finality, ...from })
  }
  const answer = ({ id, method, params }: Call) => {
    if (method === 'eth_getLogs') asked.push(params?.[0] as Filter)
    return { jsonrpc: '2.0', id, result: method === 'eth_blockNumber' ? numberToHex(height) : [] }
  }

  before((done) => {
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Call | Call[]
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(Array.isArray(body) ? body.map(answer) : answer(body)))
    }).listen(0, '127.0.0.1', done)
  })
  beforeEach(() => (asked = []))
  after((done) => {
    server.close(() => done())
    server.closeAllConnections()
  })

  it('is asked no more than so many questions, and is not believed that there is no such event', async () => {
    height = ABSURD_HEIGHT
    const error = await chain()
      .sessionOf(3)
      .catch((caught: unknown) => caught)
    // On a machine that is slow enough the search's time is over first.
    expect(isCoded(error, 'RPC_FAILED') || isCoded(error, 'RPC_TIMEOUT')).to.equal(true)
    expect(asked.length).to.be.within(1, LOG_WINDOWS_MAX + LOG_WINDOWS_AT_ONCE_MAX)
  })

  it('is left for another one when it takes its time over a height that it made up', async () => {
    height = ABSURD_HEIGHT
    const endpoints = openEndpoints([url()], CHAIN_ID)
    const search = () =>
      endpoints
        .use((rpc) => inWindows(rpc, 0n, async () => void (await rpc.getBlockNumber()), 1))
        .catch((caught: unknown) => caught)
    for (let strike = 0; strike < STRIKES_MAX; strike++) expect(isCoded(await search(), 'RPC_TIMEOUT')).to.equal(true)
    expect(endpoints.resting()).to.equal(1)
  })

  it('is believed at an honest height, where every block from the anchor on was asked for once', async () => {
    height = 500_123
    const oldest = 17_000
    expect(await chain(oldest).landingOf(7)).to.equal(undefined)
    const spans = asked.map(({ fromBlock, toBlock }) => [Number(fromBlock), Number(toBlock)] as const)
    spans.sort(([left], [right]) => left - right)
    expect(spans[0]?.[0]).to.equal(oldest)
    expect(spans.at(-1)?.[1]).to.equal(height)
    for (const [at, [from, to]] of spans.entries()) {
      expect(to - from).to.be.below(LOG_WINDOW_BLOCKS)
      if (at > 0) expect(from).to.equal((spans[at - 1]?.[1] ?? 0) + 1)
    }
  })

  it('is asked nothing where it names a height below the anchor’s own block', async () => {
    height = 99
    expect(await chain(100).sessionOf(1)).to.equal(undefined)
    expect(asked).to.deep.equal([])
  })
})
