/** A fork in this process behind an endpoint of its own, so that host and auditor reach it as they reach any chain. */
import { network } from 'hardhat'
import { createTestClient, defineChain, http, publicActions, walletActions } from 'viem'
import type { Upstream } from '../../scripts/fork/upstream.ts'

export type Fork = {
  readonly url: string
  readonly client: ForkClient
  readonly chainId: number
  /** The block that it stands on: everything later is local. */
  readonly blockNumber: number
  close(): Promise<void>
}
export type ForkClient = ReturnType<typeof clientOf>

/** A cold upstream answers slowly, and one call of ours may need a hundred of its. */
const CALL_MS_MAX = 120_000

export async function openFork({ url: upstream, blockNumber }: Upstream): Promise<Fork> {
  const override = { forking: { url: upstream, blockNumber } }
  const server = await network.createServer({ network: 'fork', override }, '127.0.0.1', 0)
  const { address, port } = await server.listen()
  const url = `http://${address}:${port}`
  const chainId = await clientOf(url, 1).getChainId()
  const client = clientOf(url, chainId)
  return { url, client, chainId, blockNumber, close: () => server.close() }
}

function clientOf(url: string, id: number) {
  const chain = defineChain({
    id,
    name: 'fork',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url, { timeout: CALL_MS_MAX, retryCount: 0 })
  return createTestClient({ mode: 'hardhat', chain, transport, cacheTime: 0, pollingInterval: 50 })
    .extend(publicActions)
    .extend(walletActions)
}
