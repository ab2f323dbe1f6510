/** Commands that only look: status, lag, balance. */
import type { MethodResults } from '../../enclave/protocol/method-results.ts'
import type { Context } from '../../host/context.ts'
import { openJournal } from '../../host/journal.ts'
import { indexFile } from '../../host/journal-index.ts'
import { type HostStatus, readStatus, type Trouble } from '../../host/status.ts'
import { type Answer, ether, momentOf, tableOf } from './answer.ts'

/** Lines counted behind the cursor: a journal further behind is told in bytes alone. */
const LAG_BATCHES_MAX = 2_000

export async function statusAnswer(context: Context): Promise<Answer> {
  const status = await readStatus(context)
  const text = [tableOf(statusRows(status, context)), ...status.troubles.map(troubleLine)].join('\n')
  return { format: 'anchorhold-status/1', value: status, text }
}

export function troubleLine({ code, detail, action }: Trouble): string {
  return `${code}: ${detail}. ${action}`
}

function statusRows(
  { enclave, anchor, ledger, journal, published, openCalls, flags }: HostStatus,
  { config }: Context,
): string[][] {
  const rows = [['enclave', enclave.phase + (enclave.haltReason === undefined ? '' : ` (${enclave.haltReason})`)]]
  if (anchor !== undefined) {
    rows.push(
      [
        'anchor',
        `${config.anchor} at sequence ${anchor.sequence}, epoch ${anchor.epoch}${anchor.frozen ? ', FROZEN' : ''}`,
      ],
      ['treasury', `${ether(anchor.treasuryWei)} in the anchor; send ether to ${config.anchor} to fund it`],
      ['gas float', `${ether(anchor.floatWei)}; send ether to ${enclave.authority ?? anchor.authority} to fund it`],
    )
  }
  if (ledger !== undefined) {
    const { creditedWei, paidWei, reservedWei, accounts, dueAccounts, dueWei, unlanded } = ledger
    rows.push(
      [
        'ledger',
        `${accounts} accounts: credited ${ether(creditedWei)}, paid ${ether(paidWei)}, reserved ${ether(reservedWei)}`,
      ],
      ['due', `${dueAccounts} accounts, ${ether(dueWei)}`],
      [
        'commit',
        unlanded === null
          ? `${ledger.sequence} landed`
          : `${unlanded.sequence} on its way with ${unlanded.payouts} payouts`,
      ],
    )
  }
  const stopped = flags.length === 0 ? 'none' : flags.map(({ stage, code }) => `${stage} (${code})`).join(', ')
  rows.push(
    [
      'journal',
      ledger?.credits === 'signed'
        ? `closed after ${journal.lines} lines: this ledger takes credits that reporters sign`
        : `${journal.lines ?? '?'} lines read of ${journal.path}, ${journal.bytes} bytes`,
    ],
    ['public log', `${published.size} entries`],
    ['open calls', `${openCalls}`],
    ['stopped', stopped],
  )
  return rows
}

/** How far each step is behind the one before it. */
export async function lagAnswer(context: Context): Promise<Answer> {
  const { ledger } = await context.enclave.call('status', {})
  const journal = await journalLag(context, ledger?.journalSize ?? 0)
  const { size } = await context.audit.published()
  const entriesUncommitted = ledger === undefined ? null : ledger.logSize - ledger.logSizeCommitted
  const entriesUnpublished = ledger === undefined ? null : ledger.logSizeCommitted - size
  const commitAgeMs =
    ledger === undefined || ledger.lastCommitAt === 0 ? null : context.now() - ledger.lastCommitAt * MS_PER_SECOND
  const openCalls = (await context.outbox.open()).length
  const value = {
    journal,
    entriesUncommitted,
    entriesUnpublished,
    commitAgeMs,
    openCalls,
    dueAccounts: ledger?.dueAccounts ?? null,
  }
  const rows = [
    ['journal', `${journal.lines ?? 'many'} lines, ${journal.bytes} bytes behind`],
    [
      'log',
      `${entriesUncommitted ?? '?'} entries since the last commit, ${entriesUnpublished ?? '?'} committed and not public`,
    ],
    ['last commit', commitAgeMs === null ? 'none' : `${Math.round(commitAgeMs / MS_PER_SECOND)} s ago`],
    ['open calls', `${openCalls}`],
    ['due accounts', `${value.dueAccounts ?? '?'}`],
  ]
  return { format: 'anchorhold-lag/1', value, text: tableOf(rows) }
}

const MS_PER_SECOND = 1_000

async function journalLag(
  { config }: Context,
  read: number,
): Promise<{ readonly lines: number | null; readonly bytes: number }> {
  // The workers own the index; a look must not write into it.
  const journal = openJournal(config.journal, { ...indexFile(config.paths.journalIndex), save: async () => undefined })
  try {
    const place = await journal.seek(read)
    const bytes = await journal.lagBytes()
    if (place.kind === 'short') return { lines: null, bytes }
    let lines = 0
    for (let count = 0; count < LAG_BATCHES_MAX; count++) {
      const batch = await journal.next()
      if (batch === undefined) return { lines, bytes }
      lines += batch.lines.length
    }
    return { lines: null, bytes }
  } finally {
    await journal.close()
  }
}

type Balance = MethodResults['balance']

/** What the enclave holds for one orchestrator. Refuses what the enclave refuses. */
export async function balanceAnswer({ enclave }: Context, id: string): Promise<Answer> {
  const balance = await enclave.call('balance', { orchestrator_id: id })
  const { recipient, pending_recipient, balance_wei, reserved_wei, credited_wei, paid_wei } = balance
  const rows = [
    ['id', id],
    ['recipient', recipient ?? 'none: it accrues until one is registered'],
    ...(pending_recipient === null ? [] : [['changes to', changeText(pending_recipient)]]),
    ['balance', ether(balance_wei)],
    ['reserved', ether(reserved_wei)],
    ['credited', ether(credited_wei)],
    ['paid', ether(paid_wei)],
  ]
  return { format: 'anchorhold-balance/1', value: balance, text: tableOf(rows) }
}

/** Whoever is paid here has to see it in time to withdraw it. */
function changeText({
  recipient,
  effective_sequence,
  effective_at,
}: NonNullable<Balance['pending_recipient']>): string {
  return `${recipient} after commit ${effective_sequence} and ${momentOf(effective_at)}`
}
