/** What an orchestrator can hold against anyone: its account in the newest anchored tree (protocol section 3) [S34]. */
import { proofOf } from '../core/balance-forest.ts'
import { accountOf } from '../core/register.ts'
import type { Committed } from '../core/state.ts'
import { type Instance, stateOf } from '../instance.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { headerHash } from '../protocol/header.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

/**
 * The account as the newest header has it, with the siblings up to its balanceRoot. It counts once that header is
 * final on chain, which anyone checks without us. Refuses ACCOUNT_UNKNOWN, NO_HEADER.
 */
export function proveBalance(
  instance: Instance,
  params: ParsedParams<'prove_balance'>,
): MethodResults['prove_balance'] {
  const state = stateOf(instance)
  const account = accountOf(state, params.orchestrator_id)
  const { lastHeader: header, unlanded, touched } = state
  if (header === null) throw new CodedError('NO_HEADER', 'expected a header, got a ledger without one')
  if (unlanded === null && header.sequence !== state.sequence)
    refuse('NO_HEADER', `a newest header of sequence ${state.sequence}`, `${header.sequence}, which never landed`)
  const committed = touched.has(account.index) ? touched.get(account.index) : account
  if (committed === undefined)
    refuse('NO_HEADER', `${account.id} in header ${header.sequence}`, 'an account that was opened later')
  return {
    header,
    headerHash: headerHash(header),
    landed: unlanded === null,
    account: { index: account.index, orchestratorId: account.id, ...fieldsOf(committed) },
    proof: proofOf(state.forest, account.index),
  }
}

function fieldsOf({ recipient, creditedWei, paidWei, reservedWei, lastSeq }: Committed): Committed {
  return { recipient, creditedWei, paidWei, reservedWei, lastSeq }
}
