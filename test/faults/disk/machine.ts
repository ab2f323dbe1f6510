/**
 * A machine for fault cells: real Redis, real chain, and the supervisor with its enclave and the stages as processes of
 * their own, each on a disk that fails on order. The chain is elsewhere and lives on when the machine's power is cut.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keccak256, stringToHex } from 'viem'
import { runAudit } from '../../../auditor/audit.ts'
import { toAddress } from '../../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../../enclave/protocol/method-results.ts'
import { openAuditLog } from '../../../host/audit-log.ts'
import type { Chain } from '../../../host/chain.ts'
import { openOutbox } from '../../../host/outbox.ts'
import { callRpc } from '../../../scripts/chain/rpc.ts'
import { type RunningChain, startChain } from '../../../scripts/chain/start.ts'
import { chainOf, ether, kill, ROOT, startWorld, TREASURY_WEI, until, type World } from '../../e2e/pipeline-world.ts'
import { diskEnvironment, LYING_DISK, onLyingDisk } from './child.ts'
import type { Order } from './orders.ts'

export const CREDIT = '0.001'
/** Until a part of the machine has done its work: for one that hangs, not for one that is slow. */
export const SETTLED_MS_MAX = 120_000
const BLOCK_MS = 100
const FINAL_DEPTH_BLOCKS = 2
/** The broker's word for a ticket that it paid. */
const PAID_TOPIC = keccak256(stringToHex('WinningTicketTransfer(address,address,uint256)'))

/** `workers` are the stages rung by Redis, `stages` the same in a loop, `twin` a second process of these. */
export type Role = 'stages' | 'twin' | 'workers' | 'supervisor'

const here = (program: string) => (dataDir: string) => [join(import.meta.dirname, program), dataDir]
const PROGRAMS: { readonly [R in Role]: (dataDir: string) => readonly string[] } = {
  stages: here('stage-process.ts'),
  twin: here('stage-process.ts'),
  workers: (dataDir) => [join(ROOT, 'workers', 'main.ts'), '--data', dataDir, '--stage', 'all'],
  supervisor: here('supervisor-process.ts'),
}

type Fields = { readonly [key: string]: unknown }

export class Machine {
  readonly world: World
  readonly facts: Chain
  /** Of the moment: it may be killed and come back. */
  chain: RunningChain
  /** Owed to each payee so far. */
  owedWei = 0n
  readonly #children = new Map<Role, ChildProcess>()

  private constructor(world: World) {
    this.world = world
    this.chain = world.chain
    this.facts = chainOf(world)
  }

  static async start(settings: Fields = {}, policy: Fields = {}): Promise<Machine> {
    return new Machine(await startWorld({ settings: { payoutIntervalMs: 0, ...settings }, policy, blockMs: BLOCK_MS }))
  }

  /** Starts a part of the machine; the supervisor once its enclave is active, unless it has an order. */
  async start(role: Role, order?: Order): Promise<ChildProcess> {
    const { dataDir } = this.world
    const child = onLyingDisk(dataDir, PROGRAMS[role](dataDir), order)
    this.#children.set(role, child)
    if (role === 'supervisor' && order === undefined) await ready(child)
    return child
  }

  async restart(role: Role, order?: Order): Promise<ChildProcess> {
    await this.end(role)
    return this.start(role, order)
  }

  /** Kills a part of the machine that may be running. */
  async end(role: Role): Promise<void> {
    const child = this.#children.get(role)
    if (child !== undefined) await kill(child)
    this.#children.delete(role)
  }

  /** The chain dies where the order says, once it has begun to write what is in the order; undefined: it lives. */
  async startChain(order?: Order): Promise<void> {
    this.chain = await restartChain(this.world, order)
  }

  child(role: Role): ChildProcess {
    const child = this.#children.get(role)
    if (child === undefined) throw new Error(`expected ${role} to run`)
    return child
  }

  /** Processes that die with the machine, beside `role` itself. */
  pidsBeside(role: Role): number[] {
    const others = [...this.#children].filter(([name]) => name !== role)
    return [...others.map(([, { pid }]) => pid ?? 0), ...this.enclavePids()]
  }

  /** The enclave is the supervisor's only child. */
  enclavePids(): number[] {
    const { pid } = this.child('supervisor')
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  }

  credit(rounds = 1): void {
    this.world.credit(rounds, CREDIT)
    this.owedWei += BigInt(rounds) * ether(CREDIT)
  }

  async setTreasury(amountWei: bigint): Promise<void> {
    await callRpc(this.chain.url, 'hardhat_setBalance', [this.world.config.anchor, `0x${amountWei.toString(16)}`])
  }

  async ledger(): Promise<LedgerStatus | undefined> {
    return (await this.world.status())?.ledger
  }

  /** A boot that is not ours to start: the supervisor's own, which may take more than one. */
  async expectLaterEpoch(epoch: number): Promise<void> {
    const isOpen = async () => {
      const status = await this.world.status()
      return status?.phase === 'active' && (status.ledger?.epoch ?? 0) > epoch ? true : undefined
    }
    await until(`an epoch after ${epoch}`, isOpen, SETTLED_MS_MAX)
  }

  /**
   * One more commit, landed and settled. A boot that settles as it loads has signed no checkpoint, so the log that is
   * published ends before the newest commit until the next one.
   */
  async expectNextCommit(): Promise<void> {
    await this.#expectPaid()
    this.credit()
    await this.#expectPaid()
  }

  async #expectPaid(): Promise<LedgerStatus> {
    const totalWei = this.owedWei * BigInt(this.world.payees.length)
    const isPaid = async () => {
      const ledger = await this.ledger()
      return ledger?.paidWei === totalWei && ledger.unlanded === null ? ledger : undefined
    }
    return until(`${totalWei} wei paid`, isPaid, SETTLED_MS_MAX)
  }

  /** Everything is paid once, as the chain tells it for each payee, and the auditor finds nothing wrong. */
  async expectExact(): Promise<void> {
    const { world, owedWei } = this
    const totalWei = owedWei * BigInt(world.payees.length)
    const ledger = await this.#expectPaid()
    const wantedWei = Object.fromEntries(world.payees.map((payee) => [payee, owedWei]))
    const exact = { reservedWei: 0n, treasuryWei: TREASURY_WEI - totalWei, paidWei: wantedWei }
    const { treasuryWei } = await this.facts.facts(world.authority)
    const got = { reservedWei: ledger.reservedWei, treasuryWei, paidWei: await paidByPayee(this.chain.url, world) }
    if (show(got) !== show(exact)) throw new Error(`expected ${show(exact)} on chain, got ${show(got)}`)
    await this.#expectPublished(ledger.sequence)
    await this.expectAudited()
  }

  async #expectPublished(sequence: number): Promise<void> {
    const landing = await this.facts.landingOf(sequence)
    const [audit, outbox] = [openAuditLog(this.world.config.paths), openOutbox(this.world.config.paths)]
    const isPublished = async () =>
      (await audit.published()).size === landing?.logSize && (await outbox.open()).length === 0 ? true : undefined
    await until('the newest commit published and archived', isPublished, SETTLED_MS_MAX)
  }

  async expectAudited(): Promise<void> {
    const { anchor, paths, journal } = this.world.config
    const report = await runAudit({ rpcUrl: this.chain.url, anchor, log: paths.audit, journal })
    if (report.verdict !== 'clean') throw new Error(`the auditor objects: ${show(report.findings)}`)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map(kill))
    await this.chain.stop()
    await this.world.stop()
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`expected a supervisor with an active enclave, it ended with ${code}`)
  })
  await Promise.race([once(child, 'message'), ended])
}

/** The chain of a world again, at its old address; with an order, on a disk that fails. */
async function restartChain({ dataDir, chain }: World, order?: Order): Promise<RunningChain> {
  const own = { ...process.env }
  if (order !== undefined) {
    Object.assign(process.env, diskEnvironment(dataDir, order), { NODE_OPTIONS: `--import ${LYING_DISK}` })
  }
  // The process is started before the first turn ends: whatever else starts, starts without this environment.
  const starting = startChain({
    dataDir: join(dataDir, 'chain'),
    port: Number(new URL(chain.url).port),
    blockMs: BLOCK_MS,
    finalDepthBlocks: FINAL_DEPTH_BLOCKS,
    onLine: () => undefined,
  })
  for (const name of Object.keys(process.env)) if (own[name] === undefined) delete process.env[name]
  Object.assign(process.env, own)
  return starting
}

/** What the broker says it gave each payee, over all blocks. */
async function paidByPayee(url: string, { payees }: World): Promise<{ [payee: string]: bigint }> {
  const filter = { fromBlock: '0x0', toBlock: 'latest', topics: [PAID_TOPIC] }
  const logs = (await callRpc(url, 'eth_getLogs', [filter])) as readonly { topics: string[]; data: string }[]
  const paid = Object.fromEntries(payees.map((payee) => [payee, 0n]))
  for (const { topics, data } of logs) {
    const payee = toAddress(`0x${topics[2]?.slice(26)}`) ?? ''
    paid[payee] = (paid[payee] ?? 0n) + BigInt(data)
  }
  return paid
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))
}
