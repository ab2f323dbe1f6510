/** A real enclave process with a ledger of so many accounts, measured over its socket. No chain: sessions are told to have landed. */
import { hash as hashOnce } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, type Hash, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { CommitResult, LedgerStatus, ReleasedRecord } from '../../enclave/protocol/method-results.ts'
import { GENESIS_ITEMS_PER_CALL_MAX, LINE_BYTES_MAX, LINES_BYTES_MAX } from '../../enclave/protocol/methods.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import { hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { pythonJson } from '../journal/python-form.ts'
import { NOBODY_GOVERNS } from '../start/policy.ts'

export type BenchLedger = {
  readonly client: EnclaveClient
  readonly socketPath: string
  /** Credits one gwei to each of these accounts, by journal lines. */
  credit(accounts: readonly number[]): Promise<void>
  /** Offers lines as they are; answers how many were applied. */
  offer(lines: readonly Uint8Array[]): Promise<number>
  /** A signed commit over everything due, and its time over the socket. */
  commit(): Promise<{ readonly ms: number; readonly commit: CommitResult }>
  settle(commit: CommitResult): Promise<void>
  status(): Promise<LedgerStatus>
  close(): Promise<void>
}

export const PAYOUTS_PER_COMMIT = 50
/** Below the limits of one call, whatever the lines are. */
export const LINES_PER_CALL = 800
const CALL_MS_MAX = 300_000
const CHAIN_ID = 42_161
const FEES = { gas: 1_000_000, maxFeePerGasWei: '1000000000', maxPriorityFeePerGasWei: '0' }
const ROUND = { number: 7, hash: `0x${'11'.repeat(32)}` }
const BUDGET_WEI = 10n ** 24n

export async function openBenchLedger(accounts: number): Promise<BenchLedger> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'))
  const roster = Array.from({ length: accounts }, (_, at) => ({ id: idOf(at), recipient: addressOf(0x10_000 + at) }))
  const genesis = { policy: parsePolicy(policyOf()), roster, openings: [], journalSize: 0, journalHead: ZERO_HASH }
  const { chainId, anchor, broker } = genesis.policy
  const configuration = {
    chainId,
    anchor,
    broker,
    guardian: addressOf(0xd1),
    role: 'core',
    genesisHash: genesisHash(genesis),
  }
  writeFileSync(join(dir, 'enclave.json'), JSON.stringify(configuration))
  const socketPath = join(dir, 'e.sock')
  const config = hostConfigOf(dir, {
    chainId,
    anchor,
    rpcUrls: ['http://127.0.0.1'],
    enclaveEndpoint: `unix://${socketPath}`,
  })
  const child = await startEnclave(config, openLog({ level: 'silent', name: 'bench' }))
  const client = openEnclaveClient(config.enclaveEndpoint)
  const close = async () => {
    client.close()
    await child.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await begin(client, roster)
  } catch (error) {
    await close()
    throw error
  }
  return ledgerOf(client, socketPath, close)
}

function ledgerOf(client: EnclaveClient, socketPath: string, close: () => Promise<void>): BenchLedger {
  const offer = (lines: readonly Uint8Array[]) => offerLines(client, lines)
  return {
    client,
    socketPath,
    close,
    offer,
    credit: async (accounts) => void (await offer(accounts.map((at) => lineOf(idOf(at))))),
    commit: async () => {
      const startMs = performance.now()
      const commit = await client.call('prepare_commit', {
        budgetWei: BUDGET_WEI.toString(),
        round: ROUND,
        fees: FEES,
        accountNonce: 0,
      })
      const ms = performance.now() - startMs
      await acknowledge(client, commit.records)
      return { ms, commit }
    },
    settle: async ({ sequence, payouts }) => {
      const bitmap = `0x${(2n ** BigInt(payouts.length) - 1n).toString(16).padStart(64, '0')}`
      await acknowledge(client, (await client.call('confirm_payout', { sequence, bitmap })).records)
    },
    status: () => statusOf(client),
  }
}

async function begin(client: EnclaveClient, roster: readonly { id: string; recipient: Address }[]): Promise<void> {
  const long = { timeoutMs: CALL_MS_MAX }
  const { ciphertext_b64, state_ciphertext_b64 } = await client.call('generate', {})
  await client.call('provision', { ciphertext_b64, state_ciphertext_b64 })
  for (let from = 0; from < roster.length; from += GENESIS_ITEMS_PER_CALL_MAX) {
    await client.call('genesis', { roster: roster.slice(from, from + GENESIS_ITEMS_PER_CALL_MAX), more: true }, long)
  }
  await client.call('genesis', { policy: policyOf(), epoch: 0 }, long)
  const { firstUnacknowledged, nextRecord } = await client.call('status', {})
  for (let from = firstUnacknowledged; from < nextRecord; ) {
    const { records } = await client.call('outputs', { fromRecord: from }, long)
    await acknowledge(client, records)
    from = (records.at(-1)?.record ?? nextRecord) + 1
  }
  const opened = await client.call('open_session', { accountNonce: 0, fees: FEES }, long)
  await acknowledge(client, opened.records)
  await client.call('session_landed', { epoch: opened.epoch })
}

async function offerLines(client: EnclaveClient, lines: readonly Uint8Array[]): Promise<number> {
  let { journalSize, journalHead } = await statusOf(client)
  let applied = 0
  for (const part of callsOf(lines)) {
    const answer = await client.call('apply_events', { firstIndex: journalSize, head: journalHead, lines: part })
    if (answer.kind !== 'ack') throw new TypeError(`expected ack, got ${answer.kind}`)
    await acknowledge(client, answer.records)
    journalSize = answer.journalSize
    journalHead = answer.journalHead
    applied += answer.applied
  }
  return applied
}

type Offered = Uint8Array<ArrayBuffer> | { readonly hash: Hash; readonly bytes: number }

/** Cut as the ingest stage cuts them: by count and by bytes, a line that is too long as its hash. */
function* callsOf(lines: readonly Uint8Array[]): Generator<Offered[]> {
  let part: Offered[] = []
  let size = 0
  for (const line of lines) {
    const isLong = line.length > LINE_BYTES_MAX
    const bytes = isLong ? 0 : line.length
    if (part.length >= LINES_PER_CALL || size + bytes > LINES_BYTES_MAX) {
      yield part
      part = []
      size = 0
    }
    part.push(isLong ? { hash: toHash(hashOnce('sha256', line, 'buffer')), bytes: line.length } : new Uint8Array(line))
    size += bytes
  }
  if (part.length > 0) yield part
}

async function acknowledge(client: EnclaveClient, records: readonly ReleasedRecord[]): Promise<void> {
  const last = records.at(-1)?.record
  if (last !== undefined) await client.call('ack', { record: last })
}

async function statusOf(client: EnclaveClient): Promise<LedgerStatus> {
  const { ledger } = await client.call('status', {})
  if (ledger === undefined) throw new TypeError('expected a ledger in the status, got none')
  return ledger
}

function lineOf(id: string): Uint8Array {
  const amount = '1E-9'
  const fields = [
    ['timestamp', '2026-11-20T12:00:00+00:00'],
    ['event', 'credit'],
    ['orchestrator_id', id],
    ['amount', amount],
    ['balance', amount],
    ['reason', 'workload'],
  ] as const
  return Buffer.from(`${pythonJson(fields)}\n`)
}

function policyOf() {
  return {
    chainId: CHAIN_ID,
    anchor: addressOf(0xa1),
    broker: addressOf(0xb1),
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: addressOf(0xc1),
    thresholdWei: '1',
    payoutWeiMin: '1',
    payoutWeiMax: (10n ** 18n).toString(),
    commitWeiMax: (10n ** 24n).toString(),
    payoutsPerCommitMax: PAYOUTS_PER_COMMIT,
    cadenceSeconds: 0,
    gasPriceWeiMax: (10n ** 12n).toString(),
    gasMax: 16_000_000,
    signaturesPerSequenceMax: 100,
    backoffSequencesMax: 64,
    accountsMax: 2 ** 17 - 1,
    ...NOBODY_GOVERNS,
  }
}

function idOf(at: number): string {
  return `orch-${at}`
}

function addressOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}
