/** What only a quorum of admins may do (protocol sections 3 and 6). Each act is listed for the reader, whatever is wrong with it. */
import {
  adjustStruct,
  drainStruct,
  journalResetStruct,
  policyChangeStruct,
  rotateApprovalStruct,
} from '../../enclave/protocol/credit.ts'
import type { Body } from '../../enclave/protocol/entry.ts'
import { ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, type Wei } from '../../enclave/protocol/money.ts'
import { parsePolicy, policyCodec, policyHash } from '../../enclave/protocol/policy.ts'
import { addCredit, knownAccount, takeBack } from './accounts.ts'
import type { Account, Ledger, Replay } from './ledger.ts'
import { demand, demandEqual, flagEntry, note } from './ledger.ts'
import { isPayable, pinTo } from './recipients.ts'
import { demandInTime, demandNext, demandQuorum } from './signature.ts'

/** The next policy names the one in force; whatever it says counts from the next entry on. */
export function replayPolicy(replay: Replay, ledger: Ledger, body: Body<'policy'>): void {
  const { version, policy, prevPolicyHash, notAfter, signatures } = body
  const { ledgerId } = ledger.genesis
  const hash = policyHash(policy)
  const struct = policyChangeStruct({ ledgerId, version, prevPolicyHash, policyHash: hash, notAfter })
  demandQuorum(replay, ledger, 'policy', struct, signatures)
  demandInTime(replay, 'policy', notAfter)
  demandNext(replay, 'policy version', ledger.policyVersion, version)
  demandEqual(replay, 'POLICY_SUCCESSION', 'prevPolicyHash', ledger.policyHash, prevPolicyHash)
  demandEqual(replay, 'POLICY_FIELD', 'policyHash', hash, body.policyHash)
  demandFixed(replay, ledger, body)
  note(replay, ledger, 'policy', `version ${version}, ${hash}${changesOf(ledger, body)}`)
  ledger.policy = policy
  ledger.policyHash = hash
  ledger.policyVersion = version
  const treasury = ledger.accounts[0] as Account
  if (treasury.recipient !== policy.treasuryOwner) pinTo(ledger, treasury, policy.treasuryOwner)
}

/** Chain, anchor and broker are the ledger's own; a journal that was closed stays closed. */
function demandFixed(replay: Replay, ledger: Ledger, { policy }: Body<'policy'>): void {
  for (const field of ['chainId', 'anchor', 'broker'] as const)
    demandEqual(replay, 'POLICY_FIELD', field, ledger.policy[field], policy[field])
  const reopened = ledger.policy.credits === 'signed' && policy.credits !== 'signed'
  demand(replay, !reopened, 'POLICY_FIELD', 'credits', 'signed, as once decided', policy.credits)
  const owner = policy.treasuryOwner
  const payable = isPayable(ledger, owner, policy)
  demand(replay, payable, 'POLICY_FIELD', 'treasuryOwner', 'an address that can be paid', owner)
  try {
    parsePolicy(policyCodec.encode(policy))
  } catch (error) {
    flagEntry(replay, 'POLICY_FIELD', 'policy', 'a policy without contradictions', (error as Error).message)
  }
}

/** The fields that a new policy changes, by name. */
function changesOf(ledger: Ledger, { policy }: Body<'policy'>): string {
  const before = policyCodec.encode(ledger.policy) as Record<string, unknown>
  const after = policyCodec.encode(policy) as Record<string, unknown>
  const changed = Object.keys(after).filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
  return changed.length === 0 ? ', changes nothing' : `, changes ${changed.join(', ')}`
}

/** A correction of one balance, up or down. */
export function replayQuorumAdjust(replay: Replay, ledger: Ledger, body: Body<'adjust'> & { source: 'quorum' }): void {
  const { id: orchestratorId, delta, adjustSeq, reasonHash, notAfter, signatures } = body
  const { ledgerId } = ledger.genesis
  const struct = adjustStruct({ ledgerId, adjustSeq, orchestratorId, deltaWei: delta, reasonHash, notAfter })
  demandQuorum(replay, ledger, 'adjust', struct, signatures)
  demandInTime(replay, 'adjust', notAfter)
  demandNext(replay, 'adjustSeq', ledger.adjustSeq, adjustSeq)
  ledger.adjustSeq = adjustSeq
  note(replay, ledger, 'adjust', `${orchestratorId}: ${delta} wei, for ${reasonHash}`)
  const account = knownAccount(replay, ledger, body)
  if (account === undefined) return
  const inRange = delta !== 0n && delta < AMOUNT_WEI_LIMIT && -delta < AMOUNT_WEI_LIMIT
  if (!demand(replay, inRange, 'AMOUNT_RANGE', orchestratorId, 'less than 2^96 wei, and not 0', delta)) return
  if (delta > 0n) addCredit(replay, ledger, account, delta)
  else takeBack(replay, ledger, account, -delta)
}

/** The one thing that credits account 0, whose recipient is the treasury owner. */
export function replayDrain(replay: Replay, ledger: Ledger, body: Body<'adjust'> & { source: 'drain' }): void {
  const { wei: amountWei, drainSeq, notAfter, signatures } = body
  const struct = drainStruct({ ledgerId: ledger.genesis.ledgerId, drainSeq, amountWei: amountWei as Wei, notAfter })
  demandQuorum(replay, ledger, 'drain', struct, signatures)
  demandInTime(replay, 'drain', notAfter)
  demandNext(replay, 'drainSeq', ledger.drainSeq, drainSeq)
  ledger.drainSeq = drainSeq
  note(replay, ledger, 'drain', `${amountWei} wei to ${ledger.policy.treasuryOwner}`)
  if (!demandEqual(replay, 'ACCOUNT_INDEX', 'drain', 0, body.account)) return
  addCredit(replay, ledger, ledger.accounts[0] as Account, amountWei)
}

/** A journal was lost: its cursor keeps its place, and what came before is another past from here on. */
export function replayReset(replay: Replay, ledger: Ledger, body: Body<'reset'>): void {
  const { atSize, atHead, newHead, notAfter, signatures } = body
  const struct = journalResetStruct({ ledgerId: ledger.genesis.ledgerId, atSize, atHead, newHead, notAfter })
  demandQuorum(replay, ledger, 'reset', struct, signatures)
  demandInTime(replay, 'reset', notAfter)
  demandEqual(replay, 'RESET_CURSOR', 'atSize', ledger.journalSize, atSize)
  demandEqual(replay, 'RESET_CURSOR', 'atHead', ledger.journalHead, atHead)
  note(replay, ledger, 'reset', `line ${ledger.journalSize}: ${ledger.journalHead} becomes ${newHead}`)
  ledger.journalHead = newHead
  ledger.journalStart = { size: ledger.journalSize, head: newHead, entry: replay.entry }
}

/** Another enclave goes on. The contract proves its authority; another log key or configuration takes a quorum. */
export function replayRotate(replay: Replay, ledger: Ledger, body: Body<'rotate'>): void {
  const { epoch, authority, logKey, config, signatures } = body
  const settled = ledger.unlanded === null
  demand(replay, settled, 'ENTRY_ORDER', 'rotate', 'the unlanded commit settled or void first', 'rotate')
  demand(replay, epoch >= ledger.epoch, 'OPEN_EPOCH', 'epoch', `at least ${ledger.epoch}`, epoch)
  demand(replay, authority !== ZERO_ADDRESS, 'ROTATE_FIELD', 'authority', 'an address', authority)
  const sameKeys = logKey === ledger.logKey && config === ledger.config
  const same = sameKeys && authority === ledger.authority
  demand(replay, !same, 'ROTATE_FIELD', 'rotate', 'another authority, log key or config', 'the ones in force')
  if (!sameKeys || signatures.length > 0) demandApproved(replay, ledger, body)
  const changed = (['authority', 'logKey', 'config', 'imageDigest'] as const).filter(
    (field) => body[field] !== ledger[field],
  )
  note(replay, ledger, 'rotate', `epoch ${epoch}: ${changed.map((field) => `${field} ${body[field]}`).join(', ')}`)
  ledger.rotations.push({ ...body, entry: replay.entry, before: ledger.authority })
  ledger.authority = authority
  ledger.logKey = logKey
  ledger.config = config
  ledger.imageDigest = body.imageDigest
}

function demandApproved(replay: Replay, ledger: Ledger, body: Body<'rotate'>): void {
  const { epoch, authority: newAuthority, logKey, config, imageDigest, notAfter, signatures } = body
  const { ledgerId } = ledger.genesis
  const approval = { ledgerId, epoch, newAuthority, logKey, config, imageDigest, notAfter }
  demandQuorum(replay, ledger, 'rotate', rotateApprovalStruct(approval), signatures)
  demandInTime(replay, 'rotate', notAfter)
}
