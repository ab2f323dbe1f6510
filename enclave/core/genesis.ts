/** The first entries of a ledger, from exactly what the configuration was made for (protocol section 5) [G6]. */
import type { Configuration, Genesis } from '../protocol/configuration.ts'
import { configHash, genesisHash } from '../protocol/configuration.ts'
import type { Body } from '../protocol/entry.ts'
import { refuse } from '../protocol/errors.ts'
import type { Address, Hash } from '../protocol/ids.ts'
import { isAddress, ZERO_ADDRESS } from '../protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, wei } from '../protocol/money.ts'
import { policyHash } from '../protocol/policy.ts'
import { ledgerIdOf } from '../protocol/typed-data.ts'
import { checkId } from './journal.ts'
import { begin, write } from './ledger.ts'
import type { State } from './state.ts'

export type GenesisKeys = { readonly authority: Address; readonly logKey: Hash; readonly imageDigest: Hash }

/** `genesis.policy` is one that parsePolicy gave. Refuses GENESIS_HASH, POLICY_INVALID, ORCHESTRATOR_ID, RECIPIENT_MISMATCH, AMOUNT_TOO_LARGE, LEDGER_FULL. */
export function checkGenesis(configuration: Configuration, genesis: Genesis, authority: Address): void {
  const hash = genesisHash(genesis)
  if (hash !== configuration.genesisHash) refuse('GENESIS_HASH', configuration.genesisHash, hash)
  const { policy } = genesis
  for (const field of ['chainId', 'anchor', 'broker'] as const) {
    if (policy[field] !== configuration[field])
      refuse('POLICY_INVALID', `policy.${field} ${configuration[field]}`, policy[field])
  }
  checkItems(configuration, genesis, authority)
}

function checkItems(configuration: Configuration, genesis: Genesis, authority: Address): void {
  const unpayable = [ZERO_ADDRESS, configuration.anchor, configuration.broker, authority]
  const { treasuryOwner } = genesis.policy
  if (unpayable.includes(treasuryOwner)) refuse('RECIPIENT_MISMATCH', 'a treasuryOwner that can be paid', treasuryOwner)
  const pinned = new Map<string, Address>()
  const pin = (id: string, recipient: Address): void => {
    const itself = !isAddress(id) || id === recipient
    if (unpayable.includes(recipient) || !itself)
      refuse('RECIPIENT_MISMATCH', `a recipient that ${id} can be paid at`, recipient)
    pinned.set(id, recipient)
  }
  for (const { id, recipient } of genesis.roster) {
    checkId(id)
    if (pinned.has(id)) refuse('RECIPIENT_MISMATCH', `${id} once in the roster`, recipient)
    pin(id, recipient)
  }
  const rostered = new Set(pinned.keys())
  const opened = new Set<string>()
  let sum = 0n
  for (const { id, wei: amountWei, recipient } of genesis.openings) {
    checkId(id)
    if (opened.has(id)) refuse('ORCHESTRATOR_ID', `${id} once among the openings`, id)
    opened.add(id)
    // One place for each recipient: the log would not tell which of two inputs named it, and genesisHash rests on both.
    if (recipient !== null && rostered.has(id)) {
      refuse('RECIPIENT_MISMATCH', `no recipient for ${id} beside the roster's`, recipient)
    }
    if (recipient !== null) pin(id, recipient)
    if (amountWei <= 0n || amountWei >= AMOUNT_WEI_LIMIT)
      refuse('AMOUNT_TOO_LARGE', 'an opening of 1 to 2^96 wei', amountWei)
    sum += amountWei
  }
  if (sum >= LEDGER_WEI_LIMIT) refuse('LEDGER_FULL', 'openings below 2^127 wei', sum)
  const accounts = new Set([...pinned.keys(), ...opened]).size + 1
  if (accounts > genesis.policy.accountsMax)
    refuse('LEDGER_FULL', `at most ${genesis.policy.accountsMax} accounts`, accounts)
}

/** State and entries of a checked genesis: the genesis entry, then a registration or credit for each item. */
export function makeGenesis(
  configuration: Configuration,
  genesis: Genesis,
  keys: GenesisKeys,
  epoch: number,
  nowSeconds: number,
): { readonly state: State; readonly entries: readonly Uint8Array[] } {
  const { state, bytes } = begin(genesisBody(configuration, genesis, keys, epoch), nowSeconds)
  const entries = [bytes]
  for (const { id, recipient } of genesis.roster) {
    entries.push(
      write(state, 'register', { source: 'roster', account: state.accounts.length, id, recipient }, nowSeconds),
    )
  }
  for (const { id, wei: amountWei, recipient } of genesis.openings) {
    const account = state.byId.get(id)?.index ?? state.accounts.length
    if (recipient !== null) {
      entries.push(write(state, 'register', { source: 'opening', account, id, recipient }, nowSeconds))
    }
    entries.push(write(state, 'credit', { source: 'opening', account, id, wei: amountWei }, nowSeconds))
  }
  return { state, entries }
}

function genesisBody(
  configuration: Configuration,
  genesis: Genesis,
  keys: GenesisKeys,
  epoch: number,
): Body<'genesis'> {
  return {
    ledgerId: ledgerIdOf(configuration),
    chainId: configuration.chainId,
    anchor: configuration.anchor,
    broker: configuration.broker,
    guardian: configuration.guardian,
    role: configuration.role,
    config: configHash(configuration),
    genesisHash: configuration.genesisHash,
    authority: keys.authority,
    logKey: keys.logKey,
    policy: genesis.policy,
    policyHash: policyHash(genesis.policy),
    epoch,
    journalSize: genesis.journalSize,
    journalHead: genesis.journalHead,
    roster: genesis.roster.length,
    openings: genesis.openings.length,
    openingsWei: wei(genesis.openings.reduce((sum, opening) => sum + opening.wei, 0n)),
    imageDigest: keys.imageDigest,
  }
}
