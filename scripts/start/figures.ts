/** Gathers the figures of the table, each from where it lives. */
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import type { Audit } from './audit-process.ts'
import { readChainFigures } from './chain-figures.ts'
import type { Folder } from './folder.ts'
import { readSessionLog } from './ledger-log.ts'
import { figuresOfLog } from './log-figures.ts'
import type { EnclaveFigures, Figures } from './reconcile.ts'
import type { Stack } from './stack.ts'
import type { Watched } from './watched.ts'

export type Measured = Pick<Figures, 'log' | 'chain' | 'enclave' | 'audit' | 'roundsWhileDue' | 'faults'>

/** Nothing may be on its way while this looks: prepare is paused. */
export async function measure(folder: Folder, stack: Stack, audit: Audit, watched: Watched): Promise<Measured> {
  const { ledger, session } = await stack.context.enclave.call('status', {})
  if (ledger === undefined || session === undefined)
    throw new CodedError('ENCLAVE_ANSWER', 'expected a ledger in the status, got none')
  const log = figuresOfLog(await readSessionLog(folder.paths, session, ledger.logSize))
  return {
    log,
    chain: await readChainFigures(stack),
    enclave: await askBalances(stack, ledger, log.ids),
    audit: auditFigures(audit),
    roundsWhileDue: watched.roundsWhileDue,
    faults: { dropped: watched.dropped.size, doubled: watched.doubled.size },
  }
}

async function askBalances({ context }: Stack, ledger: LedgerStatus, ids: readonly string[]): Promise<EnclaveFigures> {
  let [balancesWei, balancesReservedWei] = [0n, 0n]
  for (const id of ids) {
    const { balance_wei, reserved_wei } = await context.enclave.call('balance', { orchestrator_id: id })
    balancesWei += balance_wei
    balancesReservedWei += reserved_wei
  }
  const { head, sequence, journalSize, creditedWei, paidWei, reservedWei, accountsWithoutRecipient } = ledger
  return {
    head,
    sequence,
    journalSize,
    creditedWei,
    paidWei,
    reservedWei,
    accountsWithoutRecipient,
    balancesWei,
    balancesReservedWei,
  }
}

function auditFigures({ verdict, sequence, commits, ledger, treasury }: Audit): Figures['audit'] {
  if (ledger === null || treasury === null)
    throw new CodedError('AUDIT_STORE', 'expected figures of ledger and treasury from the auditor, got none')
  return { verdict, sequence, commits, creditedWei: ledger.creditedWei, paidWei: ledger.paidWei, ...treasury }
}
