/** The fields of an act, with its counters as the ledger has them now. Signing comes later and elsewhere. */
import { readFile } from 'node:fs/promises'
import { configHash, parseConfiguration } from '../../../enclave/protocol/configuration.ts'
import { CodedError, isCoded, refuse } from '../../../enclave/protocol/errors.ts'
import { keccak256 } from '../../../enclave/protocol/hash.ts'
import { DEVELOPMENT_IMAGE_DIGEST } from '../../../enclave/protocol/header.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import type { LedgerStatus, StatusResult } from '../../../enclave/protocol/method-results.ts'
import { parseEther } from '../../../enclave/protocol/money.ts'
import { parseVerifierKey } from '../../../enclave/protocol/note.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import type { Context } from '../../../host/context.ts'
import type { Typed } from '../command.ts'
import type { ActFile } from './file.ts'
import type { KindName } from './kinds.ts'

/** A week to collect signatures. */
export const VALID_SECONDS = 7 * 86_400
const MS_PER_SECOND = 1_000

type Fields = ActFile['fields']

/** Refuses ACT_INVALID for words that are missing, and what the enclave refuses. */
export async function proposedFields(context: Context, kind: KindName, words: Typed): Promise<Fields> {
  const status = await context.enclave.call('status', {})
  const { ledger } = status
  if (ledger === undefined) throw new CodedError('PHASE_FORBIDS', `expected a ledger, got phase ${status.phase}`)
  const validSeconds = Number(words['validSeconds'] ?? VALID_SECONDS)
  // By the ledger's clock, which may be ahead of ours.
  const notAfter = Math.max(ledger.at, Math.floor(context.now() / MS_PER_SECOND)) + validSeconds
  return { ...(await ownFields(context, kind, words, { ...status, ledger })), notAfter }
}

type Live = StatusResult & { readonly ledger: LedgerStatus }

async function ownFields(context: Context, kind: KindName, words: Typed, status: Live): Promise<Fields> {
  const { ledger } = status
  switch (kind) {
    case 'policy':
      return {
        version: ledger.policyVersion + 1,
        policy: await readJson(demanded(words, 'policy')),
        prevPolicyHash: ledger.policyHash,
      }
    case 'adjust':
      return {
        adjustSeq: ledger.adjustSeq + 1,
        orchestratorId: demanded(words, 'id'),
        deltaWei: parseEther(demanded(words, 'ether')).toString(),
        reasonHash: toHash(keccak256(utf8(demanded(words, 'reason')))),
      }
    case 'drain':
      return { drainSeq: ledger.drainSeq + 1, amountWei: parseEther(demanded(words, 'ether')).toString() }
    case 'journal-reset':
      return { atSize: ledger.journalSize, atHead: ledger.journalHead, newHead: demanded(words, 'newHead') }
    case 'rotate-approval':
      return rotationFields(context, words, status)
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

/** What the next enclave is, unless said otherwise: this one's log key and configuration, under another authority. */
async function rotationFields({ config }: Context, words: Typed, { ledger, audit_address }: Live): Promise<Fields> {
  const configuration = parseConfiguration(await readJson(config.enclaveConfig))
  return {
    epoch: ledger.epoch + 1,
    newAuthority: demanded(words, 'newAuthority').toLowerCase(),
    logKey: words['logKey'] ?? toHash(parseVerifierKey(audit_address ?? '').publicKey),
    config: words['configHash'] ?? configHash(configuration),
    imageDigest: words['image'] ?? DEVELOPMENT_IMAGE_DIGEST,
  }
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

async function readJson(path: string): Promise<Fields[string]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Fields[string]
  } catch (cause) {
    throw new CodedError('ACT_INVALID', `expected JSON in ${path}`, { cause })
  }
}
