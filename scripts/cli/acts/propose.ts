/** The fields of an act, with its counters as the ledger has them now. Signing comes later and elsewhere. */
import { configHash, parseConfiguration } from '../../../enclave/protocol/configuration.ts'
import { CodedError, isCoded, refuse } from '../../../enclave/protocol/errors.ts'
import { keccak256 } from '../../../enclave/protocol/hash.ts'
import { type Address, type Hash, toAddress, toHash } from '../../../enclave/protocol/ids.ts'
import type { LedgerStatus, StatusResult } from '../../../enclave/protocol/method-results.ts'
import { formatEther, parseEther, sameEther } from '../../../enclave/protocol/money.ts'
import { parseVerifierKey } from '../../../enclave/protocol/note.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import type { Context } from '../../../host/context.ts'
import { readOwnKeys } from '../../../host/rotation.ts'
import type { Typed } from '../command.ts'
import { readForeignJson } from '../foreign-json.ts'
import { ACT_BYTES_MAX, type ActFile } from './file.ts'
import type { KindName } from './kinds.ts'

/** A week to collect signatures. */
export const VALID_SECONDS = 7 * 86_400
const MS_PER_SECOND = 1_000

type Fields = ActFile['fields']

/** Refuses ACT_INVALID for words that are missing, and what the enclave refuses. */
export async function proposedFields(context: Context, kind: KindName, words: Typed): Promise<Fields> {
  const validSeconds = Number(words['validSeconds'] ?? VALID_SECONDS)
  const nowSeconds = Math.floor(context.now() / MS_PER_SECOND)
  if (kind === 'rotate-approval') {
    // The ledger may be without an enclave that has it: then this is what the next one waits for.
    const status = await context.enclave.call('status', {}).catch(() => undefined)
    const notAfter = Math.max(status?.ledger?.at ?? 0, nowSeconds) + validSeconds
    return { ...(await rotationFields(context, words, status)), notAfter }
  }
  const status = await context.enclave.call('status', {})
  const { ledger } = status
  if (ledger === undefined) throw new CodedError('PHASE_FORBIDS', `expected a ledger, got phase ${status.phase}`)
  // By the ledger's clock, which may be ahead of ours.
  return {
    ...(await ownFields(context, kind, words, ledger)),
    notAfter: Math.max(ledger.at, nowSeconds) + validSeconds,
  }
}

type OwnKind = Exclude<KindName, 'rotate-approval'>

async function ownFields(context: Context, kind: OwnKind, words: Typed, ledger: LedgerStatus): Promise<Fields> {
  switch (kind) {
    case 'policy':
      return {
        version: ledger.policyVersion + 1,
        policy: await readJson(demanded(words, 'policy')),
        prevPolicyHash: ledger.policyHash,
      }
    case 'adjust':
      await knownAccount(context, demanded(words, 'id'))
      return {
        adjustSeq: ledger.adjustSeq + 1,
        orchestratorId: demanded(words, 'id'),
        deltaWei: weiOf(words).toString(),
        reasonHash: toHash(keccak256(utf8(demanded(words, 'reason')))),
      }
    case 'drain':
      return { drainSeq: ledger.drainSeq + 1, amountWei: (await drainedWei(context, words)).toString() }
    case 'journal-reset':
      return { atSize: ledger.journalSize, atHead: ledger.journalHead, newHead: demanded(words, 'newHead') }
    case 'register':
      return {
        orchestratorId: demanded(words, 'id'),
        recipient: demanded(words, 'recipient'),
        regSeq: await nextRegSeq(context, demanded(words, 'id')),
      }
    case 'change-recipient':
      return changeFields(context, words)
  }
}

/**
 * What the next enclave is, unless said otherwise: the image and the configuration of this one, and its log key where the
 * state key stays. The epoch is the one that the rotation sets, or has set where the guardian was first.
 */
async function rotationFields(
  { config, chain }: Context,
  words: Typed,
  status: StatusResult | undefined,
): Promise<Fields> {
  const named = demanded(words, 'newAuthority')
  const newAuthority = toAddress(named) ?? refuse('ACT_INVALID', '--new-authority: an address', named)
  const { epoch, authority } = await chain.facts(newAuthority)
  const logKey = words['logKey'] ?? (await freshLogKey(config, newAuthority)) ?? logKeyOf(status)
  const imageDigest = words['image'] ?? status?.imageDigest
  const configuration = parseConfiguration(await readJson(config.enclaveConfig))
  return {
    epoch: authority === newAuthority ? epoch : epoch + 1,
    newAuthority,
    logKey: logKey ?? refuse('ACT_INVALID', '--log-key, or a ledger that runs', 'neither'),
    config: words['configHash'] ?? configHash(configuration),
    imageDigest: imageDigest ?? refuse('ACT_INVALID', '--image, or an enclave that runs', 'neither'),
  }
}

/** Of a state key that was drawn with these keys, whether they wait or have taken over already. */
async function freshLogKey({ paths }: Context['config'], authority: Address): Promise<Hash | undefined> {
  for (const path of [paths.nextKeyFile, paths.keyFile]) {
    const keys = await readOwnKeys(path)
    if (keys?.authority === authority) return keys.logKey
  }
  return undefined
}

function logKeyOf(status: StatusResult | undefined): Hash | undefined {
  const verifier = status?.audit_address
  return verifier === undefined ? undefined : toHash(parseVerifierKey(verifier).publicKey)
}

/** Every digit counts: an amount between two wei would be signed as another one. */
function weiOf(words: Typed): bigint {
  const text = demanded(words, 'ether')
  try {
    const wei = parseEther(text)
    if (sameEther(text, formatEther(wei))) return wei
  } catch (error) {
    if (!isCoded(error, 'AMOUNT_SYNTAX')) throw error
  }
  return refuse('ACT_INVALID', '--ether: decimal ether of at most 18 places', text)
}

/** A drain is never taken back, and goes before all who are owed: one that cannot be paid would stand in their way. */
async function drainedWei({ chain, config }: Context, words: Typed): Promise<bigint> {
  const wei = weiOf(words)
  const { treasuryWei } = await chain.facts(config.anchor)
  if (wei > treasuryWei)
    refuse('ACT_INVALID', `--ether ${formatEther(treasuryWei)}, the treasury, or less`, words['ether'])
  return wei
}

/** Refuses ACCOUNT_UNKNOWN, before anybody signs for an id that was mistyped. */
async function knownAccount({ enclave }: Context, id: string): Promise<void> {
  await enclave.call('balance', { orchestrator_id: id })
}

async function nextRegSeq({ enclave }: Context, id: string): Promise<number> {
  try {
    return (await enclave.call('balance', { orchestrator_id: id })).registration_seq + 1
  } catch (error) {
    if (isCoded(error, 'ACCOUNT_UNKNOWN')) return 1
    throw error
  }
}

async function changeFields({ enclave }: Context, words: Typed): Promise<Fields> {
  const id = demanded(words, 'id')
  const { recipient, registration_seq } = await enclave.call('balance', { orchestrator_id: id })
  if (recipient === null) refuse('RECIPIENT_MISMATCH', `a recipient of ${id} to be changed`, 'none: register it')
  return {
    orchestratorId: id,
    from: (words['from'] ?? recipient).toLowerCase(),
    to: demanded(words, 'to').toLowerCase(),
    regSeq: registration_seq + 1,
  }
}

function demanded(words: Typed, name: string): string {
  const value = words[name]
  if (value === undefined || value === '')
    throw new CodedError('ACT_INVALID', `expected --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  return value
}

function readJson(path: string): Promise<Fields> {
  return readForeignJson(path, { what: 'JSON', bytesMax: ACT_BYTES_MAX, code: 'ACT_INVALID' })
}
