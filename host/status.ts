/** What an operator asks first: where everything stands, what is wrong, and how to put it right. Reads only. */
import { stat } from 'node:fs/promises'
import { z } from 'zod'
import type { Address } from '../enclave/protocol/ids.ts'
import type { LedgerStatus, StatusResult } from '../enclave/protocol/method-results.ts'
import type { Phase } from '../enclave/protocol/methods.ts'
import { formatEther, type Wei, wei } from '../enclave/protocol/money.ts'
import { policyHash } from '../enclave/protocol/policy.ts'
import { readKeyFile } from './boot.ts'
import type { AnchorFacts, RoundFacts } from './chain.ts'
import type { Context } from './context.ts'
import type { Flag } from './control.ts'
import { isMissing, readJsonIfThere } from './durable-file.ts'
import { GAS_OPEN, gasBound, maxFeeWei } from './fees.ts'

export type HostStatus = {
  readonly atMs: number
  readonly enclave: {
    readonly phase: Phase | 'unreachable'
    readonly haltReason: string | undefined
    readonly session: Address | undefined
    readonly authority: Address | undefined
  }
  readonly ledger: LedgerStatus | undefined
  readonly anchor: AnchorFacts | undefined
  readonly round: RoundFacts | undefined
  /** Chain and ledger hold the same head, or the chain waits for the unlanded commit. */
  readonly agrees: boolean | undefined
  readonly journal: { readonly path: string; readonly bytes: number; readonly lines: number | undefined }
  readonly published: { readonly size: number; readonly root: string }
  readonly openCalls: number
  readonly flags: readonly Flag[]
  readonly canaryAtMs: number | undefined
  readonly rpcResting: number
  readonly troubles: readonly Trouble[]
}
/** `action` is a thing to do, with addresses and amounts filled in. */
export type Trouble = { readonly code: TroubleCode; readonly detail: string; readonly action: string }
export type TroubleCode =
  | 'ENCLAVE'
  | 'CHAIN'
  | 'TREASURY'
  | 'GAS_FLOAT'
  | 'AUTHORITY'
  | 'FROZEN'
  | 'ROUND'
  | 'STOPPED'
  | 'HEAD'
  | 'CANARY'
  | 'RECIPIENTS'
  | 'POLICY'

/** A canary older than this means that no job is consumed. */
export const CANARY_AGE_MS_MAX = 60_000
/** The float should cover so many full commits. */
export const FLOAT_COMMITS_MIN = 10n
const Canary = z.object({ atMs: z.int() })

/** Gathers what answers; what doesn't is undefined and a trouble of its own. Throws only when the data folder can't be read. */
export async function readStatus(context: Context): Promise<HostStatus> {
  const { enclave, chain, control, outbox, audit, config, policy, now } = context
  const status = await enclave.call('status', {}).catch(() => undefined)
  const authority =
    status?.address ??
    (await readKeyFile(config.paths.keyFile)
      .then(({ address }) => address as Address)
      .catch(() => undefined))
  const anchor = authority === undefined ? undefined : await chain.facts(authority).catch(() => undefined)
  const round = policy.strategy === 'ticket' ? await chain.round().catch(() => undefined) : undefined
  const facts = {
    atMs: now(),
    enclave: {
      phase: status?.phase ?? ('unreachable' as const),
      haltReason: status?.haltReason,
      session: status?.session,
      authority,
    },
    ledger: status?.ledger,
    anchor,
    round,
    agrees: agreement(status, anchor),
    journal: { path: config.journal, bytes: await sizeOf(config.journal), lines: status?.ledger?.journalSize },
    published: await audit.published(),
    openCalls: (await outbox.open()).length,
    flags: await control.flags(),
    canaryAtMs: await canaryAt(config.paths.canary),
    rpcResting: chain.resting(),
  }
  return { ...facts, troubles: troublesOf(facts, context) }
}

function agreement(status: StatusResult | undefined, anchor: AnchorFacts | undefined): boolean | undefined {
  if (status?.ledger === undefined || anchor === undefined) return undefined
  const { head, sequence, epoch, unlanded } = status.ledger
  const isLanding = unlanded !== null && anchor.sequence === unlanded.sequence
  return anchor.epoch === epoch && (isLanding || (anchor.head === head && anchor.sequence >= sequence))
}

type Facts = Omit<HostStatus, 'troubles'>

function troublesOf(facts: Facts, context: Context): Trouble[] {
  return [
    ...enclaveTroubles(facts),
    ...policyTroubles(facts, context),
    ...chainTroubles(facts, context),
    ...moneyTroubles(facts, context),
    ...stageTroubles(facts),
  ]
}

function enclaveTroubles({ enclave, agrees, ledger }: Facts): Trouble[] {
  const troubles: Trouble[] = []
  if (enclave.phase === 'unreachable')
    troubles.push({
      code: 'ENCLAVE',
      detail: 'the enclave does not answer',
      action: 'Start it; the supervisor does so by itself.',
    })
  if (enclave.phase === 'halted')
    troubles.push({
      code: 'ENCLAVE',
      detail: `halted: ${enclave.haltReason ?? 'no reason'}`,
      action: 'Keep the logs; the supervisor loads it again at the head of the chain.',
    })
  if (agrees === false && enclave.phase === 'active')
    troubles.push({
      code: 'HEAD',
      detail: 'ledger and chain hold different heads',
      action: 'Wait for 4-confirm to settle or halt; never repair by hand.',
    })
  const unknown = ledger?.accountsWithoutRecipient ?? 0
  if (unknown > 0)
    troubles.push({
      code: 'RECIPIENTS',
      detail: `${unknown} accounts have credits and no recipient`,
      action: 'Register their recipients; their credits wait and are not lost.',
    })
  return troubles
}

function policyTroubles({ ledger }: Facts, { policy, config }: Context): Trouble[] {
  if (ledger === undefined || ledger.policyHash === policyHash(policy)) return []
  const detail = `the host paces itself by policy ${policyHash(policy)}, version ${ledger.policyVersion} in force is ${ledger.policyHash}`
  const action = `Put the policy in force into ${config.paths.policy}, as JSON, and start the workers and the supervisor again.`
  return [{ code: 'POLICY', detail, action }]
}

function chainTroubles({ anchor, round, enclave }: Facts, { policy, config }: Context): Trouble[] {
  if (anchor === undefined)
    return [
      {
        code: 'CHAIN',
        detail: `no answer of ${config.rpcUrls.length} endpoints about anchor ${config.anchor}`,
        action: 'Correct rpcUrls or wait for the provider.',
      },
    ]
  const troubles: Trouble[] = []
  const { authority } = enclave
  if (authority !== undefined && anchor.authority !== authority)
    troubles.push({
      code: 'AUTHORITY',
      detail: `the anchor names authority ${anchor.authority}, the enclave is ${authority}`,
      action: 'The guardian checks the attestation and calls appointAuthority, or the right keys are provisioned.',
    })
  if (anchor.frozen)
    troubles.push({
      code: 'FROZEN',
      detail: 'the guardian has frozen the anchor',
      action: 'Ask the guardian; intake goes on, payouts wait.',
    })
  if (policy.strategy === 'ticket' && round?.initialized === false)
    troubles.push({
      code: 'ROUND',
      detail: `round ${round.number} is not initialised or has no block hash`,
      action: 'Wait, or let anyone call initializeRound() on the RoundsManager.',
    })
  return troubles
}

function moneyTroubles({ anchor, ledger, enclave }: Facts, { policy, config }: Context): Trouble[] {
  if (anchor === undefined) return []
  const troubles: Trouble[] = []
  const missingWei = (ledger?.dueWei ?? 0n) - anchor.treasuryWei
  if (missingWei > 0n)
    troubles.push({
      code: 'TREASURY',
      detail: `due ${formatEther(ledger?.dueWei ?? 0n)} ETH, treasury ${formatEther(anchor.treasuryWei)} ETH`,
      action: `Send at least ${formatEther(missingWei)} ETH to the anchor ${config.anchor}.`,
    })
  const floor = floatFloorWei(anchor.baseFeeWei, config.feeBps, policy)
  if (anchor.floatWei < floor)
    troubles.push({
      code: 'GAS_FLOAT',
      detail: `${formatEther(anchor.floatWei)} ETH, ${formatEther(floor)} ETH are ${FLOAT_COMMITS_MIN} full commits`,
      action: `Send ${formatEther(floor - anchor.floatWei)} ETH to the authority ${enclave.authority ?? anchor.authority}.`,
    })
  return troubles
}

/** What ten full commits and a session cost at the fee that the host would offer now. */
export function floatFloorWei(baseFeeWei: Wei, feeBps: number, policy: Context['policy']): Wei {
  const feeWei = maxFeeWei(baseFeeWei, feeBps, policy.gasPriceWeiMax)
  const gas = BigInt(gasBound(policy.payoutsPerCommitMax, policy.strategy, policy.gasMax))
  return wei((gas * FLOAT_COMMITS_MIN + BigInt(GAS_OPEN)) * feeWei)
}

function stageTroubles({ flags, canaryAtMs, atMs }: Facts): Trouble[] {
  const troubles: Trouble[] = flags.map(({ stage, code, reason }) => ({
    code: 'STOPPED' as const,
    detail: `${stage} stands still (${code}): ${reason}`,
    action: `Put the cause right, then: anchorhold resume ${stage}`,
  }))
  if (canaryAtMs !== undefined && atMs - canaryAtMs > CANARY_AGE_MS_MAX) {
    troubles.push({
      code: 'CANARY',
      detail: `no job was consumed for ${atMs - canaryAtMs} ms`,
      action: 'Look at Redis and restart the workers; nothing is lost.',
    })
  }
  return troubles
}

async function canaryAt(path: string): Promise<number | undefined> {
  return (await readJsonIfThere(path, Canary, 'CONFIG_INVALID'))?.atMs
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}
