/** Genesis, roster and openings, and every other entry that pins a recipient (protocol sections 2, 5 and 6). */
import { configHash, genesisHash } from '../../enclave/protocol/configuration.ts'
import type { Body } from '../../enclave/protocol/entry.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { isAddress, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { parsePolicy, policyCodec, policyHash } from '../../enclave/protocol/policy.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { accountOf, addCredit } from './accounts.ts'
import type { Ledger, Replay } from './ledger.ts'
import { demand, demandEqual, flagEntry, newLedger } from './ledger.ts'
import { replayChange, replayRegistrar, replaySelf } from './recipients.ts'

/** The first entry. What follows from other fields is recomputed; `genesisHash` waits for roster and openings. */
export function replayGenesis(replay: Replay, body: Body<'genesis'>): void {
  const { chainId, anchor, broker, guardian, role } = body
  const fields = [
    ['ledgerId', ledgerIdOf({ chainId, anchor }), body.ledgerId],
    ['config', configHash({ chainId, anchor, broker, guardian, role, genesisHash: body.genesisHash }), body.config],
    ['policyHash', policyHash(body.policy), body.policyHash],
    ['policy.chainId', chainId, body.policy.chainId],
    ['policy.anchor', anchor, body.policy.anchor],
    ['policy.broker', broker, body.policy.broker],
  ] as const
  for (const [field, expected, got] of fields) demandEqual(replay, 'GENESIS_FIELD', field, expected, got)
  demand(replay, body.authority !== ZERO_ADDRESS, 'GENESIS_FIELD', 'authority', 'an address', body.authority)
  demandPolicy(replay, body)
  const { treasuryOwner } = body.policy
  const legal = !unpayableOf(body).includes(treasuryOwner)
  demand(replay, legal, 'GENESIS_FIELD', 'policy.treasuryOwner', 'an address that can be paid', treasuryOwner)
  const ledger = newLedger(body)
  replay.ledger = ledger
  closeGenesis(replay, ledger)
}

/** Whom the contract refuses to pay: one of them would stand in the ledger for ever, and be paid by no commit. */
function unpayableOf({ anchor, broker, authority }: Body<'genesis'>): readonly Address[] {
  return [ZERO_ADDRESS, anchor, broker, authority]
}

function demandPolicy(replay: Replay, body: Body<'genesis'>): void {
  try {
    parsePolicy(policyCodec.encode(body.policy))
  } catch (error) {
    flagEntry(replay, 'GENESIS_FIELD', 'policy', 'a policy without contradictions', (error as Error).message)
  }
}

export function replayRegister(replay: Replay, ledger: Ledger, body: Body<'register'>): void {
  switch (body.source) {
    case 'roster':
      return replayRoster(replay, ledger, body)
    case 'opening':
      return replayOpeningRecipient(replay, ledger, body)
    case 'registrar':
      return replayRegistrar(replay, ledger, body)
    case 'recipient':
      return replaySelf(replay, ledger, body)
    case 'change':
      return replayChange(replay, ledger, body)
  }
}

function replayRoster(replay: Replay, ledger: Ledger, body: { account: number; id: string; recipient: Address }): void {
  if (
    !demand(replay, ledger.rosterLeft > 0, 'ENTRY_ORDER', 'register', 'no roster entry beyond genesis.roster', body.id)
  )
    return
  ledger.rosterLeft--
  ledger.roster.push({ id: body.id, recipient: body.recipient })
  pin(replay, ledger, body)
  closeGenesis(replay, ledger)
}

function replayOpeningRecipient(
  replay: Replay,
  ledger: Ledger,
  body: { account: number; id: string; recipient: Address },
): void {
  const due = ledger.rosterLeft === 0 && ledger.openingsLeft > 0 && ledger.opening === null
  if (!demand(replay, due, 'ENTRY_ORDER', 'register', 'an opening that is due', body.id)) return
  ledger.opening = { id: body.id, recipient: body.recipient }
  pin(replay, ledger, body)
}

export function replayOpeningCredit(
  replay: Replay,
  ledger: Ledger,
  body: Body<'credit'> & { source: 'opening' },
): void {
  const due = ledger.rosterLeft === 0 && ledger.openingsLeft > 0
  if (!demand(replay, due, 'ENTRY_ORDER', 'credit', 'an opening that is due', body.id)) return
  const { opening } = ledger
  if (opening !== null) demandEqual(replay, 'ENTRY_ORDER', 'credit.id', opening.id, body.id)
  ledger.openingsLeft--
  ledger.opening = null
  ledger.openings.push({ id: body.id, wei: body.wei, recipient: opening?.recipient ?? null })
  const account = accountOf(replay, ledger, body)
  if (account !== undefined) addCredit(replay, ledger, account, body.wei)
  closeGenesis(replay, ledger)
}

/** Once everything that genesis took has been read, its hash and sum can be recomputed. */
function closeGenesis(replay: Replay, ledger: Ledger): void {
  if (ledger.rosterLeft > 0 || ledger.openingsLeft > 0) return
  const { policy, journalSize, journalHead, openingsWei } = ledger.genesis
  const sum = ledger.openings.reduce((total, { wei }) => total + wei, 0n)
  demandEqual(replay, 'GENESIS_FIELD', 'openingsWei', sum, openingsWei)
  const { roster } = ledger
  const hash = genesisHash({ policy, roster, openings: ledger.openings, journalSize, journalHead })
  demandEqual(replay, 'GENESIS_HASH', 'genesisHash', hash, ledger.genesis.genesisHash)
}

function pin(replay: Replay, ledger: Ledger, body: { account: number; id: string; recipient: Address }): void {
  const account = accountOf(replay, ledger, body)
  if (account === undefined) return
  const own = isAddress(body.id) ? body.recipient === body.id : true
  const legal = own && !unpayableOf(ledger.genesis).includes(body.recipient)
  const expected = own ? 'an address that can be paid' : body.id
  demand(replay, legal, 'RECIPIENT_INVALID', body.id, expected, body.recipient)
  if (!own || body.recipient === ZERO_ADDRESS) return
  if (
    !demand(replay, account.recipient === ZERO_ADDRESS, 'RECIPIENT_PINNED', body.id, account.recipient, body.recipient)
  )
    return
  account.recipient = body.recipient
  ledger.touched.add(account)
}
