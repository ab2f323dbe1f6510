/** A reporter's own counter beside the log: what a host never forwarded leaves no other trace [A12]. Pure. */
import type { Address } from '../enclave/protocol/ids.ts'
import type { Notice } from './chain-facts.ts'
import type { Findings } from './naive/finding.ts'
import { flag } from './naive/finding.ts'
import type { Ledger } from './naive/ledger.ts'

/** `nextSeq` is the number that the reporter would sign next. */
export type ReporterCounter = { readonly reporter: Address; readonly nextSeq: number }

/** A log that is behind is a notice, since it may only be young; a log that is ahead means that somebody else has the key. */
export function judgeCounters(
  counters: readonly ReporterCounter[],
  ledger: Ledger,
  findings: Findings,
  notices: Notice[],
): void {
  for (const { reporter, nextSeq } of counters) {
    const subject = `reporter ${reporter}`
    const logged = ledger.reporters.get(reporter)?.nextSeq ?? 1
    const text = `${nextSeq - logged} numbers, ${logged} to ${nextSeq - 1}`
    if (logged < nextSeq) notices.push({ code: 'REPORTER_LAG', subject, text })
    if (logged > nextSeq)
      flag(findings, 'REPORTER_AHEAD', { entry: null, subject }, `${nextSeq} next`, `${logged} next`)
  }
}
