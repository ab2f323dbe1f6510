/**
 * Journal lines into the enclave. Order: 1 apply_events, 2 records stored and acknowledged, 3 ring prepare. A crash
 * before 2 is healed from `outputs`; the line cursor is the enclave's, so nothing is applied twice.
 */
import { assertNever, CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import type { ApplyEventsResult } from '../../enclave/protocol/method-results.ts'
import type { Context } from '../../host/context.ts'
import { type Batch, type JournalReader, openJournal, type Seek } from '../../host/journal.ts'
import { indexFile } from '../../host/journal-index.ts'
import { storeReceipts } from '../../host/receipts.ts'
import type { Ring } from '../../queues/doorbell.ts'
import { BATCH_LINES_MAX, nextBatchLines, planIngest } from './plan.ts'

/** One look at the journal. Resolves to whether there may be more to do at once. */
export function openIngest(context: Context, ring: Ring) {
  const journal = openJournal(context.config.journal, indexFile(context.config.paths.journalIndex))
  let linesMax = BATCH_LINES_MAX
  return {
    run: async (): Promise<'again' | 'idle'> => {
      const look = await gather(context, journal)
      const decision = planIngest(look.facts)
      if (decision.kind === 'wait') return 'idle'
      if (decision.kind === 'fork') return stop(context, journal, decision)
      const batch = await journal.next(linesMax)
      await journal.save()
      if (batch === undefined) return 'idle'
      const startMs = context.now()
      const answer = await apply(context, batch)
      if (answer === undefined) return 'idle'
      linesMax = nextBatchLines(linesMax, context.now() - startMs)
      return perform(context, journal, look.session, answer, ring)
    },
    close: () => journal.close(),
  }
}

async function gather(context: Context, journal: JournalReader) {
  const stopped = (await context.control.flagOf('ingest')) !== undefined
  const { phase, ledger, session, firstUnacknowledged, nextRecord } = await context.enclave.call('status', {})
  // A reply that got lost, here or in another stage: what it carried must not wait for the next one.
  if (phase === 'active' && session !== undefined && firstUnacknowledged < nextRecord)
    await context.records.heal(session)
  const { journalSize, journalHead } = ledger ?? { journalSize: 0, journalHead: '' }
  const credits = ledger?.credits ?? 'host-trusted'
  const live = !stopped && phase === 'active' && credits === 'host-trusted'
  const file = live ? await seek(journal, journalSize, journalHead) : { kind: 'short' as const, lines: 0 }
  return { session: session ?? '', facts: { phase, stopped, credits, journalSize, journalHead, file } }
}

/** The ledger's head over another file than the one that we read: a quorum has reset the journal, and this one counts. */
async function seek(journal: JournalReader, journalSize: number, journalHead: string): Promise<Seek> {
  const place = await journal.seek(journalSize)
  const counts = place.kind === 'at' && place.head === journalHead
  return counts && journal.forget() ? journal.seek(journalSize) : place
}

/** Undefined when a new policy has closed the journal's route since we looked. */
async function apply(context: Context, batch: Batch): Promise<ApplyEventsResult | undefined> {
  const { firstIndex, head, lines } = batch
  try {
    const { receipts } = context.config
    return await context.enclave.call('apply_events', { firstIndex, head, lines: [...lines], receipts })
  } catch (error) {
    if (isCoded(error, 'ROUTE_CLOSED')) return undefined
    throw error
  }
}

async function perform(
  context: Context,
  journal: JournalReader,
  session: string,
  answer: ApplyEventsResult,
  ring: Ring,
): Promise<'again' | 'idle'> {
  switch (answer.kind) {
    case 'ack':
      await context.records.store(session, answer.records)
      await storeReceipts(context.config.paths, session, answer.receipts)
      for (const { line, code } of answer.refused) context.log.debug({ line, code }, 'line refused')
      context.log.info(
        { journalSize: answer.journalSize, applied: answer.applied, refused: answer.refused.length },
        'lines applied',
      )
      await ring('prepare')
      return 'again'
    case 'gap':
      // Another run was faster, or the enclave was loaded again: look anew.
      return 'again'
    case 'fork':
      return stop(context, journal, { line: answer.index, why: 'rewritten' })
    default:
      return assertNever(answer)
  }
}

async function stop(
  context: Context,
  journal: JournalReader,
  fork: { readonly line: number; readonly why: string },
): Promise<never> {
  const difference = await journal.difference()
  const place =
    difference === undefined
      ? `at or before line ${fork.line}`
      : `between lines ${difference.fromLine} and ${difference.toLine}`
  const error = new CodedError('JOURNAL_FORK', `the journal was ${fork.why} ${place}`)
  await context.control.set('ingest', error.code, `${error.message}. ${error.action}`, context.now())
  context.log.fatal({ code: error.code, place }, error.message)
  throw error
}
