/** Reads a snapshot as its bytes arrive: of what was read only the state is kept. See snapshot.ts. */
import { decodeCbor } from '../protocol/cbor.ts'
import { decodeWith, list } from '../protocol/codec.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { headerHash, PROTOCOL_VERSION } from '../protocol/header.ts'
import { fromHex } from '../protocol/ids.ts'
import { concatBytes } from '../protocol/words.ts'
import { frontierOf } from './log-frontier.ts'
import { ACCOUNTS_PER_PART } from './snapshot-accounts.ts'
import {
  type AccountsRead,
  type AccountsReading,
  beginAccounts,
  endAccounts,
  readAccounts,
} from './snapshot-accounts-read.ts'
import {
  type Head,
  headCodec,
  LENGTH_BYTES,
  paidToCodec,
  SNAPSHOT_FORM,
  type StoredWindow,
  WINDOWS_PER_PART,
} from './snapshot-format.ts'
import { proveState } from './snapshot-proof.ts'
import type { State } from './state.ts'
import type { Window } from './window.ts'

type Reading = { readonly head: Head; readonly accounts: AccountsReading; readonly paidTo: State['paidTo'] }

/** Refuses STATE_MISMATCH, VERSION_NEWER, and what canonical CBOR refuses. After a refusal it is of no more use. */
export class SnapshotReader {
  readonly #bytes = new Waiting()
  #partBytes: number | undefined
  #reading: Reading | undefined

  /** The next bytes, cut anywhere. */
  push(bytes: Uint8Array): void {
    this.#bytes.push(bytes)
    for (let part = this.#nextPart(); part !== undefined; part = this.#nextPart()) this.#read(part)
  }

  /** The state, proven against its own newest header. */
  end(): State {
    if (this.#reading === undefined || this.#partBytes !== undefined || this.#bytes.size > 0)
      throw new CodedError('STATE_MISMATCH', 'expected whole parts in a snapshot, got a cut one')
    const { head, accounts, paidTo } = this.#reading
    checkCount(head.accounts, accounts.read.accounts.length)
    checkCount(head.paidTo, paidTo.size)
    const state = stateOf(head, endAccounts(accounts), paidTo)
    proveState(state)
    return state
  }

  #nextPart(): Uint8Array | undefined {
    if (this.#partBytes === undefined) {
      const length = this.#bytes.take(LENGTH_BYTES)
      if (length === undefined) return undefined
      this.#partBytes = new DataView(length.buffer, length.byteOffset).getUint32(0)
    }
    const part = this.#bytes.take(this.#partBytes)
    if (part !== undefined) this.#partBytes = undefined
    return part
  }

  #read(part: Uint8Array): void {
    if (this.#reading === undefined) {
      const head = readHead(part)
      this.#reading = { head, accounts: beginAccounts(head), paidTo: new Map() }
      return
    }
    const { head, accounts, paidTo } = this.#reading
    const accountsLeft = head.accounts - accounts.read.accounts.length
    const windowsLeft = head.paidTo - paidTo.size
    if (accountsLeft > 0) readAccounts(accounts, part, Math.min(accountsLeft, ACCOUNTS_PER_PART))
    else if (windowsLeft > 0) readWindows(paidTo, part, Math.min(windowsLeft, WINDOWS_PER_PART))
    else throw new CodedError('STATE_MISMATCH', 'expected the end of a snapshot, got another part')
  }
}

/** Bytes that wait for the rest of their part. They are joined once the part is whole, not at each arrival. */
class Waiting {
  #blocks: Uint8Array[] = []
  size = 0

  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#blocks.push(bytes)
    this.size += bytes.length
  }

  take(size: number): Uint8Array | undefined {
    if (size > this.size) return undefined
    const first = this.#blocks[0] ?? new Uint8Array(0)
    const whole = first.length >= size ? first : concatBytes(...this.#blocks)
    if (whole !== first) this.#blocks = [whole]
    if (this.size > 0) this.#blocks[0] = whole.subarray(size)
    this.size -= size
    return whole.subarray(0, size)
  }
}

function readHead(part: Uint8Array): Head {
  const value = decodeCbor(part, { canonical: true })
  const { version, form } = (value ?? {}) as { version?: unknown; form?: unknown }
  if (typeof version === 'number' && version > PROTOCOL_VERSION)
    refuse('VERSION_NEWER', `generation ${PROTOCOL_VERSION} or older`, version)
  if (typeof form === 'number' && form > SNAPSHOT_FORM)
    refuse('VERSION_NEWER', `a snapshot of form ${SNAPSHOT_FORM} or older`, form)
  const head = decodeWith(headCodec, value, 'STATE_MISMATCH', 'snapshot')
  if (head.form !== SNAPSHOT_FORM) refuse('STATE_MISMATCH', `a snapshot of form ${SNAPSHOT_FORM}`, head.form)
  return head
}

function readWindows(paidTo: State['paidTo'], part: Uint8Array, count: number): void {
  const value = decodeCbor(part, { canonical: true })
  const windows = decodeWith(list(paidToCodec, WINDOWS_PER_PART), value, 'STATE_MISMATCH', 'snapshot')
  checkCount(count, windows.length)
  for (const { recipient, window } of windows) paidTo.set(recipient, thawed(window))
}

function checkCount(expected: number, got: number): void {
  if (got !== expected) refuse('STATE_MISMATCH', `${expected} items in the parts of a snapshot`, got)
}

function stateOf(head: Head, read: AccountsRead, paidTo: State['paidTo']): State {
  const landed = head.landed[0]
  const header = head.lastHeader
  return {
    configuration: head.configuration,
    ledgerId: head.ledgerId,
    imageDigest: head.imageDigest,
    authority: head.authority,
    logKey: head.logKey,
    config: head.config,
    policy: head.policy,
    policyHash: head.policyHash,
    policyVersion: head.policyVersion,
    ...read,
    log: frontierOf(head.logSize, head.logFrontier.map(fromHex)),
    lastLeafHash: fromHex(head.lastLeafHash),
    at: head.at,
    epoch: head.epoch,
    head: head.head,
    sequence: head.sequence,
    reserving: null,
    unlanded:
      landed === undefined || header === null
        ? null
        : { header, hash: headerHash(header), payouts: landed.payouts.payouts },
    lastHeader: header,
    lastCommitAt: head.lastCommitAt,
    journalSize: head.journalSize,
    journalHead: fromHex(head.journalHead),
    nextPayoutId: head.nextPayoutId,
    servedIndex: head.servedIndex,
    genesisLeft: { roster: head.genesisRosterLeft, openings: head.genesisOpeningsLeft },
    ...usesOf(head),
    paidTo,
    adjustSeq: head.adjustSeq,
    drainSeq: head.drainSeq,
  }
}

function usesOf(head: Head): Pick<State, 'reporters' | 'journalUse' | 'paidToAll'> {
  return {
    reporters: new Map(
      head.reporters.map(({ reporter, ...use }) => [reporter, { ...use, window: thawed(use.window) }]),
    ),
    journalUse: { creditedWei: head.journalUse.creditedWei, window: thawed(head.journalUse.window) },
    paidToAll: thawed(head.paidToAll),
  }
}

function thawed(window: StoredWindow['window']): Window {
  return window.map((spending) => ({ ...spending }))
}
