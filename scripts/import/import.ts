/** The cut-over from an original installation: reads what it left, and writes the genesis of the new ledger. */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Address, type Hash, toAddress, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { type Policy, parsePolicy } from '../../enclave/protocol/policy.ts'
import { type JsonValue, parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { readKey, readOldState } from './blob.ts'
import { readOldJournal } from './old-journal.ts'
import { type ImportPlan, planImport } from './plan.ts'

export type ImportOptions = {
  /** Sealed state of the old core; `keyFile` or the environment holds its private key. */
  readonly blob?: string
  readonly keyFile?: string
  readonly journal?: string
  /** The old host's pending payouts file. */
  readonly pending?: string
  /** The operator's word that no payout is pending, where there is no such file. */
  readonly nothingPending?: boolean
  readonly roster?: string
  readonly wholeJournal?: boolean
  readonly policy: string
  /** Where the genesis file goes: a new file, never an old one. */
  readonly out: string
}

export type Imported = Omit<ImportPlan, 'roster' | 'openings'> & {
  readonly out: string
  readonly genesisHash: Hash
  readonly roster: number
  readonly openings: number
  readonly payoutsInJournal: number
  readonly unreadLines: number
  readonly unfinishedBytes: number
}

type Environment = { readonly [name: string]: string | undefined }

/** Refuses CONFIG_INVALID, RECIPIENT_MISMATCH, AMOUNT_TOO_LARGE, JOURNAL_UNREADABLE, POLICY_INVALID. Nothing is written then. */
export async function importInstallation(options: ImportOptions, environment: Environment): Promise<Imported> {
  requirePendingWord(options)
  const policy = parsePolicy(readObject(options.policy))
  const state = options.blob === undefined ? null : readOldState(options.blob, readKey(options.keyFile, environment))
  const journal = options.journal === undefined ? null : await readOldJournal(options.journal, state?.seen)
  const plan = planImport({
    state,
    journal,
    pending: options.pending === undefined ? null : Object.keys(readObject(options.pending)),
    roster: rosterOf(options.roster),
    wholeJournal: options.wholeJournal ?? false,
  })
  const hash = await writeGenesis(options.out, policy, plan)
  const { source, sumWei, withoutRecipient, start } = plan
  return {
    ...{ source, sumWei, withoutRecipient, start, out: options.out, genesisHash: hash },
    roster: plan.roster.length,
    openings: plan.openings.length,
    payoutsInJournal: journal?.payouts ?? 0,
    unreadLines: journal?.unread ?? 0,
    unfinishedBytes: journal?.unfinishedBytes ?? 0,
  }
}

/** A journal does not tell of payouts on their way, so somebody has to. */
function requirePendingWord({ blob, pending, nothingPending }: ImportOptions): void {
  if (blob !== undefined || pending !== undefined || nothingPending === true) return
  throw new CodedError(
    'CONFIG_INVALID',
    'expected the pending payouts of the old host: --pending FILE, or --nothing-pending when it has stopped with none',
  )
}

async function writeGenesis(path: string, policy: Policy, plan: ImportPlan): Promise<Hash> {
  const { roster, openings, start } = plan
  const genesis = { policy, roster, openings, journalSize: start.lines, journalHead: start.head }
  const text = JSON.stringify(genesis, (_, value) => (typeof value === 'bigint' ? value.toString() : value), 2)
  const file = await createNew(path)
  try {
    await file.writeFile(`${text}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  return genesisHash({ ...genesis, openings: openings.map((opening) => ({ ...opening, wei: wei(opening.wei) })) })
}

async function createNew(path: string) {
  try {
    return await open(path, 'wx', 0o600)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected to write a new file ${path}; one that is there stays as it is`, {
      cause,
    })
  }
}

function rosterOf(path: string | undefined): Map<string, Address> {
  const roster = new Map<string, Address>()
  for (const [id, text] of Object.entries(path === undefined ? {} : readObject(path))) {
    const recipient = typeof text === 'string' ? toAddress(text) : undefined
    if (recipient === undefined || recipient === ZERO_ADDRESS) {
      throw new CodedError(
        'CONFIG_INVALID',
        `expected an address of ${JSON.stringify(id)} in ${path}, got ${JSON.stringify(text)}`,
      )
    }
    roster.set(id, recipient)
  }
  return roster
}

function readObject(path: string): { [key: string]: JsonValue } {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected a file that can be read: ${path}`, { cause })
  }
  const parsed = parseStrictJson(bytes)
  if (parsed.kind === 'object') return parsed.value
  throw new CodedError('CONFIG_INVALID', `expected a JSON object in ${path}, got ${parsed.kind}`)
}
