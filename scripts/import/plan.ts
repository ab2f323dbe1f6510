/** What a new ledger takes over from an old installation (protocol section 6, Cut-over). Pure. */
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Address, isAddress, toHash } from '../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT } from '../../enclave/protocol/money.ts'
import type { OldState } from './blob.ts'
import type { OldJournal, Place } from './old-journal.ts'

export type ImportFacts = {
  /** The old core's state, or null: then the journal's own last balances count. */
  readonly state: OldState | null
  /** The old host's journal, or null where it kept none. */
  readonly journal: OldJournal | null
  /** Ids of the pending payouts file; null when the operator says that there is nothing pending. */
  readonly pending: readonly string[] | null
  readonly roster: ReadonlyMap<string, Address>
  /** The operator's word that the state contains the whole journal, though it did not come from there. */
  readonly wholeJournal: boolean
}

export type ImportPlan = {
  readonly source: 'sealed state' | 'journal'
  readonly roster: readonly { readonly id: string; readonly recipient: Address }[]
  readonly openings: readonly { readonly id: string; readonly wei: bigint; readonly recipient: Address | null }[]
  readonly sumWei: bigint
  /** Openings whose id has no recipient: they are owed, and wait. */
  readonly withoutRecipient: number
  /** Where the new ledger goes on in the journal. */
  readonly start: Place
}

const SHOWN_IDS_MAX = 5
const NO_LINES: Place = { lines: 0, head: toHash(new Uint8Array(32)) }

/** Refuses CONFIG_INVALID with what stands in the way, RECIPIENT_MISMATCH, AMOUNT_TOO_LARGE. */
export function planImport(facts: ImportFacts): ImportPlan {
  refusePending(facts)
  const { state, journal, roster } = facts
  const start = startOf(facts)
  const balances = state?.balances ?? balancesOf(journal)
  const openings = [...balances]
    .filter(([, { wei }]) => wei > 0n)
    .map(([id, { wei, recipient }]) => ({ id, wei: checkAmount(id, wei), recipient: agreed(id, recipient, roster) }))
  return {
    source: state === null ? 'journal' : 'sealed state',
    roster: [...new Map([...settled(balances, roster), ...roster])].map(([id, recipient]) => ({ id, recipient })),
    openings,
    sumWei: openings.reduce((sum, { wei }) => sum + wei, 0n),
    withoutRecipient: openings.filter(({ id, recipient }) => recipient === null && !roster.has(id)).length,
    start,
  }
}

/** A payout on its way is paid by the old installation and still in the balance: taken over, it would be paid twice. */
function refusePending({ state, pending }: ImportFacts): void {
  const names = [...new Set([...(state?.pending ?? []), ...(pending ?? [])])]
  if (names.length > 0) {
    const shown = names.slice(0, SHOWN_IDS_MAX).join(', ')
    throw new CodedError(
      'CONFIG_INVALID',
      `expected no pending payout, got ${names.length} (${shown}): let the old installation confirm or drop each, stop it, and import again`,
    )
  }
}

/** With the old core's memory of events: behind the last credit that it had seen. Without: behind the last line. */
function startOf({ state, journal, wholeJournal }: ImportFacts): Place {
  if (journal === null) return NO_LINES
  if (state === null || wholeJournal) return journal.end
  const { seen, credits } = journal
  if (seen.hole !== undefined) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected the sealed state to contain each credit up to line ${seen.end.lines} of the journal, line ${seen.hole} is not in it: take a state and a journal of one installation`,
    )
  }
  if (seen.credits === 0 && credits > 0) {
    throw new CodedError(
      'CONFIG_INVALID',
      'expected a credit of the journal in the sealed state, got none: where the core was credited directly, say --whole-journal',
    )
  }
  return seen.end
}

type Balances = ReadonlyMap<string, { readonly wei: bigint; readonly recipient: Address | null }>

function balancesOf(journal: OldJournal | null): Balances {
  if (journal === null)
    throw new CodedError('CONFIG_INVALID', 'expected a sealed state or a journal: --blob FILE or --journal FILE')
  for (const [id, line] of journal.doubtful) {
    throw new CodedError(
      'CONFIG_INVALID',
      `journal line ${line}: expected the balance of ${id}, got none that can be read; its last one decides`,
    )
  }
  for (const [id, wei] of journal.balances) {
    if (wei < 0n) throw new CodedError('CONFIG_INVALID', `expected a balance of zero or more of ${id}, got ${wei} wei`)
  }
  return new Map([...journal.balances].map(([id, wei]) => [id, { wei, recipient: isAddress(id) ? id : null }]))
}

/** Accounts with nothing left keep their recipient: who was registered once cannot be redirected by the cut-over. */
function settled(balances: Balances, roster: ReadonlyMap<string, Address>): [string, Address][] {
  return [...balances]
    .filter(([, { wei }]) => wei === 0n)
    .flatMap(([id, { recipient }]) => {
      agreed(id, recipient, roster)
      return recipient === null ? [] : [[id, recipient] as [string, Address]]
    })
}

/** Null where the roster names him: a recipient is pinned in one place. */
function agreed(id: string, recipient: Address | null, roster: ReadonlyMap<string, Address>): Address | null {
  const listed = roster.get(id)
  if (recipient !== null && listed !== undefined && listed !== recipient) {
    throw new CodedError(
      'RECIPIENT_MISMATCH',
      `${id}: expected the recipient of the old installation, ${recipient}, got ${listed} in the roster`,
    )
  }
  return listed === undefined ? recipient : null
}

function checkAmount(id: string, wei: bigint): bigint {
  if (wei < AMOUNT_WEI_LIMIT) return wei
  throw new CodedError('AMOUNT_TOO_LARGE', `${id}: expected an opening below 2^96 wei, got ${wei}`)
}
