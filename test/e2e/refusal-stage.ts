/** A whole machine whose commits can be held back, so that the chain moves on before they reach it. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Abi, encodeErrorResult, encodeFunctionData, keccak256 } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import type { Address, Hex } from '../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import type { AnchorFacts, Chain } from '../../host/chain.ts'
import { hostConfigOf } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { openLog } from '../../host/log.ts'
import { type Attempt, type CallId, openOutbox, type Story } from '../../host/outbox.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { awaitReceipt, callRpc, sendTransaction } from '../../scripts/chain/rpc.ts'
import { type Authority, STAGES, startAuthority } from './authority-world.ts'
import { chainOf, ether, PAYEES, TREASURY_WEI, until, type World } from './pipeline-world.ts'
import { type Gate, openGate } from './rpc-gate.ts'

export const CREDIT = '0.01'
const WAIT_MS_MAX = 150_000
const CALL_GAS = 5_000_000n
const RELAYER = devAccount(7)
/** Enough for every stage to look several times. */
const QUIET_BLOCKS = 12

export type Stuck = { readonly id: CallId; readonly live: Attempt }

export class RefusalStage {
  readonly authority: Authority
  readonly world: World
  readonly gate: Gate
  owedWei = 0n

  private constructor(authority: Authority, gate: Gate) {
    this.authority = authority
    this.world = authority.world
    this.gate = gate
  }

  static async start(): Promise<RefusalStage> {
    let gate: Gate | undefined
    const authority = await startAuthority({
      settings: { resendMs: 400, bumpMs: WAIT_MS_MAX },
      policy: { credits: 'host-trusted', cadenceSeconds: 3_600 },
      front: async (chainUrl) => {
        gate = await openGate(chainUrl)
        return gate.url
      },
    })
    const stage = new RefusalStage(authority, gate as Gate)
    for (const name of ['supervisor', ...STAGES] as const) await stage.world.start(name)
    return stage
  }

  async stop(): Promise<void> {
    await this.world.stop()
    await this.gate.close()
  }

  credit(): void {
    this.world.credit(1, CREDIT)
    this.owedWei += BigInt(PAYEES) * ether(CREDIT)
  }

  /** A commit of new credits, signed and ready, that no broadcast of gets through. */
  async stuck(owe: () => Promise<void> | void = () => this.credit()): Promise<Stuck> {
    this.gate.isShut = true
    this.gate.kept.length = 0
    await owe()
    return until('a commit that is held back', () => this.#held(), WAIT_MS_MAX)
  }

  async #held(): Promise<Stuck | undefined> {
    const ledger = (await this.world.status())?.ledger
    if (ledger?.unlanded == null) return undefined
    const id = { epoch: ledger.epoch, sequence: ledger.unlanded.sequence }
    const { live } = await this.story(id)
    return live !== undefined && this.gate.kept.includes(live.raw as Hex) ? { id, live } : undefined
  }

  story(id: CallId): Promise<Story> {
    return openOutbox(this.world.config.paths).read(id)
  }

  /** By what name the anchor refuses a call now. */
  async refusalOf(call: string): Promise<string> {
    const simulation = await chainOf(this.world).simulate(this.world.authority, call as Hex)
    return simulation.kind === 'reverts' ? simulation.error : simulation.kind
  }

  /** Hands signed bytes to the chain, where they have to fail by this name and be mined as a failure. */
  async fails({ live }: Stuck, error: string): Promise<void> {
    expect(await this.refusalOf(live.call)).to.equal(error)
    await this.gate.pass(live.raw as Hex)
    expect((await this.#receipt(keccak256(live.raw as Hex))).succeeded).to.equal(false)
  }

  async lands({ live }: Stuck): Promise<void> {
    await this.gate.pass(live.raw as Hex)
    expect((await this.#receipt(keccak256(live.raw as Hex))).succeeded).to.equal(true)
  }

  #receipt(hash: string) {
    return until('a receipt', () => chainOf(this.world).receiptOf(hash as Hex as never), WAIT_MS_MAX)
  }

  /** Carries a call from an account that is nobody's; with too little gas it has to fail. */
  async relay(call: string, gas = CALL_GAS): Promise<{ readonly hash: string; readonly succeeded: boolean }> {
    const hash = await sendTransaction(this.world.chain.url, RELAYER, { to: this.anchor, data: call as Hex, gas })
    return { hash, succeeded: (await this.#receipt(hash)).succeeded }
  }

  /** Whether a call with so much gas fails, and with AnchorGas. */
  async lacksGas(call: string, gas: bigint): Promise<boolean> {
    const selector = encodeErrorResult({ abi: ANCHOR_ABI, errorName: 'AnchorGas', args: [0n, 0n] }).slice(0, 10)
    const question = { from: RELAYER.address, to: this.anchor, data: call, gas: `0x${gas.toString(16)}` }
    const response = await fetch(this.world.chain.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [question, 'latest'] }),
    })
    return JSON.stringify(await response.json()).includes(selector)
  }

  get anchor(): Address {
    return this.world.config.anchor
  }

  async guardian(functionName: 'freeze' | 'unfreeze' | 'guardianRotate', args: readonly Address[] = []): Promise<void> {
    await this.send(DEV_ACCOUNTS.guardian, this.anchor, ANCHOR_ABI as Abi, functionName, args)
  }

  /** A transaction of a development account, past the gate. */
  async send(account: number, to: `0x${string}`, abi: Abi, functionName: string, args: readonly unknown[], value = 0n) {
    const data = encodeFunctionData({ abi, functionName, args: [...args] })
    const { url } = this.world.chain
    await awaitReceipt(url, await sendTransaction(url, devAccount(account), { to, data, value, gas: CALL_GAS }))
  }

  /** Moves the chain's clock, and waits for a block that carries it. */
  async pass(seconds: number): Promise<void> {
    const { url } = this.world.chain
    const now = async () => {
      const block = (await callRpc(url, 'eth_getBlockByNumber', ['latest', false])) as { timestamp: string }
      return Number.parseInt(block.timestamp, 16)
    }
    const wanted = (await now()) + seconds
    await callRpc(url, 'evm_increaseTime', [seconds])
    await until('that time', async () => ((await now()) >= wanted ? true : undefined), WAIT_MS_MAX)
  }

  facts(authority: Address = this.world.authority): Promise<AnchorFacts> {
    return chainOf(this.world).facts(authority)
  }

  /** Lets broadcasts through again; nothing of ours lands while the chain makes some blocks. */
  async staysOut(): Promise<void> {
    this.gate.isShut = false
    const { blockNumber, sequence } = await this.facts()
    const later = async () => ((await this.facts()).blockNumber > blockNumber + QUIET_BLOCKS ? true : undefined)
    await until('some blocks', later, WAIT_MS_MAX)
    expect((await this.facts()).sequence).to.equal(sequence)
    expect((await this.world.status())?.ledger?.unlanded).to.not.equal(null)
  }

  /** Everybody has what was credited, once: the ledger says so, the treasury does, and nothing is on its way. */
  async allPaid(authority?: Address): Promise<LedgerStatus> {
    this.gate.isShut = false
    const isPaid = async () => {
      const ledger = (await this.world.status())?.ledger
      return ledger?.paidWei === this.owedWei && ledger.unlanded === null ? ledger : undefined
    }
    const ledger = await until(`${this.owedWei} wei paid`, isPaid, WAIT_MS_MAX)
    expect((await this.facts(authority)).treasuryWei).to.equal(TREASURY_WEI - this.owedWei)
    return ledger
  }

  /**
   * The data folder copied beside the first, with an enclave of its own: what a thief of the disk has. `lie` is what its
   * host makes of the chain.
   */
  copy(name: string, lie: (chain: Chain) => Chain = (chain) => chain): Context {
    const folder = join(this.world.dataDir, name)
    const { dataDir } = this.world
    for (const part of ['sealed', 'audit', 'outbox', 'keys', 'enclave.json', 'genesis.json', 'host.json'])
      cpSync(join(dataDir, part), join(folder, part), { recursive: true })
    const { paths: _, ...settings } = this.world.config
    const own = {
      ...settings,
      rpcUrls: [this.world.chain.url],
      enclaveEndpoint: `unix://${join(folder, 'enclave.sock')}`,
      enclaveConfig: 'enclave.json',
      genesis: 'genesis.json',
      wrappingKey: 'keys/wrapping.key',
      journal: 'journal/ledger-events.log',
    }
    const level = process.env['PIPELINE_LOG'] === undefined ? 'silent' : 'debug'
    const context = openContext(hostConfigOf(folder, own), openLog({ level, name }))
    return { ...context, chain: lie(context.chain) }
  }
}
