/**
 * Takes an enclave from cold to active: keys, then genesis or the stored records, then a session on chain. Each step is
 * decided from the enclave's phase, so a host that crashed half way goes on where the enclave stands.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'
import { type Address, toHex } from '../enclave/protocol/ids.ts'
import type { OpenSessionResult, StatusResult } from '../enclave/protocol/method-results.ts'
import { GENESIS_ITEMS_PER_CALL_MAX, RECORDS_PER_CALL_MAX } from '../enclave/protocol/methods.ts'
import { type Wei, wei } from '../enclave/protocol/money.ts'
import { keepAttestation } from './attestations.ts'
import { openAuditLog } from './audit-log.ts'
import { readBoot, readBoots, writeBoot } from './boot-records.ts'
import type { AnchorFacts } from './chain.ts'
import type { Context } from './context.ts'
import { readJsonIfThere } from './durable-file.ts'
import { bumpedWei, feesOf, GAS_OPEN, gasLimit, maxFeeWei } from './fees.ts'
import { readGenesisFile } from './genesis-file.ts'
import { configureEnclave, lentForRelease } from './key-release.ts'
import { type Candidate, planLoad, readSealed } from './load-plan.ts'
import type { Claim } from './prefix.ts'
import { nextRebuildStep, planRebuilt, rebuildIsDone, rebuildLedger } from './rebuild.ts'
import { type Approval, approvalFor, takeNextKeys } from './rotation.ts'
import { type Snapshot, snapshotsFor } from './snapshots.ts'

/** How long a session may take to land. */
export const SESSION_MS_MAX = 600_000
export const SESSION_POLL_MS = 250
/** Half of a frame: the records of one load call. */
const LOAD_BYTES_MAX = 4_194_304
const STEPS_MAX = 8

const KeyFile = z.strictObject({
  address: z.string(),
  ciphertext_b64: z.string(),
  state_ciphertext_b64: z.string(),
  /** What the log key of that state key signs as, where the two keys were drawn together. */
  log_key: z.string().optional(),
})
export type KeyFile = z.infer<typeof KeyFile>

type BootContext = Pick<
  Context,
  'config' | 'policy' | 'enclave' | 'chain' | 'outbox' | 'records' | 'audit' | 'log' | 'now'
>

/** Refuses KEYS_MISSING, PREFIX_NONE, SESSION_NOT_LANDED, ENCLAVE_GONE, and what the enclave refuses. */
export async function bootEnclave(context: BootContext): Promise<StatusResult> {
  for (let step = 0; step < STEPS_MAX; step++) {
    const status = await context.enclave.call('status', {})
    context.log.info({ phase: status.phase }, 'enclave')
    switch (status.phase) {
      case 'cold':
        if ((await takeNextKeys(context)) && status.configured) startOver()
        await configureEnclave(context.enclave, context.config.enclaveConfig, status)
        await provision(context)
        break
      case 'provisioned':
        await begin(context, status)
        break
      case 'recovering':
        await openSession(context, status)
        break
      case 'active':
        await context.records.heal(requireSession(status))
        await rebuildIsDone(context.config.paths)
        return status
      case 'halted':
        throw new CodedError(
          'PHASE_FORBIDS',
          `expected a fresh enclave, got one halted for: ${status.haltReason ?? 'no reason'}`,
        )
    }
  }
  throw new CodedError('PHASE_FORBIDS', `expected the enclave to be active after ${STEPS_MAX} steps`)
}

/** A boot locks one configuration, and this one has locked that of the keys before. */
function startOver(): never {
  throw new CodedError('CONFIG_LOCKED', 'expected an enclave without a configuration for the next keys; start it again')
}

/** What `generate` made, as the data folder keeps it. Refuses KEYS_MISSING. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const keys = await readJsonIfThere(path, KeyFile, 'CONFIG_INVALID')
  if (keys === undefined) throw new CodedError('KEYS_MISSING', `expected key ciphertexts in ${path}`)
  return keys
}

async function provision({ enclave, config }: BootContext): Promise<void> {
  const { address, ciphertext_b64, state_ciphertext_b64 } = await readKeyFile(config.paths.keyFile)
  const lent = await lentForRelease(config)
  await enclave.call('provision', { ciphertext_b64, state_ciphertext_b64, expected_address: address, ...lent })
}

async function begin(context: BootContext, status: StatusResult): Promise<void> {
  const facts = await context.chain.facts(requireAddress(status))
  const claim: Claim = {
    head: facts.head,
    epoch: facts.epoch,
    bitmap: await context.chain.bitmapOf(facts.sequence, facts.head),
  }
  await refuseOldChain(context, claim)
  const session = requireSession(status)
  const approval = await approvalFor(context.config.paths, facts)
  const step = await nextRebuildStep(context.config.paths)
  if (step.kind === 'rebuild') return rebuildLedger(context, session, { claim, sequence: facts.sequence, approval })
  const candidates =
    step.kind === 'again'
      ? await planRebuilt(context, step.session, claim)
      : await planLoad(context.config.paths, context.chain, claim)
  if (candidates.length === 0) await genesis(context, session, facts.epoch)
  else await loadFirst(context, session, candidates, approval)
}

/** A chain that lacks what was final is another one, or a reset one: beginning anew on it would mix two histories. */
async function refuseOldChain({ config }: BootContext, claim: Claim): Promise<void> {
  const epochs = (await readBoots(config.paths)).map(({ epoch }) => epoch ?? 0)
  const newest = Math.max(0, ...epochs)
  // The newest boot may have signed for the next epoch and never landed; none can be two ahead.
  if (newest <= claim.epoch + 1 && (claim.epoch > 0 || (await openAuditLog(config.paths).published()).size === 0))
    return
  throw new CodedError('CHAIN_BEHIND', `expected a chain at epoch ${newest} or later, got epoch ${claim.epoch}`)
}

async function genesis(context: BootContext, session: Address, epoch: number): Promise<void> {
  const { enclave, config, records, now } = context
  const { policy, roster, openings, journalSize, journalHead } = readGenesisFile(config.genesis)
  // Before anything is released: a record without the note of its boot could not be stored.
  await writeBoot(config.paths, { session, parent: null, epoch: null, atMs: now() })
  const parts = [
    ...slices(roster).map((part) => ({ roster: part })),
    ...slices(openings).map((part) => ({ openings: part })),
  ]
  for (const part of parts) await enclave.call('genesis', { ...part, more: true })
  await enclave.call('genesis', { policy, journalSize, journalHead, epoch })
  await records.heal(session)
}

function slices<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / GENESIS_ITEMS_PER_CALL_MAX)
  return Array.from({ length: count }, (_, at) =>
    items.slice(at * GENESIS_ITEMS_PER_CALL_MAX, (at + 1) * GENESIS_ITEMS_PER_CALL_MAX),
  )
}

async function loadFirst(
  context: BootContext,
  session: Address,
  candidates: readonly Candidate[],
  approval: Approval | undefined,
): Promise<void> {
  let last: unknown
  for (const candidate of candidates) {
    const snapshots = await snapshotsFor(context.config.paths, candidate.segments)
    for (const snapshot of [...snapshots, undefined]) {
      try {
        return await loadApproved(context, session, { candidate, snapshot, approval })
      } catch (error) {
        if (!isRefusal(error, snapshot)) throw error
        const from = snapshot === undefined ? 'genesis' : `the snapshot of record ${snapshot.record}`
        context.log.warn({ code: error.code, message: error.message, from }, 'prefix refused')
        last = error
      }
    }
  }
  throw new CodedError('PREFIX_NONE', 'expected a stored prefix that the enclave accepts, it refused each', {
    cause: last,
  })
}

/** Refusals that another beginning may cure. A snapshot may be damaged, cut, or of a format that this image left behind. */
function isRefusal(error: unknown, snapshot: Snapshot | undefined): error is CodedError {
  const codes = snapshot === undefined ? PREFIX_REFUSALS : SNAPSHOT_REFUSALS
  return isCoded(error) && codes.has(error.code)
}

// STATE_MISMATCH: a rebuilt ledger's records do not begin at the first entry; only a snapshot leads into them.
const PREFIX_REFUSALS: ReadonlySet<string> = new Set(['CLAIM_MISMATCH', 'SEAL_BROKEN', 'STATE_MISMATCH'])
const SNAPSHOT_REFUSALS: ReadonlySet<string> = new Set([
  ...PREFIX_REFUSALS,
  'CBOR_NOT_CANONICAL',
  'CBOR_SYNTAX',
  'SEAL_ORDER',
  'VERSION_NEWER',
])

type Loading = {
  readonly candidate: Candidate
  readonly snapshot: Snapshot | undefined
  readonly approval: Approval | undefined
}

/** With the approval only where the enclave asks for one: an old one that is not needed must not stand in the way. */
async function loadApproved(context: BootContext, session: Address, loading: Loading): Promise<void> {
  try {
    await load(context, session, { ...loading, approval: undefined })
  } catch (error) {
    if (loading.approval === undefined || !isCoded(error, 'ROTATION_INVALID')) throw error
    await load(context, session, loading)
  }
}

async function load(context: BootContext, session: Address, { candidate, snapshot, approval }: Loading): Promise<void> {
  const { enclave, config, records, now } = context
  const leaf = candidate.segments.at(-1)
  const parent = leaf === undefined ? null : { session: leaf.session, end: leaf.to }
  await writeBoot(config.paths, { session, parent, epoch: null, atMs: now() })
  let batch: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const sealed of readSealed(config.paths, candidate, snapshot)) {
    if (batch.length >= RECORDS_PER_CALL_MAX || size + sealed.length > LOAD_BYTES_MAX) {
      await enclave.call('load_state', { records: batch, more: true })
      batch = []
      size = 0
    }
    batch.push(sealed)
    size += sealed.length
  }
  const result = await enclave.call('load_state', {
    records: batch,
    claimed: candidate.claim,
    ...(approval && { approval }),
  })
  if (!result.more) await records.store(session, result.released)
}

async function openSession(context: BootContext, status: StatusResult): Promise<void> {
  const { chain, enclave, log, config, now } = context
  const [session, address] = [requireSession(status), requireAddress(status)]
  await context.records.heal(session)
  const untilMs = now() + SESSION_MS_MAX
  let facts = await chain.facts(address)
  let signed = await signOpen(
    context,
    facts,
    session,
    maxFeeWei(facts.baseFeeWei, config.feeBps, context.policy.gasPriceWeiMax),
  )
  let [sentAtMs, signedAtMs] = [0, now()]
  while (now() < untilMs) {
    facts = await chain.facts(address)
    if (facts.session === session) break
    if (facts.epoch >= signed.result.epoch)
      throw new CodedError('SESSION_CLAIM', `expected epoch ${signed.result.epoch} for our session, another took it`)
    if (now() >= signedAtMs + config.bumpMs || facts.accountNonce > signed.accountNonce) {
      signed = await signOpen(context, facts, session, bumpedWei(signed.feeWei))
      ;[sentAtMs, signedAtMs] = [0, now()]
    }
    if (now() >= sentAtMs + config.resendMs) {
      log.info(
        { epoch: signed.result.epoch, verdict: await chain.send(toHex(signed.result.rawTransaction)) },
        'session sent',
      )
      sentAtMs = now()
    }
    await sleep(SESSION_POLL_MS)
  }
  if (facts.session !== session)
    throw new CodedError('SESSION_NOT_LANDED', `expected session ${session} on chain within ${SESSION_MS_MAX} ms`)
  await enclave.call('session_landed', { epoch: signed.result.epoch })
}

type SignedOpen = { readonly result: OpenSessionResult; readonly accountNonce: number; readonly feeWei: Wei }

/** 1 records, 2 boot note, 3 attestation, 4 outbox, and only then may the caller send. */
async function signOpen(
  context: BootContext,
  facts: AnchorFacts,
  session: Address,
  wantedWei: Wei,
): Promise<SignedOpen> {
  const { enclave, policy, chain, records, outbox, config, now } = context
  const feeWei = maxFeeWei(facts.baseFeeWei, config.feeBps, policy.gasPriceWeiMax, wantedWei)
  const { accountNonce } = facts
  const sign = (gas: number) => enclave.call('open_session', { accountNonce, fees: feesOf(gas, feeWei) })
  let gas = Math.min(GAS_OPEN, policy.gasMax)
  let result = await sign(gas)
  await records.store(session, result.records)
  const simulation = await chain.simulate(facts.authority, toHex(result.call))
  if (simulation.kind === 'passes' && gasLimit(simulation.gas, policy.gasMax) > gas) {
    gas = gasLimit(simulation.gas, policy.gasMax)
    result = await sign(gas)
  }
  const boot = await readBoot(config.paths, session)
  if (boot !== undefined && boot.epoch === null) await writeBoot(config.paths, { ...boot, epoch: result.epoch })
  await keepAttestation(config.paths, result)
  await outbox.append(
    { epoch: result.epoch, sequence: null },
    {
      kind: 'attempt',
      hash: result.hash,
      raw: toHex(result.rawTransaction),
      call: toHex(result.call),
      accountNonce,
      gas,
      maxFeeWei: feeWei,
      atMs: now(),
      header: result.head,
      logSize: null,
      payouts: [],
    },
  )
  await outbox.append({ epoch: result.epoch, sequence: null }, { kind: 'ready', hash: result.hash, atMs: now() })
  return { result, accountNonce, feeWei: wei(feeWei) }
}

function requireSession(status: StatusResult): Address {
  if (status.session !== undefined) return status.session
  throw new CodedError('ENCLAVE_ANSWER', `expected a session address in phase ${status.phase}, got none`)
}

function requireAddress(status: StatusResult): Address {
  if (status.address !== undefined) return status.address
  throw new CodedError('ENCLAVE_ANSWER', `expected an authority address in phase ${status.phase}, got none`)
}
