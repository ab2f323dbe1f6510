/** What the fork tests fork: Arbitrum itself, or a local process that carries the small Livepeer world at its addresses. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { DEV_ACCOUNTS, devAccount } from '../chain/accounts.ts'
import { callRpc } from '../chain/rpc.ts'
import { setupChain } from '../chain/setup.ts'
import { type RunningChain, startChain } from '../chain/start.ts'

export type Upstream = {
  readonly name: string
  readonly url: string
  /** The fork stands on this block, so that a run can be repeated. */
  readonly blockNumber: number
  stop(): Promise<void>
}

type Environment = { readonly [name: string]: string | undefined }
type Rules = 'v1' | 'v2'

const TRANSCODERS = 6
const FIRST_TRANSCODER = 4
const BLOCK_MS = 250
const ROUND_LENGTH_BLOCKS = 5_760n

/** Each upstream by name. It starts when it is called: Arbitrum where ARBITRUM_RPC_URL is set, else the world under both broker rules. */
export function upstreams(
  environment: Environment = process.env,
): readonly (readonly [string, () => Promise<Upstream>])[] {
  const url = environment['ARBITRUM_RPC_URL']
  if (url !== undefined && url !== '')
    return [['Arbitrum', () => remoteUpstream(url, environment['ARBITRUM_FORK_BLOCK'])]]
  return (['v1', 'v2'] as const).map((rules) => [
    `the local world under broker rules ${rules}`,
    () => localUpstream(rules),
  ])
}

/** An endpoint of somebody else's, pinned to `block` or to its newest one. */
async function remoteUpstream(url: string, block: string | undefined): Promise<Upstream> {
  const blockNumber = block === undefined || block === '' ? await newestBlock(url) : parseBlock(block)
  return { name: 'Arbitrum', url, blockNumber, stop: async () => undefined }
}

/** The world in a process of its own, in a folder that goes with it. */
async function localUpstream(rules: Rules): Promise<Upstream> {
  const dataDir = await mkdtemp(join(tmpdir(), 'upstream-'))
  const chain = await startChain({ dataDir, blockMs: BLOCK_MS, onLine: () => undefined })
  const stop = async () => {
    await chain.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    return await withWorld(chain, rules, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function withWorld({ url }: RunningChain, rules: Rules, stop: () => Promise<void>): Promise<Upstream> {
  await setupChain(url, {
    guardian: devAccount(DEV_ACCOUNTS.guardian).address,
    transcoders: Array.from({ length: TRANSCODERS }, (_, at) => devAccount(FIRST_TRANSCODER + at).address),
    roundLengthBlocks: ROUND_LENGTH_BLOCKS,
    rules,
    treasuryWei: wei(0n),
  })
  return { name: `world ${rules}`, url, blockNumber: await newestBlock(url), stop }
}

function parseBlock(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number.parseInt(text, 10)
  throw new CodedError('CONFIG_INVALID', `ARBITRUM_FORK_BLOCK: expected a block number, got ${text}`)
}

async function newestBlock(url: string): Promise<number> {
  return Number.parseInt((await callRpc(url, 'eth_blockNumber')) as string, 16)
}
