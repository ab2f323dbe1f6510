/** A whole machine for one test: Redis, the embedded chain, an enclave and the four stages, each a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, toAddress, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { StatusResult } from '../../enclave/protocol/method-results.ts'
import { parseEther, type Wei, wei } from '../../enclave/protocol/money.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import { openChain } from '../../host/chain.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import type { Stage } from '../../queues/names.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import type { FaultPlan } from '../../scripts/chain/faults.ts'
import { appointAuthority, fundGasFloat, setupChain } from '../../scripts/chain/setup.ts'
import { type RunningChain, startChain } from '../../scripts/chain/start.ts'
import { type Redis, startRedis } from '../../scripts/redis/redis.ts'
import { UNGOVERNED_JSON } from '../builders/governance.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
export const PAYEES = 3
export const TREASURY_WEI: Wei = ether('10')
const BLOCK_MS = 250
const POLL_MS = 50
const GONE_MS_MAX = 60_000

export type World = {
  readonly dataDir: string
  readonly config: HostConfig
  readonly chain: RunningChain
  readonly redis: Redis
  readonly enclave: EnclaveClient
  readonly authority: Address
  readonly payees: readonly Address[]
  start(name: ProcessName): Promise<ChildProcess>
  /** Appends one credit a payee, `ether` each, and returns the lines. */
  credit(count: number, ether: string): void
  status(): Promise<StatusResult | undefined>
  stop(): Promise<void>
}
export type ProcessName = Stage | 'supervisor'

/** The supervisor as a process of its own: what `npm start` does around superviseEnclave. */
const SUPERVISOR = `
  import { loadHostConfig } from ${JSON.stringify(join(ROOT, 'host/config.ts'))}
  import { openContext } from ${JSON.stringify(join(ROOT, 'host/context.ts'))}
  import { openLog } from ${JSON.stringify(join(ROOT, 'host/log.ts'))}
  import { superviseEnclave } from ${JSON.stringify(join(ROOT, 'host/supervisor.ts'))}
  const config = loadHostConfig(process.argv[1])
  const supervisor = superviseEnclave(openContext(config, openLog({ level: config.logLevel, name: 'supervisor' })))
  process.on('SIGTERM', () => void supervisor.stop().then(() => process.exit(0)))
  process.stdin.on('end', () => process.exit(1)).resume()
`

export type WorldOptions = {
  /** Host settings that differ. */
  readonly settings?: { readonly [key: string]: unknown }
  /** Payees that Livepeer does not know: their tickets fail. They are `orch-3` and on. */
  readonly strangers?: number
  /** Mishaps of broadcasts to the anchor, counted from its first transaction. */
  readonly faults?: Omit<FaultPlan, 'to'>
  /** Fields of the policy that differ. */
  readonly policy?: { readonly [key: string]: unknown }
  /** Which KMS key releases the keys; without it they lie on the disk. */
  readonly keyRelease?: { readonly keyId: string; readonly region: string; readonly keyVersion: number }
  /** Draws the keys and keeps the ciphertexts; otherwise a short-lived enclave does. */
  readonly drawKeys?: (config: HostConfig) => Promise<Address>
  /** What stands between the host and the chain: gets the chain's address, gives its own. */
  readonly front?: (chainUrl: string) => Promise<string>
  readonly blockMs?: number
}

export async function startWorld({
  settings: overrides = {},
  strangers = 0,
  faults,
  policy: rules = {},
  keyRelease,
  drawKeys = generateKeys,
  front = async (chainUrl) => chainUrl,
  blockMs = BLOCK_MS,
}: WorldOptions = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pipeline-'))
  const redis = await startRedis({ dataDir: join(dataDir, 'redis'), cacheDir: join(ROOT, '.cache', 'redis') })
  const quiet = { dataDir: join(dataDir, 'chain'), blockMs, finalDepthBlocks: 2, onLine: () => undefined }
  let chain = await startChain(quiet)
  const known = Array.from({ length: PAYEES }, (_, at) => lower(devAccount(10 + at).address))
  const deployment = await setupChain(chain.url, {
    guardian: devAccount(DEV_ACCOUNTS.guardian).address,
    transcoders: known,
    roundLengthBlocks: 10_000n,
    treasuryWei: TREASURY_WEI,
    artifactsPath: join(ROOT, 'artifacts'),
  })
  const unknown = Array.from({ length: strangers }, (_, at) => lower(devAccount(10 + PAYEES + at).address))
  const payees = [...known, ...unknown]
  const policy = { ...policyOf(deployment), ...rules }
  const roster = payees.map((recipient, at) => ({ id: `orch-${at}`, recipient }))
  const genesis = { policy, roster, openings: [], journalSize: 0, journalHead: ZERO_HASH }
  const parsed = { ...genesis, policy: parsePolicy(policy) }
  const configuration = {
    chainId: deployment.chainId,
    anchor: lower(deployment.anchor),
    broker: lower(deployment.broker),
    guardian: lower(deployment.guardian),
    role: 'core',
    genesisHash: genesisHash(parsed),
    ...(keyRelease === undefined ? {} : { keyRelease }),
  }
  mkdirSync(join(dataDir, 'journal'))
  mkdirSync(join(dataDir, 'keys'))
  writeJson(join(dataDir, 'genesis.json'), genesis)
  writeJson(join(dataDir, 'enclave.json'), configuration)
  if (faults !== undefined) {
    await chain.stop()
    chain = await startChain({ ...quiet, faults: { ...faults, to: deployment.anchor } })
  }
  const settings = {
    chainId: deployment.chainId,
    anchor: lower(deployment.anchor),
    rpcUrls: [await front(chain.url)],
    redisUrl: redis.url,
    enclaveEndpoint: `unix://${join(dataDir, 'enclave.sock')}`,
    settleDepthBlocks: 1,
    payoutIntervalMs: 1_000,
    resendMs: 1_000,
    stalledIntervalMs: 1_000,
    logLevel: process.env['PIPELINE_LOG'] ?? 'silent',
    ...overrides,
  }
  writeJson(join(dataDir, 'host.json'), settings)
  const config = hostConfigOf(dataDir, settings)
  const authority = await drawKeys(config)
  await appointAuthority(chain.url, { anchor: deployment.anchor, authority })
  await fundGasFloat(chain.url, { authority, amountWei: ether('1') })
  return worldOf({ dataDir, config, chain, redis, payees, authority })
}

function worldOf(parts: Pick<World, 'dataDir' | 'config' | 'chain' | 'redis' | 'payees' | 'authority'>): World {
  const enclave = openEnclaveClient(parts.config.enclaveEndpoint)
  const children = new Set<ChildProcess>()
  let lines = 0
  return {
    ...parts,
    enclave,
    start: async (name) => {
      const words =
        name === 'supervisor'
          ? ['--input-type=module', '-e', SUPERVISOR, parts.dataDir]
          : [join(ROOT, 'workers/main.ts'), '--data', parts.dataDir, '--stage', name, '--with-parent']
      const child = spawn(process.execPath, words, { stdio: ['pipe', 'inherit', 'inherit'] })
      child.stdin?.on('error', () => undefined)
      children.add(child)
      return child
    },
    credit: (count, amount) => {
      const path = parts.config.journal
      for (let round = 0; round < count; round++) {
        const text = parts.payees.map((_, at) => lineOf(`orch-${at}`, amount, lines++)).join('')
        appendFileSync(path, text)
      }
    },
    status: () => enclave.call('status', {}).catch(() => undefined),
    stop: async () => {
      enclave.close()
      await Promise.all([...children].map(end))
      await parts.redis.stop()
      await parts.chain.stop()
      rmSync(parts.dataDir, { recursive: true, force: true })
    },
  }
}

export function lineOf(id: string, amount: string, number: number): string {
  const event = {
    timestamp: '2026-11-20T08:53:30.522150+00:00',
    event: 'credit',
    orchestrator_id: id,
    amount,
    balance: amount,
    reason: 'workload',
    metadata: { workload_id: `w-${number}` },
  }
  return `${JSON.stringify(event)}\n`
}

export function chainOf(world: Pick<World, 'config'>) {
  return openChain(world.config)
}

/** Ends a child the hard way and waits until it has gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** A supervisor and its enclave, which outlives it by a moment and would answer for the next one. */
export async function killWithEnclave(world: World, supervisor: ChildProcess): Promise<void> {
  const session = (await world.status())?.session
  await kill(supervisor)
  const isGone = async () => (await world.status())?.session !== session || undefined
  await until('the enclave is gone', isGone, GONE_MS_MAX)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 8_000)
  await gone
  clearTimeout(hard)
}

/** Asks until the answer is not undefined; once more when time is up, since it may have been up while this process slept. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, msMax: number): Promise<T> {
  const endMs = Date.now() + msMax
  for (let isLate = false; !isLate; await sleep(POLL_MS)) {
    isLate = Date.now() > endMs
    const answer = await ask()
    if (answer !== undefined) return answer
  }
  throw new Error(`expected within ${msMax} ms: ${what}`)
}

export function ether(text: string): Wei {
  return wei(parseEther(text))
}

/** What a world's ledger begins with, for whoever changes a rule of it. */
export function policyOf(deployment: { chainId: number; anchor: string; broker: string }) {
  return {
    chainId: deployment.chainId,
    anchor: lower(deployment.anchor),
    broker: lower(deployment.broker),
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: lower(devAccount(DEV_ACCOUNTS.treasuryOwner).address),
    thresholdWei: '1000000000000000',
    payoutWeiMin: '1000000000000000',
    payoutWeiMax: '1000000000000000000',
    commitWeiMax: '5000000000000000000',
    payoutsPerCommitMax: 50,
    cadenceSeconds: 3_600,
    gasPriceWeiMax: '10000000000',
    gasMax: 16_000_000,
    signaturesPerSequenceMax: 100,
    backoffSequencesMax: 64,
    accountsMax: 10_000,
    ...UNGOVERNED_JSON,
  }
}

/** Keys of a new ledger, by a short-lived enclave: it forgets them and the files below are all that is left. */
async function generateKeys(config: HostConfig): Promise<Address> {
  const log = openLog({ level: 'silent', name: 'keys' })
  const child = await startEnclave(config, log)
  const enclave = openEnclaveClient(config.enclaveEndpoint)
  const { address, ciphertext_b64, state_ciphertext_b64 } = await enclave.call('generate', {})
  writeJson(config.paths.keyFile, { address, ciphertext_b64, state_ciphertext_b64 })
  enclave.close()
  await child.stop()
  return address
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(
    path,
    `${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))}\n`,
    { mode: 0o600 },
  )
}

function lower(address: string): Address {
  return toAddress(address) as Address
}
