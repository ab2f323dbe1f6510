/** The embedded chain as a process: `node scripts/chain/main.ts --data DIR`. Prints one line of JSON when it answers. */
import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import type { FastifyInstance } from 'fastify'
import { CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import { Chain } from './chain.ts'
import { CHAIN_ID, openEvm } from './evm.ts'
import type { FaultPlan } from './faults.ts'
import { type Keeper, roundKeeper } from './keeper.ts'
import { lockFolder } from './lock.ts'
import { openLog, readLog } from './log-file.ts'
import { serve } from './server.ts'

const BLOCK_MS_MIN = 10

type Options = {
  data: string
  port: number
  blockMs: number
  finalDepth: number
  keeperLagBlocks: number
  faultTo?: string
  drop?: number
  double?: number
  dropBy: 'answer' | 'cut'
  detached: boolean
}

await main(process.argv).catch((error: unknown) => {
  const { code, message } = isCoded(error) ? error : new CodedError('RPC_FAILED', String(error), { cause: error })
  printLine({ ready: false, code, message })
  process.exit(1)
})

async function main(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv)
  await mkdir(options.data, { recursive: true })
  const unlock = await lockFolder(options.data)
  process.once('exit', unlock)
  const chain = await openChain(options)
  const blocks = blockSignal()
  const context = { chain, finalDepthBlocks: options.finalDepth, nextBlock: blocks.next }
  const server = await serve(context, options.port).catch((error: unknown) => refusePort(options.port, error))
  const clock = startClock(chain, options, blocks.ring)
  stopWithParent(options, () => stop(clock, server, chain))
  clock.done.catch((error: unknown) => {
    // The log is a step ahead of the node now: the next start does what this one could not.
    process.stderr.write(`chain: ${String(error)}\n`)
    process.exit(1)
  })
  printLine({
    ready: true,
    url: server.listeningOrigin,
    pid: process.pid,
    chainId: CHAIN_ID,
    blockNumber: chain.evm.tip.number,
  })
}

async function openChain(options: Options): Promise<Chain> {
  const contents = await readLog(options.data)
  const log = await openLog(options.data, contents)
  const chain = new Chain(await openEvm(), log, { blockMs: options.blockMs, faults: faultPlan(options) })
  await chain.start(contents, Date.now())
  return chain
}

type Clock = { readonly done: Promise<void>; stop(): void }

function startClock(chain: Chain, options: Options, ring: () => void): Clock {
  const ending = new AbortController()
  const keeper = roundKeeper(chain, options.keeperLagBlocks, (line) => process.stderr.write(`chain: ${line}\n`))
  const done = runClock(chain, keeper, options.blockMs, ring, ending.signal)
  return { done, stop: () => ending.abort() }
}

// A tick that comes late moves the following ones: blocks are never made up in a burst.
async function runClock(
  chain: Chain,
  keeper: Keeper,
  blockMs: number,
  ring: () => void,
  ending: AbortSignal,
): Promise<void> {
  let dueAtMs = Date.now()
  while (!ending.aborted) {
    dueAtMs = Math.max(dueAtMs + blockMs, Date.now())
    await sleep(dueAtMs - Date.now(), undefined, { signal: ending }).catch(() => undefined)
    if (ending.aborted) return
    await chain.tick(Date.now())
    ring()
    await keeper.afterBlock()
  }
}

function blockSignal(): { next(): Promise<void>; ring(): void } {
  let signal = Promise.withResolvers<void>()
  return {
    next: () => signal.promise,
    ring() {
      signal.resolve()
      signal = Promise.withResolvers<void>()
    },
  }
}

async function stop(clock: Clock, server: FastifyInstance, chain: Chain): Promise<void> {
  clock.stop()
  await clock.done
  await server.close()
  await chain.stop()
  process.exit(0)
}

// The parent holds the other end of our standard input. However it ends, the pipe closes.
function stopWithParent({ detached }: Options, end: () => Promise<void>): void {
  let isEnding = false
  const once = () => {
    if (isEnding) return
    isEnding = true
    void end()
  }
  process.once('SIGTERM', once)
  // Ctrl-C reaches a whole group of processes: a parent that started us says itself when the chain is to end.
  process.on('SIGINT', detached || process.stdin.isTTY ? once : () => undefined)
  if (detached) return
  process.once('disconnect', once)
  process.stdin.once('end', once).once('close', once).once('error', once).resume()
}

function readOptions(argv: readonly string[]): Options {
  return new Command('chain')
    .description('A local chain that keeps its blocks: every restart has the same hashes at the same heights.')
    .requiredOption('--data <folder>', 'where the chain keeps its log')
    .option('--port <number>', 'port on 127.0.0.1, 0 for any free one', count(0), 0)
    .option('--block-ms <ms>', 'milliseconds between two blocks', count(BLOCK_MS_MIN), 250)
    .option('--final-depth <blocks>', 'how far "finalized" and "safe" lie behind the newest block', count(0), 2)
    .option('--keeper-lag-blocks <blocks>', 'blocks between the start of a round and its initialisation', count(0), 4)
    .option('--fault-to <address>', 'count broadcasts to this address for the faults below')
    .option('--drop <k>', 'lose the k-th of them', count(1))
    .option('--double <m>', 'repeat the m-th of them, as a stranger could', count(1))
    .option('--drop-by <how>', 'answer: say it was accepted; cut: end the connection', dropBy, 'answer')
    .option('--detached', 'go on when standard input ends', false)
    .parse([...argv])
    .opts<Options>()
}

function faultPlan({ faultTo, drop, double, dropBy: by }: Options): FaultPlan | undefined {
  if (faultTo === undefined) return undefined
  const dropAt = drop === undefined ? {} : { dropAt: drop }
  const doubleAt = double === undefined ? {} : { doubleAt: double }
  return { to: faultTo, dropBy: by, ...dropAt, ...doubleAt }
}

function count(min: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number.parseInt(text, 10) : -1
    if (value < min) throw new InvalidArgumentError(`Expected a whole number from ${min}.`)
    return value
  }
}

function dropBy(text: string): 'answer' | 'cut' {
  if (text !== 'answer' && text !== 'cut') throw new InvalidArgumentError('Expected answer or cut.')
  return text
}

function refusePort(port: number, error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
  throw new CodedError('PORT_BUSY', `expected port ${port} to be free, got another listener; type: --port 0`, {
    cause: error,
  })
}

function printLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
