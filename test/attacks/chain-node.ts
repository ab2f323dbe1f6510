/**
 * The embedded chain inside the test's own process: the node, the JSON-RPC endpoint and Livepeer's world of scripts/chain,
 * but blocks come when a test asks for one, and can be undone. Who mines may order, withhold and reorganise.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { type Hex, keccak256 } from 'viem'
import { Chain } from '../../scripts/chain/chain.ts'
import { openEvm } from '../../scripts/chain/evm.ts'
import { openLog, readLog } from '../../scripts/chain/log-file.ts'
import { serve } from '../../scripts/chain/server.ts'

export type Log = { readonly address: Hex; readonly topics: [Hex, ...Hex[]]; readonly data: Hex }
export type MinedReceipt = {
  readonly status: Hex
  readonly logs: readonly Log[]
  readonly contractAddress: Hex | null
  readonly gasUsed: Hex
}

const BLOCK_MS = 250
const FINAL_DEPTH_BLOCKS = 2
const ROUND_BLOCKS_MAX = 100_000

export class ChainNode {
  readonly url: string
  readonly #chain: Chain
  readonly #server: FastifyInstance
  readonly #folder: string

  private constructor(chain: Chain, server: FastifyInstance, folder: string) {
    this.#chain = chain
    this.#server = server
    this.#folder = folder
    this.url = server.listeningOrigin
  }

  static async start(): Promise<ChainNode> {
    const folder = mkdtempSync(join(tmpdir(), 'attack-chain-'))
    const contents = await readLog(folder)
    const log = await openLog(folder, contents)
    const chain = new Chain(await openEvm(), log, { blockMs: BLOCK_MS, faults: undefined })
    await chain.start(contents, Date.now())
    // Nobody here uses the call that waits for a block.
    const nextBlock = () => Promise.reject(new TypeError('blocks come when the test asks for one'))
    return new ChainNode(chain, await serve({ chain, finalDepthBlocks: FINAL_DEPTH_BLOCKS, nextBlock }, 0), folder)
  }

  async stop(): Promise<void> {
    await this.#server.close()
    await this.#chain.stop()
    rmSync(this.#folder, { recursive: true })
  }

  /** A call of the node's own interface, cheats included. */
  request(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return this.#chain.evm.request(method, params)
  }

  async mine(blocks = 1): Promise<void> {
    assert(blocks <= ROUND_BLOCKS_MAX, 'a test mines a bounded number of blocks')
    for (let block = 0; block < blocks; block++) await this.#chain.tick(Date.now())
  }

  /** Empty blocks at once, all at the same second. */
  async skip(blocks: bigint): Promise<void> {
    await this.request('hardhat_mine', `0x${blocks.toString(16)}`, '0x0')
    await this.mine()
  }

  /** Lets the chain's clock run ahead; the next block shows it. */
  async pass(seconds: number): Promise<void> {
    await this.#chain.skewClock(seconds * 1_000)
    await this.mine()
  }

  /** A block at exactly this second, ahead of the chain's own clock: whoever asks for it takes it back. */
  async mineAt(seconds: number): Promise<void> {
    await this.request('evm_mine', seconds)
  }

  /** The second of the newest block. */
  async second(): Promise<number> {
    const { timestamp } = (await this.request('eth_getBlockByNumber', 'latest', false)) as { readonly timestamp: Hex }
    return Number(timestamp)
  }

  /** Into the pool; `mine` decides. Gives what the node answers when it takes none of it. */
  async submit(raw: Hex): Promise<Hex> {
    // A node of this kind answers an immediate failure by an error; the receipt decides, not the answer.
    await this.#chain.submit(raw)
    return keccak256(raw)
  }

  /** Into the next block, which comes at once. */
  async land(raw: Hex): Promise<MinedReceipt> {
    const hash = await this.submit(raw)
    await this.mine()
    const receipt = await this.receiptOf(hash)
    assert(receipt !== undefined, `expected transaction ${hash} in the block, it is in none`)
    return receipt
  }

  async receiptOf(hash: Hex): Promise<MinedReceipt | undefined> {
    return ((await this.request('eth_getTransactionReceipt', hash)) as MinedReceipt | null) ?? undefined
  }

  /** Remembers this moment; the answer brings it back, as a reorganisation does, once. */
  async mark(): Promise<() => Promise<void>> {
    const id = await this.request('evm_snapshot')
    return async () => assert.equal(await this.request('evm_revert', id), true, 'the node takes its blocks back')
  }

  async balanceOf(address: Hex): Promise<bigint> {
    return BigInt((await this.request('eth_getBalance', address, 'latest')) as Hex)
  }

  /** Mines while others wait for their receipts. */
  async mineUntil<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const end = () => {
      isDone = true
    }
    void work.then(end, end)
    for (let block = 0; block < SETUP_BLOCKS_MAX && !isDone; block++) {
      await this.mine()
      await new Promise((next) => setTimeout(next, SETUP_BLOCK_MS))
    }
    return work
  }
}

const SETUP_BLOCK_MS = 5
const SETUP_BLOCKS_MAX = 4_000
