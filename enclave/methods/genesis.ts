/** The one beginning of a ledger (protocol section 5) [G6, S2]. */
import { checkGenesis, makeGenesis } from '../core/genesis.ts'
import { newOutbox } from '../core/outbox.ts'
import type { Instance } from '../instance.ts'
import { keysOf, nextEpoch, nowSeconds, release } from '../instance.ts'
import type { Genesis } from '../protocol/configuration.ts'
import { ROSTER_MAX } from '../protocol/configuration.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { ZERO_HASH } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { parsePolicy } from '../protocol/policy.ts'
import { TAG_ZERO } from '../seal/record.ts'
import { Sealer } from '../seal/sealer.ts'
import { ledgerStatus } from './reads.ts'

/** Entries of one sealed record: a registration is far below a hundredth of what a record holds. */
const ENTRIES_PER_RECORD_MAX = 2_000

/** Takes roster and openings in as many calls as they need; the last one carries policy, journal start and epoch. */
export function genesis(instance: Instance, params: ParsedParams<'genesis'>): MethodResults['genesis'] {
  const { genesisParts: parts } = instance
  const items = parts.roster.length + parts.openings.length + params.roster.length + params.openings.length
  if (items > 2 * ROSTER_MAX) refuse('LEDGER_FULL', `at most ${2 * ROSTER_MAX} items`, items)
  parts.roster.push(...params.roster)
  parts.openings.push(...params.openings)
  if (params.more) return { more: true, items }
  instance.genesisParts = { roster: [], openings: [] }
  return begin(instance, { ...readHead(params), ...parts }, nextEpoch(params.epoch ?? 0) - 1)
}

function readHead(params: ParsedParams<'genesis'>): Pick<Genesis, 'policy' | 'journalSize' | 'journalHead'> {
  if (params.policy === undefined)
    throw new CodedError('PARAMS_INVALID', 'policy: expected a policy in the last call, got nothing')
  return {
    policy: parsePolicy(params.policy),
    journalSize: params.journalSize ?? 0,
    journalHead: params.journalHead ?? ZERO_HASH,
  }
}

function begin(instance: Instance, input: Genesis, epoch: number): MethodResults['genesis'] {
  const keys = keysOf(instance)
  checkGenesis(instance.configuration, input, keys.address)
  const own = { authority: keys.address, logKey: keys.logPublicKey, imageDigest: instance.imageDigest }
  const { state, entries } = makeGenesis(instance.configuration, input, own, epoch, nowSeconds(instance))
  instance.state = state
  instance.claim = { head: ZERO_HASH, epoch, bitmap: null }
  instance.sealer = new Sealer({
    stateKey: keys.stateKey,
    ledgerId: instance.ledgerId,
    epoch: epoch + 1,
    salt: instance.salt,
    firstRecord: 0,
    prevTag: TAG_ZERO,
    entropy: instance.entropy,
  })
  instance.outbox = newOutbox(0)
  releaseAll(instance, entries)
  instance.phase = 'recovering'
  return {
    more: false,
    accounts: state.accounts.length,
    firstRecord: 0,
    nextRecord: instance.outbox.next,
    ledger: ledgerStatus(instance),
  }
}

/** A long roster needs several records; a chain that ends within them is refused at load, since genesis counts its items. */
function releaseAll(instance: Instance, entries: readonly Uint8Array[]): void {
  const log = instance.state?.log.size ?? 0
  for (let from = 0; from < entries.length; from += ENTRIES_PER_RECORD_MAX) {
    const part = entries.slice(from, from + ENTRIES_PER_RECORD_MAX)
    release(instance, part, log - entries.length + from)
  }
}
