/** One enclave process, driven by hand over its socket: what an honest host does, and what a lying one tries. */
import { join } from 'node:path'
import type { Address } from '../../enclave/protocol/ids.ts'
import { type Hash, toHex } from '../../enclave/protocol/ids.ts'
import type {
  CommitResult,
  ConfirmResult,
  LedgerStatus,
  ReleasedRecord,
} from '../../enclave/protocol/method-results.ts'
import type { KeyFile } from '../../host/boot.ts'
import { hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import type { Claim } from '../../host/prefix.ts'
import { appoint, type Outcome, type Stage } from './stage.ts'

/** A stored record: sealed for the enclave, and the public entries in it. */
export type StoredRecord = Pick<ReleasedRecord, 'sealed' | 'entries'>

export type Boot = {
  readonly stage: Stage
  readonly client: EnclaveClient
  readonly session: Address
  /** What it was loaded from and what it released since. */
  readonly records: StoredRecord[]
  stop(): Promise<void>
}

/** Fifty times what a ticket costs with the real contracts, and below the 16,777,216 of EIP-7825. */
const GAS = 16_000_000
const GAS_OPEN = 2_000_000

/** Starts a process and hands it its keys; the first one draws them. Nothing is loaded yet. */
export async function startBoot(stage: Stage): Promise<Boot> {
  stage.boots++
  const config = hostConfigOf(stage.dir, {
    chainId: stage.fork.chainId,
    anchor: stage.anchor,
    rpcUrls: [stage.fork.url],
    enclaveEndpoint: `unix://${join(stage.dir, `e${stage.boots}.sock`)}`,
  })
  const child = await startEnclave(config, openLog({ level: 'silent', name: 'enclave' }))
  const client = openEnclaveClient(config.enclaveEndpoint)
  const stop = async () => {
    client.close()
    await child.stop()
  }
  try {
    const session = await provision(stage, client)
    return { stage, client, session, records: [], stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function provision(stage: Stage, client: EnclaveClient): Promise<Address> {
  stage.keys ??= await drawKeys(client)
  const { ciphertext_b64, state_ciphertext_b64 } = stage.keys
  await client.call('provision', { ciphertext_b64, state_ciphertext_b64 })
  const { session } = await client.call('status', {})
  if (session === undefined) throw new Error('expected a session address, got none')
  return session
}

async function drawKeys(client: EnclaveClient): Promise<KeyFile> {
  const { address, ciphertext_b64, state_ciphertext_b64 } = await client.call('generate', {})
  return { address, ciphertext_b64, state_ciphertext_b64 }
}

/** The ledger's first boot: genesis, then the guardian and the treasury owner do their parts. */
export async function begin(boot: Boot): Promise<void> {
  const { stage, client } = boot
  const text = JSON.parse(
    JSON.stringify(stage.genesis, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
  )
  await client.call('genesis', { ...text, epoch: 0 })
  const { firstUnacknowledged } = await client.call('status', {})
  await keep(boot, (await client.call('outputs', { fromRecord: firstUnacknowledged })).records)
  await appoint(stage, stage.authority())
}

/** Loads records under a claim. Refuses what the enclave refuses. */
export async function load(boot: Boot, records: readonly StoredRecord[], claimed: Claim): Promise<void> {
  const result = await boot.client.call('load_state', {
    records: records.map(({ sealed }) => new Uint8Array(sealed)),
    claimed,
  })
  boot.records.push(...records)
  if (!result.more) await keep(boot, result.released)
}

/** Signs an opening and sends it. What the enclave hears of it is up to the caller. */
export async function openSession(boot: Boot): Promise<Outcome & { readonly epoch: number }> {
  const opened = await boot.client.call('open_session', await feesAndNonce(boot.stage, GAS_OPEN))
  await keep(boot, opened.records)
  return { ...(await boot.stage.send(opened.rawTransaction, toHex(opened.call))), epoch: opened.epoch }
}

export async function tellLanded(boot: Boot, epoch: number): Promise<void> {
  await boot.client.call('session_landed', { epoch })
}

/** A session on chain, and the enclave knows it. */
export async function activate(boot: Boot): Promise<void> {
  const { landed, epoch, error } = await openSession(boot)
  if (!landed) throw new Error(`expected an honest session to land, got ${error ?? 'a revert'}`)
  await tellLanded(boot, epoch)
}

/** Journal lines in the original form, one for each id. */
export async function credit(boot: Boot, ids: readonly string[], amount: string): Promise<void> {
  const { journalSize, journalHead } = await ledgerOf(boot)
  const lines = ids.map((id) => Buffer.from(`${JSON.stringify(lineOf(id, amount))}\n`))
  const answer = await boot.client.call('apply_events', { firstIndex: journalSize, head: journalHead, lines })
  if (answer.kind !== 'ack' || answer.refused.length > 0)
    throw new Error(`expected every line to be applied, got ${answer.kind}`)
  await keep(boot, answer.records)
}

/** A signed commit over everything that is due. Nothing is sent. */
export async function prepare(boot: Boot): Promise<CommitResult> {
  const { stage } = boot
  const { number, hash } = await stage.round()
  const commit = await boot.client.call('prepare_commit', {
    budgetWei: (await stage.treasuryWei()).toString(),
    round: { number, hash },
    ...(await feesAndNonce(stage, GAS)),
  })
  await keep(boot, commit.records)
  return commit
}

export function broadcast({ stage }: Boot, commit: CommitResult): Promise<Outcome> {
  return stage.send(commit.rawTransaction, toHex(commit.call))
}

/** The result of a commit, true or not. */
export async function tellResult(boot: Boot, sequence: number, bitmap: Hash): Promise<ConfirmResult> {
  const result = await boot.client.call('confirm_payout', { sequence, bitmap })
  await keep(boot, result.records)
  return result
}

export async function ledgerOf({ client }: Boot): Promise<LedgerStatus> {
  const { ledger } = await client.call('status', {})
  if (ledger === undefined) throw new Error('expected a ledger in the status, got none')
  return ledger
}

async function feesAndNonce(stage: Stage, gas: number) {
  const { baseFeeWei, accountNonce } = await stage.facts()
  return {
    accountNonce,
    fees: { gas, maxFeePerGasWei: (baseFeeWei * 4n + 10n ** 9n).toString(), maxPriorityFeePerGasWei: '0' },
  }
}

async function keep(boot: Boot, released: readonly ReleasedRecord[]): Promise<void> {
  boot.records.push(...released)
  const last = released.at(-1)?.record
  if (last !== undefined) await boot.client.call('ack', { record: last })
}

function lineOf(id: string, amount: string) {
  return {
    timestamp: '2026-11-20T12:00:00+00:00',
    event: 'credit',
    orchestrator_id: id,
    amount,
    balance: amount,
    delta: amount,
    reason: 'workload',
    metadata: {},
  }
}
