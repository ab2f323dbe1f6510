/** Every process of the embedded set-up, in the order in which they need each other; taken down in the other order. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { destination } from 'pino'
import { CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { hostConfigOf } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { writeDurably } from '../../host/durable-file.ts'
import { openLog } from '../../host/log.ts'
import { type Supervisor, superviseEnclave } from '../../host/supervisor.ts'
import { STAGES } from '../../queues/names.ts'
import type { Deployment } from '../chain/setup.ts'
import { type RunningChain, startChain } from '../chain/start.ts'
import { startRedis } from '../redis/redis.ts'
import { type Child, ROOT, startChild } from './children.ts'
import { socketPath } from './enclave-process.ts'
import type { Folder, Plan } from './folder.ts'
import { provideAnchor, provideAuthority, provideKeys, writeGenesis } from './provision.ts'

export type Stack = {
  readonly url: string
  readonly deployment: Deployment
  readonly authority: Address
  readonly context: Context
}

/** What is to be undone, last first. Every step of a start adds its own end. */
export type Endings = { push(end: () => Promise<void> | void): void; run(): Promise<void> }

export const BLOCK_MS = 250
export const SETTLE_DEPTH_BLOCKS = 2
/** Deeper than settlement, as on a real chain: what is final has been settled. */
const FINAL_DEPTH_BLOCKS = 8
/** Counted from the guardian's appointment, which is the first: a commit is lost on its way, a later one sent twice. */
const DROPPED_BROADCAST = 8
const DOUBLED_BROADCAST = 13
const KEEPER_LAG_BLOCKS = 6
const PAYOUT_INTERVAL_MS = 1_200
const PAYOUTS_MIN = 40
const RESEND_MS = 1_500
const ACTIVE_MS_MAX = 180_000
const RESTART_MS = 1_000
const RESTARTS_MAX = 1_000
/** A stage that was killed is missed after this long: nobody here runs for days on one busy machine. */
const STALLED_INTERVAL_MS = 2_000
const FREED_MS_MAX = 20_000
const FREED_POLL_MS = 500

export function newEndings(): Endings {
  const ends: (() => Promise<void> | void)[] = []
  return {
    push: (end) => void ends.push(end),
    run: async () => {
      for (let end = ends.pop(); end !== undefined; end = ends.pop())
        await Promise.resolve(end()).catch(() => undefined)
    },
  }
}

/** Chain and anchor, keys and authority. Refuses CHAIN_BEHIND, DATA_LOCKED, CONFIG_INVALID. */
export async function startGround(
  folder: Folder,
  plan: Plan,
  hasLedger: boolean,
  endings: Endings,
  said: (step: string) => void,
) {
  said('chain')
  const onLine = lineSink(join(folder.logs, 'chain.log'), endings)
  const options = {
    dataDir: folder.chain,
    blockMs: BLOCK_MS,
    finalDepthBlocks: FINAL_DEPTH_BLOCKS,
    keeperLagBlocks: KEEPER_LAG_BLOCKS,
    onLine,
  }
  const first = await startFreed(options)
  said('anchor')
  const deployment = await provideAnchor(first.url, plan, hasLedger)
  // The faults name the anchor, whose address only now is known.
  const faults = { to: deployment.anchor, dropAt: DROPPED_BROADCAST, doubleAt: DOUBLED_BROADCAST }
  const lasting = plan.journal === null ? { ...options, faults } : options
  const chain = plan.journal === null ? await restarted(first, lasting) : first
  keep('chain', chain, () => startFreed({ ...lasting, port: portOf(chain.url) }), endings, said)
  await writeGenesis(folder, plan, deployment)
  said('keys')
  const authority = await provideKeys(folder, deployment)
  await provideAuthority(chain.url, deployment, authority)
  return { url: chain.url, deployment, authority }
}

type ChainOptions = Parameters<typeof startChain>[0]

/** We hold the data folder, so a chain that still holds its part belongs to a start that was killed: it is on its way out. */
async function startFreed(options: ChainOptions): Promise<RunningChain> {
  for (const endAtMs = Date.now() + FREED_MS_MAX; ; await sleep(FREED_POLL_MS)) {
    try {
      return await startChain(options)
    } catch (error) {
      if (!isCoded(error, 'DATA_LOCKED') || Date.now() > endAtMs) throw error
    }
  }
}

async function restarted(chain: RunningChain, options: ChainOptions): Promise<RunningChain> {
  await chain.stop()
  return startChain(options)
}

/** Redis, the supervised enclave, and four workers. Refuses REDIS_MISSING, ENCLAVE_EXITED. */
export async function startRoad(
  folder: Folder,
  plan: Plan,
  ground: Pick<Stack, 'url' | 'deployment' | 'authority'>,
  endings: Endings,
  said: (step: string) => void,
): Promise<Stack> {
  said('redis')
  const options = { dataDir: folder.redis, cacheDir: join(ROOT, '.cache', 'redis') }
  const redis = await startRedis(options)
  keep('redis', redis, () => startRedis({ ...options, port: portOf(redis.url) }), endings, said)
  const settings = settingsOf(folder, plan, ground, redis.url)
  await writeDurably(folder.paths.config, `${JSON.stringify(settings, null, 2)}\n`)
  said('enclave')
  const to = destination({ dest: join(folder.logs, 'host.log'), mkdir: true, sync: true })
  endings.push(() => to.end())
  const context = openContext(hostConfigOf(folder.root, settings), openLog({ level: 'info', name: 'start', to }))
  endings.push(() => context.close())
  const supervisor = superviseEnclave(context)
  endings.push(() => stopEnclave(folder, supervisor))
  await waitActive(supervisor, join(folder.logs, 'host.log'))
  said('workers')
  for (const stage of STAGES) {
    const start = () => startWorker(folder, stage)
    keep(stage, start(), start, endings, said)
  }
  return { ...ground, context }
}

function settingsOf(
  folder: Folder,
  plan: Plan,
  { url, deployment }: Pick<Stack, 'url' | 'deployment'>,
  redisUrl: string,
) {
  return {
    chainId: deployment.chainId,
    anchor: deployment.anchor.toLowerCase(),
    rpcUrls: [url],
    redisUrl,
    enclaveEndpoint: `unix://${socketPath(folder.root, 'enclave')}`,
    journal: plan.journal ?? folder.released,
    settleDepthBlocks: SETTLE_DEPTH_BLOCKS,
    fromBlock: deployment.genesisBlock,
    finality: 'finalized',
    payoutIntervalMs: PAYOUT_INTERVAL_MS,
    payoutsMin: PAYOUTS_MIN,
    resendMs: RESEND_MS,
    stalledIntervalMs: STALLED_INTERVAL_MS,
  }
}

async function waitActive(supervisor: Supervisor, logFile: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    const why = `expected the enclave to be active within ${ACTIVE_MS_MAX} ms; its words are in ${logFile}`
    timer = setTimeout(() => fail(new CodedError('ENCLAVE_EXITED', why)), ACTIVE_MS_MAX)
  })
  await Promise.race([supervisor.active, late]).finally(() => clearTimeout(timer))
}

async function stopEnclave(folder: Folder, supervisor: Supervisor): Promise<void> {
  await supervisor.stop()
  rmSync(socketPath(folder.root, 'enclave'), { force: true })
}

function startWorker(folder: Folder, stage: string): Child {
  const words = ['workers/main.ts', '--data', folder.root, '--stage', stage, '--with-parent']
  return startChild({ name: stage, words, logFile: join(folder.logs, `${stage}.log`) })
}

type Kept = { readonly ended: Promise<unknown>; stop(): Promise<void> }

/** What ends without being asked is started again: a stage and a Redis lose nothing, and a chain replays its own log. */
function keep(
  name: string,
  first: Kept,
  again: () => Kept | Promise<Kept>,
  endings: Endings,
  said: (step: string) => void,
): void {
  let isEnding = false
  let running: Kept | undefined = first
  const watch = async (): Promise<void> => {
    for (let restart = 0; restart < RESTARTS_MAX && !isEnding; restart++) {
      await running?.ended
      if (isEnding) return
      await sleep(RESTART_MS)
      if (isEnding) return
      said(`${name} ended, starting it again`)
      running = await startOr(again)
      if (isEnding) await running?.stop()
    }
  }
  void watch()
  endings.push(async () => {
    isEnding = true
    await running?.stop()
  })
}

/** A start that fails is tried again after the next pause; its own log says why. */
async function startOr(again: () => Kept | Promise<Kept>): Promise<Kept | undefined> {
  try {
    return await again()
  } catch {
    return undefined
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

function lineSink(path: string, endings: Endings): (line: string) => void {
  const to = destination({ dest: path, mkdir: true, sync: true })
  endings.push(() => to.end())
  return (line) => void to.write(`${line}\n`)
}
