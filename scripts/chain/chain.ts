/**
 * The chain: one lane through which everything passes that changes it.
 *
 * 1 write the record, 2 fsync, 3 mine. A crash before 3 leaves a block that nobody saw, and the next start mines it;
 * no block that anybody saw is ever missing from the disk.
 */
import { type Hex, keccak256, parseTransaction } from 'viem'
import { BASE_FEE_WEI, CHAIN_ID, type Evm } from './evm.ts'
import { afterOp, type FaultPlan, type FaultState, NO_FAULTS_YET, planBroadcast } from './faults.ts'
import type { LogContents, LogWriter } from './log-file.ts'
import { type ChainOp, type ChainRecord, OPS_MAX, RUN_BLOCKS_MAX, type RunRecord, runBlockAtMs } from './records.ts'
import { replay } from './replay.ts'
import { asRefusal, INVALID_PARAMS, REFUSED, RpcRefusal } from './rpc-refusal.ts'

/** A log that ends further ahead of the machine's clock was moved there; a run that a crash completed never is. */
const SKEW_MS_MIN = 60_000

export type ChainOptions = { readonly blockMs: number; readonly faults: FaultPlan | undefined }

/** A fault as it happens. `said` is what the node answered to the repeated bytes. */
export type FaultEvent = { readonly fault: 'drop' | 'double'; readonly hash: Hex; readonly said: string }

/** Thrown instead of an answer: the server ends the connection. */
export class ConnectionCut extends Error {
  override readonly name = 'ConnectionCut'
}

export class Chain {
  readonly evm: Evm
  readonly notes = new Map<string, unknown>()
  readonly faultsPlayed: FaultEvent[] = []
  #log: LogWriter
  #options: ChainOptions
  #lane: Promise<unknown> = Promise.resolve()
  #ops: ChainOp[] = []
  #run: { record: RunRecord; mined: number } | undefined
  #lastAtMs = 0
  #skewMs = 0
  #faultState: FaultState = NO_FAULTS_YET
  #broken: unknown
  #repeatMined: { raw: Hex; hash: Hex } | undefined

  constructor(evm: Evm, log: LogWriter, options: ChainOptions) {
    this.evm = evm
    this.#log = log
    this.#options = options
  }

  /** Brings the node to the end of the log, or writes the first record of a new one. */
  async start(contents: LogContents, nowMs: number): Promise<void> {
    if (contents.records.length === 0) await this.#append({ kind: 'genesis', version: 1, chainId: CHAIN_ID })
    const { lastAtMs } = await replay(this.evm, contents.records, (op) => this.#note(op))
    this.#lastAtMs = lastAtMs
    // Without it a clock that was moved ahead would stand still until the machine's own catches up.
    if (lastAtMs - nowMs > SKEW_MS_MIN) this.#skewMs = lastAtMs - nowMs
  }

  /**
   * Mines the next block: with what came in since the last one, or the next one of an empty run.
   * Throws what broke the log, now or earlier: the process must end, and the next one begins from the disk.
   */
  tick(nowMs: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#broken !== undefined) throw this.#broken
      if (this.#ops.length > 0) await this.#mineOps(nowMs)
      else await this.#mineEmpty(nowMs)
      await this.#repeatWhenMined()
    })
  }

  /** Takes a raw transaction into the pool and answers its hash. Refuses in the words of a real node. */
  submit(raw: Hex): Promise<Hex> {
    return this.#inTurn(() => this.#broadcast(raw))
  }

  /** Changes state by hand; durable before it answers. */
  cheat(method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#inTurn(async () => {
      const answer = await this.evm.request(method, params)
      this.#push({ kind: 'cheat', method, params: [...params] })
      await this.#flush()
      return answer
    })
  }

  /** Keeps a word with the chain; durable before it answers. */
  keepNote(key: string, value: unknown): Promise<void> {
    return this.#inTurn(async () => {
      this.#push({ kind: 'note', key, value })
      await this.#flush()
    })
  }

  /** Lets the chain's clock run `ms` ahead of the machine's from the next block on. */
  skewClock(ms: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#flush()
      this.#skewMs += ms
    })
  }

  /** Ends in order: what was promised ahead and not mined is taken back. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#flush()
      await this.#log.close()
      await this.evm.close()
    })
  }

  async #mineOps(nowMs: number): Promise<void> {
    const atMs = this.#nextAtMs(nowMs)
    await this.#append({ kind: 'block', ...this.#position(), atMs, ops: this.#take() })
    await this.#mine(atMs)
  }

  async #mineEmpty(nowMs: number): Promise<void> {
    this.#run ??= await this.#beginRun(nowMs)
    const run = this.#run
    await this.#mine(runBlockAtMs(run.record, run.mined))
    run.mined++
    if (run.mined === run.record.blocks) this.#run = undefined
  }

  async #beginRun(nowMs: number): Promise<{ record: RunRecord; mined: number }> {
    const atMs = this.#nextAtMs(nowMs)
    const record: RunRecord = {
      kind: 'run',
      ...this.#position(),
      atMs,
      stepMs: this.#options.blockMs,
      blocks: RUN_BLOCKS_MAX,
    }
    await this.#append(record)
    return { record, mined: 0 }
  }

  async #mine(atMs: number): Promise<void> {
    await this.evm.mine(atMs)
    this.#lastAtMs = atMs
  }

  // The height in every record tells a replay how much of the run before it was mined.
  async #flush(): Promise<void> {
    await this.#append({ kind: 'ops', ...this.#position(), ops: this.#take() })
  }

  // A write that failed may have left half a record, or a change in the node that no record tells of.
  async #append(record: ChainRecord): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    try {
      await this.#log.append(record)
    } catch (error) {
      this.#broken = error
      throw error
    }
  }

  #position(): { blockNumber: number; parentHash: Hex } {
    return { blockNumber: this.evm.tip.number + 1, parentHash: this.evm.tip.hash }
  }

  #take(): ChainOp[] {
    const ops = this.#ops
    this.#ops = []
    this.#run = undefined
    return ops
  }

  #nextAtMs(nowMs: number): number {
    return Math.max(this.#lastAtMs, nowMs + this.#skewMs)
  }

  async #broadcast(raw: Hex): Promise<Hex> {
    const to = recipientOf(raw)
    const plan = this.#options.faults
    const isFaulty = plan !== undefined && to !== undefined && to === plan.to.toLowerCase()
    const decision = isFaulty ? planBroadcast(plan, this.#faultState) : 'pass'
    if (decision === 'drop') return this.#drop(raw, to ?? '', plan?.dropBy ?? 'answer')
    const hash = await this.#accept(raw)
    if (decision === 'double') await this.#double(raw, to ?? '', hash)
    return hash
  }

  async #accept(raw: Hex): Promise<Hex> {
    refuseLowFee(raw)
    if (this.#ops.length >= OPS_MAX) throw new RpcRefusal(REFUSED, 'txpool is full')
    const hash = (await this.evm.request('eth_sendRawTransaction', [raw])) as Hex
    this.#push({ kind: 'transaction', raw })
    return hash
  }

  async #drop(raw: Hex, to: string, by: 'answer' | 'cut'): Promise<Hex> {
    const hash = keccak256(raw)
    this.#push({ kind: 'fault', fault: 'drop', to, hash })
    // Before the answer: a drop that is forgotten would fire a second time.
    await this.#flush()
    this.faultsPlayed.push({ fault: 'drop', hash, said: by })
    if (by === 'cut') throw new ConnectionCut('this broadcast is dropped, as the demonstration asked')
    return hash
  }

  async #double(raw: Hex, to: string, hash: Hex): Promise<void> {
    this.#push({ kind: 'fault', fault: 'double', to, hash })
    await this.#repeat(raw, hash)
    this.#repeatMined = { raw, hash }
  }

  // A stranger who saw the transaction in a block has it too, and sends it once more.
  async #repeatWhenMined(): Promise<void> {
    if (this.#repeatMined === undefined) return
    const { raw, hash } = this.#repeatMined
    if ((await this.evm.request('eth_getTransactionReceipt', [hash])) === null) return
    this.#repeatMined = undefined
    await this.#repeat(raw, hash)
  }

  async #repeat(raw: Hex, hash: Hex): Promise<void> {
    const said = await this.#accept(raw).catch((error: unknown) => asRefusal(error).message)
    this.faultsPlayed.push({ fault: 'double', hash, said })
  }

  #push(op: ChainOp): void {
    this.#ops.push(op)
    this.#note(op)
  }

  #note(op: ChainOp): void {
    if (op.kind === 'note') this.notes.set(op.key, op.value)
    const plan = this.#options.faults
    if (plan === undefined) return
    const to = op.kind === 'transaction' ? recipientOf(op.raw as Hex) : undefined
    this.#faultState = afterOp(plan, this.#faultState, op, to)
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#lane.then(step)
    this.#lane = turn.catch(() => undefined)
    return turn
  }
}

function recipientOf(raw: Hex): string | undefined {
  return parseRaw(raw).to?.toLowerCase()
}

// Nitro refuses at the door what the next block could not include.
function refuseLowFee(raw: Hex): void {
  const parsed = parseRaw(raw)
  const feeWei = parsed.maxFeePerGas ?? parsed.gasPrice ?? 0n
  if (feeWei >= BASE_FEE_WEI) return
  throw new RpcRefusal(
    REFUSED,
    `max fee per gas less than block base fee: maxFeePerGas: ${feeWei}, baseFee: ${BASE_FEE_WEI}`,
  )
}

function parseRaw(raw: Hex) {
  try {
    return parseTransaction(raw)
  } catch (cause) {
    const expected = 'expected a signed raw transaction as 0x-prefixed hex'
    throw new RpcRefusal(INVALID_PARAMS, expected, undefined, { cause })
  }
}
