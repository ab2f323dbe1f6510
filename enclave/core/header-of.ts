/** The header of the present state. */
import { leafHash } from '../protocol/balance-tree.ts'
import type { Header } from '../protocol/header.ts'
import { PROTOCOL_VERSION } from '../protocol/header.ts'
import { toHash } from '../protocol/ids.ts'
import { foldRoot, setLeaf } from './balance-forest.ts'
import { rootOf } from './log-frontier.ts'
import type { Committed, State } from './state.ts'

/**
 * Folds every touched account into the balance tree, once, and describes the result. A second call without a change
 * between gives the same header. The log is covered as far as it goes now: the commit entry itself comes after it.
 */
export function closeHeader(state: State): Header {
  const sequence = state.sequence + 1
  for (const index of state.touched.keys()) {
    const account = state.accounts[index]
    if (account === undefined) continue
    account.lastSeq = sequence
    setLeaf(state.forest, index, leafHash(leafOf(state, index)))
  }
  state.touched.clear()
  return {
    version: PROTOCOL_VERSION,
    ledgerId: state.ledgerId,
    epoch: state.epoch,
    sequence,
    prev: state.head,
    balanceRoot: toHash(foldRoot(state.forest)),
    treeDepth: state.forest.depth,
    accounts: state.accounts.length,
    logSize: state.log.size,
    logRoot: toHash(rootOf(state.log)),
    creditedWei: state.creditedWei,
    paidWei: state.paidWei,
    reservedWei: state.reservedWei,
    journalHead: toHash(state.journalHead),
    journalSize: state.journalSize,
    policyVersion: state.policyVersion,
    policyHash: state.policyHash,
    imageDigest: state.imageDigest,
  }
}

/** The leaf fields of an account as it stands, in wei. */
export function leafOf(state: State, index: number): Parameters<typeof leafHash>[0] {
  const account = state.accounts[index] as State['accounts'][number]
  return leafFields(account, account)
}

export function leafFields(
  { index, id }: { readonly index: number; readonly id: string },
  { recipient, creditedWei, paidWei, reservedWei, lastSeq }: Committed,
): Parameters<typeof leafHash>[0] {
  return { index, orchestratorId: id, recipient, credited: creditedWei, paid: paidWei, reserved: reservedWei, lastSeq }
}
