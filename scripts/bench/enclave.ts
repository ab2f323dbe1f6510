/** A real enclave process with a ledger of so many accounts, over its socket. No chain: sessions are told to have landed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { CommitResult, LedgerStatus, ReleasedRecord } from '../../enclave/protocol/method-results.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { type EnclaveProcess, startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { threadMs } from './clock.ts'
import { type Cursor, framesOf, shortLine } from './lines.ts'
import { addressOf, benchPolicy, parsedPolicy } from './policy.ts'
import { openWire, requestFrame, type Wire } from './wire.ts'

export type BenchLedger = {
  readonly client: EnclaveClient
  readonly wire: Wire
  readonly socketPath: string
  readonly pid: number
  /** Frames that offer these lines next, for `wire`. */
  frames(lines: readonly Uint8Array[]): Uint8Array[]
  /** Frames that credit one gwei to each of these positions, 0 being the first account after the treasury's. */
  creditFrames(positions: readonly number[]): Uint8Array[]
  /** What the enclave's thread computes while `work` waits for it. */
  computing(work: () => Promise<unknown>): Promise<number>
  /** A signed commit over everything due, and what it took to compute. */
  commit(): Promise<{ readonly ms: number; readonly commit: CommitResult }>
  /** The same commit signed again, so many times. */
  resign(times: number): Promise<number>
  settle(commit: CommitResult): Promise<void>
  status(): Promise<LedgerStatus>
  /** All chunks of a new sealed snapshot. */
  snapshot(): Promise<Uint8Array[]>
  /** Ends the process, starts another from the snapshot, and gives what it computes from its first chunk to its last answer. */
  reboot(chunks: readonly Uint8Array[]): Promise<number>
  close(): Promise<void>
}

export const IN_FLIGHT_MAX = 8
/** Accounts that the roster names and pays; others are opened by credits and wait for a recipient. */
const ROSTER_MAX = 1_000
const OPENED_PER_TURN = 20_000
const CALL_MS_MAX = 600_000
const LONG = { timeoutMs: CALL_MS_MAX }
const CHUNKS_PER_CALL = 24
const SIGNING = {
  round: { number: 7, hash: `0x${'11'.repeat(32)}` },
  fees: { gas: 1_000_000, maxFeePerGasWei: '1000000000', maxPriorityFeePerGasWei: '0' },
  accountNonce: 0,
}
const RESIGN_FRAME = requestFrame('resign_commit', { ...SIGNING, skip: [] })
const BUDGET_WEI = (10n ** 24n).toString()

type Ciphertexts = { readonly ciphertext_b64: string; readonly state_ciphertext_b64: string }
type Claimed = { readonly head: string; readonly epoch: number; readonly bitmap: null }
type Running = { readonly child: EnclaveProcess; readonly client: EnclaveClient; readonly wire: Wire }

export async function openBenchLedger(accounts: number): Promise<BenchLedger> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'))
  const roster = Array.from({ length: Math.min(accounts, ROSTER_MAX) }, (_, at) => ({
    id: idOf(at),
    recipient: addressOf(0x10_000 + at),
  }))
  const config = configIn(dir, roster)
  let running: Running | undefined
  try {
    running = await run(config)
    const ciphertexts = await begin(running.client, roster)
    const { nextRecord } = await running.client.call('status', {})
    const cursor = { journalSize: 0, journalHead: ZERO_HASH, nextRecord }
    const ledger = ledgerOf(dir, config, running, ciphertexts, cursor)
    await openAccounts(ledger, roster.length, accounts)
    return ledger
  } catch (error) {
    await end(running)
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

type Roster = readonly { readonly id: string; readonly recipient: ReturnType<typeof addressOf> }[]

function configIn(dir: string, roster: Roster): HostConfig {
  const policy = parsedPolicy()
  const { chainId, anchor, broker } = policy
  const hash = genesisHash({ policy, roster, openings: [], journalSize: 0, journalHead: ZERO_HASH })
  const configuration = { chainId, anchor, broker, guardian: addressOf(0xd1), role: 'core', genesisHash: hash }
  writeFileSync(join(dir, 'enclave.json'), JSON.stringify(configuration))
  const enclaveEndpoint = `unix://${socketIn(dir)}`
  return hostConfigOf(dir, { chainId, anchor, rpcUrls: ['http://127.0.0.1'], enclaveEndpoint })
}

function socketIn(dir: string): string {
  return join(dir, 'e.sock')
}

async function run(config: HostConfig): Promise<Running> {
  const child = await startEnclave(config, openLog({ level: 'silent', name: 'bench' }))
  const wire = await openWire(config.enclaveEndpoint.slice('unix://'.length))
  return { child, client: openEnclaveClient(config.enclaveEndpoint), wire }
}

async function end(running: Running | undefined): Promise<void> {
  running?.client.close()
  running?.wire.close()
  await running?.child.stop()
}

async function begin(client: EnclaveClient, roster: Roster): Promise<Ciphertexts> {
  const { ciphertext_b64, state_ciphertext_b64 } = await client.call('generate', {})
  await client.call('provision', { ciphertext_b64, state_ciphertext_b64 })
  await client.call('genesis', { roster: [...roster], policy: benchPolicy(), epoch: 0 }, LONG)
  const { firstUnacknowledged } = await client.call('status', {})
  const { records } = await client.call('outputs', { fromRecord: firstUnacknowledged }, LONG)
  await acknowledge(client, records)
  const opened = await client.call('open_session', { accountNonce: 0, fees: SIGNING.fees }, LONG)
  await acknowledge(client, opened.records)
  await client.call('session_landed', { epoch: opened.epoch })
  return { ciphertext_b64, state_ciphertext_b64 }
}

async function openAccounts(ledger: BenchLedger, from: number, accounts: number): Promise<void> {
  for (let start = from; start < accounts; start += OPENED_PER_TURN) {
    const length = Math.min(OPENED_PER_TURN, accounts - start)
    const positions = Array.from({ length }, (_, at) => start + at)
    await ledger.wire.exchange(ledger.creditFrames(positions), IN_FLIGHT_MAX)
  }
}

function ledgerOf(
  dir: string,
  config: HostConfig,
  first: Running,
  ciphertexts: Ciphertexts,
  cursor: Cursor,
): BenchLedger {
  let running = first
  const frames = (lines: readonly Uint8Array[]) => framesOf(cursor, lines)
  return {
    get client() {
      return running.client
    },
    get wire() {
      return running.wire
    },
    get pid() {
      return running.child.pid
    },
    socketPath: socketIn(dir),
    frames,
    creditFrames: (positions) => frames(positions.map((at) => shortLine(idOf(at)))),
    computing: (work) => computing(running, work),
    commit: () => commitAll(running, cursor),
    resign: (times) => computing(running, () => running.wire.exchange(Array(times).fill(RESIGN_FRAME), 1)),
    settle: (commit) => settle(running, commit, cursor),
    status: () => statusOf(running.client),
    snapshot: () => snapshotOf(running.client),
    reboot: async (chunks) => {
      const { head, epoch } = await statusOf(running.client)
      await end(running)
      running = await run(config)
      await running.client.call('provision', ciphertexts)
      return load(running, chunks, { head, epoch, bitmap: null })
    },
    close: async () => {
      await end(running)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function computing({ child }: Running, work: () => Promise<unknown>): Promise<number> {
  const startMs = threadMs(child.pid)
  await work()
  return threadMs(child.pid) - startMs
}

async function commitAll({ child, client }: Running, cursor: Cursor): ReturnType<BenchLedger['commit']> {
  const startMs = threadMs(child.pid)
  const commit = await client.call('prepare_commit', { ...SIGNING, budgetWei: BUDGET_WEI }, LONG)
  const ms = threadMs(child.pid) - startMs
  await store(client, commit.records, cursor)
  return { ms, commit }
}

/** As if every payout had been paid. */
async function settle({ client }: Running, { sequence, payouts }: CommitResult, cursor: Cursor): Promise<void> {
  const bitmap = `0x${(2n ** BigInt(payouts.length) - 1n).toString(16).padStart(64, '0')}`
  const { records } = await client.call('confirm_payout', { sequence, bitmap }, LONG)
  await store(client, records, cursor)
}

async function store(client: EnclaveClient, records: readonly ReleasedRecord[], cursor: Cursor): Promise<void> {
  await acknowledge(client, records)
  cursor.nextRecord += records.length
}

async function acknowledge(client: EnclaveClient, records: readonly ReleasedRecord[]): Promise<void> {
  const last = records.at(-1)?.record
  if (last !== undefined) await client.call('ack', { record: last })
}

async function snapshotOf(client: EnclaveClient): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  let count = 1
  for (let chunk = 0; chunk < count; chunk++) {
    const answer = await client.call('export_snapshot', { chunk }, LONG)
    count = answer.chunks
    chunks.push(answer.chunk)
  }
  return chunks
}

/** Two calls in flight: the next chunks arrive while these are opened. */
function load(running: Running, chunks: readonly Uint8Array[], claimed: Claimed): Promise<number> {
  const frames: Uint8Array[] = []
  for (let from = 0; from < chunks.length; from += CHUNKS_PER_CALL) {
    const records = chunks.slice(from, from + CHUNKS_PER_CALL)
    const isLast = from + CHUNKS_PER_CALL >= chunks.length
    frames.push(requestFrame('load_state', isLast ? { records, claimed } : { records, more: true }))
  }
  return computing(running, () => running.wire.exchange(frames, 2))
}

async function statusOf(client: EnclaveClient): Promise<LedgerStatus> {
  const { ledger } = await client.call('status', {}, LONG)
  if (ledger === undefined) throw new TypeError('expected a ledger in the status, got none')
  return ledger
}

function idOf(at: number): string {
  return `orch-${at}`
}
