/** One enclave process that an attacker drives by hand: he loads what he likes, and tells it what he likes. */
import { join } from 'node:path'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { type Address, type Hash, toHex } from '../../../enclave/protocol/ids.ts'
import type { CommitResult, LedgerStatus, ReleasedRecord } from '../../../enclave/protocol/method-results.ts'
import { RECORDS_PER_CALL_MAX } from '../../../enclave/protocol/methods.ts'
import type { Claim } from '../../../host/prefix.ts'
import { pythonJson } from '../../journal/python-form.ts'
import { type LoneEnclave, startLoneEnclave } from '../enclave-process.ts'
import type { Arena, Outcome, StoredRecord } from './arena.ts'

export type Clone = {
  readonly arena: Arena
  readonly enclave: LoneEnclave
  readonly session: Address
  /** What it was loaded from, and what it has released since. */
  readonly records: StoredRecord[]
}

const GAS = 15_000_000
const LOAD_BYTES_MAX = 4_194_304
const SKIPS_MAX = 16
/** Of one signature, twice the floor of Arbitrum. */
const MAX_FEE_WEI = '20000000'

/** Starts an enclave and hands it its keys. Nothing is loaded yet. */
export async function startClone(arena: Arena, name: string): Promise<Clone> {
  const { chainId, anchor } = arena.deployment
  const enclave = await startLoneEnclave(arena.root, name, {
    chainId,
    anchor,
    logFile: join(arena.root, 'enclaves.log'),
  })
  const { ciphertext_b64, state_ciphertext_b64 } = arena.keys
  await enclave.client.call('provision', { ciphertext_b64, state_ciphertext_b64 })
  const { session } = await enclave.client.call('status', {})
  if (session === undefined) throw new CodedError('ENCLAVE_ANSWER', 'expected a session address, got none')
  return { arena, enclave, session, records: [] }
}

/** Loads records under a claim. Refuses what the enclave refuses. */
export async function load(clone: Clone, records: readonly StoredRecord[], claim: Claim): Promise<void> {
  const { client } = clone.enclave
  for (const part of partsOf(records)) await client.call('load_state', { records: part, more: true })
  const result = await client.call('load_state', { records: [], claimed: claim })
  clone.records.push(...records)
  if (!result.more) await keep(clone, result.released)
}

/** Signs a session opening and broadcasts it. Whether the enclave hears of the outcome is up to `tellLanded`. */
export async function openSession(clone: Clone): Promise<Outcome & { readonly epoch: number }> {
  const { accountNonce } = await clone.arena.facts()
  const opened = await clone.enclave.client.call('open_session', { accountNonce, fees: FEES })
  await keep(clone, opened.records)
  return { ...(await clone.arena.send(toHex(opened.rawTransaction), toHex(opened.call))), epoch: opened.epoch }
}

export async function tellLanded(clone: Clone, epoch: number): Promise<void> {
  await clone.enclave.client.call('session_landed', { epoch })
}

/** An enclave that is loaded, has its session on chain and knows it. */
export async function activate(clone: Clone): Promise<void> {
  const { landed, epoch, error } = await openSession(clone)
  if (!landed)
    throw new CodedError(
      'SESSION_NOT_LANDED',
      `expected the session of an honest load to land, got ${error ?? 'a revert'}`,
    )
  await tellLanded(clone, epoch)
}

/** Credits two ether to each id, so that there is something to pay. */
export async function feed(clone: Clone, ids: readonly string[]): Promise<void> {
  const { journalSize, journalHead } = await ledgerOf(clone)
  const lines = ids.map((id) => Buffer.from(`${lineFor(id)}\n`))
  const answer = await clone.enclave.client.call('apply_events', { firstIndex: journalSize, head: journalHead, lines })
  if (answer.kind !== 'ack') throw new CodedError('ENCLAVE_ANSWER', `expected ack, got ${answer.kind}`)
  await keep(clone, answer.records)
}

/** A signed commit over whatever is due. Nothing is broadcast. */
export async function prepare(clone: Clone): Promise<CommitResult> {
  const { treasuryWei, accountNonce } = await clone.arena.facts()
  const round = await clone.arena.round()
  const commit = await clone.enclave.client.call('prepare_commit', {
    budgetWei: treasuryWei.toString(),
    round: { number: round.number, hash: round.hash },
    fees: FEES,
    accountNonce,
  })
  await keep(clone, commit.records)
  return withoutFailing(clone, commit)
}

export async function broadcast(clone: Clone, commit: CommitResult): Promise<Outcome> {
  return clone.arena.send(toHex(commit.rawTransaction), toHex(commit.call))
}

/** The result of a commit, true or not. */
export async function tellResult(clone: Clone, sequence: number, bitmap: Hash): Promise<void> {
  const { records } = await clone.enclave.client.call('confirm_payout', { sequence, bitmap })
  await keep(clone, records)
}

export async function ledgerOf(clone: Clone): Promise<LedgerStatus> {
  const { ledger } = await clone.enclave.client.call('status', {})
  if (ledger === undefined) throw new CodedError('ENCLAVE_ANSWER', 'expected a ledger in the status, got none')
  return ledger
}

const FEES = { gas: GAS, maxFeePerGasWei: MAX_FEE_WEI, maxPriorityFeePerGasWei: '0' }

function* partsOf(records: readonly StoredRecord[]): Generator<Uint8Array<ArrayBuffer>[]> {
  let part: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for (const { sealed } of records) {
    if (part.length >= RECORDS_PER_CALL_MAX || bytes + sealed.length > LOAD_BYTES_MAX) {
      yield part
      ;[part, bytes] = [[], 0]
    }
    part.push(Uint8Array.from(sealed))
    bytes += sealed.length
  }
  yield part
}

async function keep(clone: Clone, released: readonly ReleasedRecord[]): Promise<void> {
  clone.records.push(...released.map(({ sealed, entries }) => ({ sealed, entries })))
  const last = released.at(-1)?.record
  if (last !== undefined) await clone.enclave.client.call('ack', { record: last })
}

/** Names payouts that would fail, as the prepare stage does, until the call passes or fails for another reason. */
async function withoutFailing(clone: Clone, first: CommitResult): Promise<CommitResult> {
  let commit = first
  const skip: number[] = []
  for (let attempt = 0; attempt < SKIPS_MAX; attempt++) {
    const simulation = await clone.arena.chain.simulate(clone.arena.authority, toHex(commit.call))
    if (simulation.kind === 'passes' || simulation.error !== 'AnchorTicketFailed' || simulation.payout === undefined)
      return commit
    skip.push(simulation.payout)
    const { accountNonce } = await clone.arena.facts()
    const round = await clone.arena.round()
    commit = await clone.enclave.client.call('resign_commit', {
      skip: [...skip],
      round: { number: round.number, hash: round.hash },
      fees: FEES,
      accountNonce,
    })
    await keep(clone, commit.records)
  }
  return commit
}

function lineFor(id: string): string {
  const amount = '2'
  return pythonJson([
    ['timestamp', '2026-11-20T12:00:00+00:00'],
    ['event', 'credit'],
    ['orchestrator_id', id],
    ['amount', amount],
    ['balance', amount],
    ['delta', amount],
    ['reason', 'workload'],
    ['metadata', []],
  ])
}
