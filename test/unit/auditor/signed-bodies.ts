/** Bodies of entries that outsiders sign, signed for real. Every field can be another one, before or after signing. */
import { addressOf as addressOfKey, encodeSignature, sign } from '../../../enclave/keys/secp256k1.ts'
import {
  adjustStruct,
  batchRoot,
  changeRecipientStruct,
  creditBatchStruct,
  creditStruct,
  drainStruct,
  journalResetStruct,
  policyChangeStruct,
  registerStruct,
  rotateApprovalStruct,
  skipSequenceStruct,
} from '../../../enclave/protocol/credit.ts'
import { type Body, CREDITS_PER_ENTRY_MAX } from '../../../enclave/protocol/entry.ts'
import {
  type Address,
  type Hash,
  type Hex,
  toHash,
  toHex,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import { type Policy, policyHash } from '../../../enclave/protocol/policy.ts'
import { ledgerIdOf, typedDigest } from '../../../enclave/protocol/typed-data.ts'
import { ANCHOR } from './log-builder.ts'

export const LEDGER = { chainId: 31_337, anchor: ANCHOR }
export const LEDGER_ID = ledgerIdOf(LEDGER)
/** Far beyond any time of a test. */
export const LATE = 4_000_000_000

export class Signer {
  readonly address: Address
  readonly #key: Uint8Array

  constructor(number: number) {
    this.#key = new Uint8Array(32).fill(number)
    this.address = addressOfKey(this.#key)
  }

  sign(struct: Uint8Array): Hex {
    return toHex(encodeSignature(sign(typedDigest(LEDGER, struct), this.#key)))
  }
}

function ascending(numbers: readonly number[]): readonly Signer[] {
  return numbers.map((number) => new Signer(number)).sort((left, right) => (left.address < right.address ? -1 : 1))
}

export const ADMINS = ascending([11, 12, 13]) as readonly [Signer, Signer, Signer]
export const QUORUM: readonly Signer[] = ADMINS.slice(0, 2)
export const REPORTERS = ascending([21, 22]) as readonly [Signer, Signer]
export const REGISTRAR = new Signer(31)
export const PAYEES = [41, 42, 43].map((number) => new Signer(number)) as unknown as readonly [Signer, Signer, Signer]
export const STRANGER = new Signer(99)

export function signatures(signers: readonly Signer[], struct: Uint8Array): readonly Hex[] {
  return signers.map((signer) => signer.sign(struct))
}

export type SignedCredit = Extract<Body<'credit'>, { source: 'signed' }>
export type Item = Body<'credits'>['credits'][number]

/** A credit of 1 gwei to account 1; `signer` signs it in place of its reporter. */
export function aCredit(over: Partial<SignedCredit> = {}, signer?: Signer): SignedCredit {
  const fields = {
    source: 'signed' as const,
    account: 1,
    id: 'orch-a',
    wei: 1_000_000_000n as Wei,
    reporter: REPORTERS[0].address,
    rseq: 1,
    recipient: ZERO_ADDRESS,
    eventId: 'event',
    workHash: ZERO_HASH,
    notAfter: LATE,
    ...over,
  }
  const own = signer ?? REPORTERS.find(({ address }) => address === fields.reporter) ?? STRANGER
  return { ...fields, signature: over.signature ?? own.sign(structOf(fields, fields.reporter, fields.rseq)) }
}

/** What is signed for a credit, also of one in a batch. */
export function structOf(fields: Omit<Item, 'code'>, reporter: Address, rseq: number): Uint8Array {
  const { id: orchestratorId, wei: amountWei, recipient, eventId, workHash, notAfter } = fields
  return creditStruct({
    ledgerId: LEDGER_ID,
    reporter,
    rseq,
    orchestratorId,
    recipient,
    amountWei,
    eventId,
    workHash,
    notAfter,
  })
}

export function anItem(over: Partial<Item> = {}): Item {
  return {
    account: 1,
    id: 'orch-a',
    wei: 1_000_000_000n as Wei,
    recipient: ZERO_ADDRESS,
    eventId: '',
    workHash: ZERO_HASH,
    notAfter: LATE,
    code: null,
    ...over,
  }
}

/** All entries of a batch. */
export function aBatch(
  items: readonly Item[],
  over: Partial<Body<'credits'>> = {},
  signer = REPORTERS[0],
): Body<'credits'>[] {
  const { reporter, firstSeq, notAfter } = { reporter: REPORTERS[0].address, firstSeq: 1, notAfter: LATE, ...over }
  const root = over.root ?? batchRoot(items.map((item, at) => structOf(item, reporter, firstSeq + at)))
  const count = items.length
  const struct = creditBatchStruct({ ledgerId: LEDGER_ID, reporter, firstSeq, count, root, notAfter })
  const common = { reporter, firstSeq, count, root, notAfter, signature: signer.sign(struct), ...over }
  const parts: Body<'credits'>[] = []
  for (let from = 0; from < count; from += CREDITS_PER_ENTRY_MAX)
    parts.push({ ...common, from, credits: items.slice(from, from + CREDITS_PER_ENTRY_MAX) })
  return parts
}

type Refused = Extract<Body<'refuse'>, { source: 'signed' }>
type Skip = Extract<Body<'refuse'>, { source: 'skipped' }>

export function aRefusal(code: string, over: Partial<Refused> = {}, signer: Signer = REPORTERS[0]): Refused {
  const { reporter, rseq } = { reporter: REPORTERS[0].address, rseq: 1, ...over }
  const struct = structOf(anItem(), reporter, rseq)
  return { source: 'signed', reporter, rseq, hash: toHash(struct), code, signature: signer.sign(struct), ...over }
}

export function aSkip(fromSeq: number, toSeq: number, signer: Signer = REPORTERS[0]): Skip {
  const reporter = REPORTERS[0].address
  const struct = skipSequenceStruct({ ledgerId: LEDGER_ID, reporter, fromSeq, toSeq })
  return { source: 'skipped', reporter, fromSeq, toSeq, signature: signer.sign(struct) }
}

type Registrar = Extract<Body<'register'>, { source: 'registrar' }>
type Self = Extract<Body<'register'>, { source: 'recipient' }>
type Change = Extract<Body<'register'>, { source: 'change' }>

export function byRegistrar(
  over: Partial<Registrar> = {},
  registrar = REGISTRAR,
  payee: Signer = PAYEES[0],
): Registrar {
  const fields = { account: 1, id: 'orch-a', recipient: PAYEES[0].address, regSeq: 1, notAfter: LATE, ...over }
  const struct = registerStructOf(fields)
  return {
    source: 'registrar',
    recipientSignature: payee.sign(struct),
    registrarSignature: registrar.sign(struct),
    ...fields,
  }
}

export function byRecipient(over: Partial<Self> = {}, payee: Signer = PAYEES[0]): Self {
  const { address } = PAYEES[0]
  const fields = { account: 1, id: address as string, recipient: address, regSeq: 1, notAfter: LATE, ...over }
  return { source: 'recipient', recipientSignature: payee.sign(registerStructOf(fields)), ...fields }
}

function registerStructOf({ id: orchestratorId, ...rest }: Omit<Self, 'source' | 'account' | 'recipientSignature'>) {
  const { recipient, regSeq, notAfter } = rest
  return registerStruct({ ledgerId: LEDGER_ID, orchestratorId, recipient, regSeq, notAfter })
}

type ChangeSigners = { readonly from?: Signer | null; readonly to?: Signer; readonly quorum?: readonly Signer[] }

/** From the first payee to the second. */
export function aChange(over: Partial<Change> = {}, signers: ChangeSigners = {}): Change {
  const fields = {
    account: 1,
    id: 'orch-a',
    recipient: PAYEES[1].address,
    from: PAYEES[0].address,
    regSeq: 1,
    notAfter: LATE,
    ...over,
  }
  const { id: orchestratorId, recipient: to, from, regSeq, notAfter } = fields
  const struct = changeRecipientStruct({ ledgerId: LEDGER_ID, orchestratorId, from, to, regSeq, notAfter })
  const owner = signers.from === undefined ? PAYEES[0] : signers.from
  return {
    source: 'change',
    fromSignature: owner === null ? null : owner.sign(struct),
    toSignature: (signers.to ?? PAYEES[1]).sign(struct),
    signatures: signatures(signers.quorum ?? [], struct),
    ...fields,
  }
}

/** The successor of `before`, of which `changes` are another. */
export function aSuccession(
  before: Policy,
  changes: Partial<Policy>,
  over: Partial<Body<'policy'>> = {},
  signers: readonly Signer[] = QUORUM,
): Body<'policy'> {
  const policy = { ...before, ...changes }
  const hash = policyHash(policy)
  const fields = { version: 2, prevPolicyHash: policyHash(before), notAfter: LATE, ...over }
  const { version, prevPolicyHash, notAfter } = fields
  const struct = policyChangeStruct({ ledgerId: LEDGER_ID, version, prevPolicyHash, policyHash: hash, notAfter })
  return { policy, policyHash: hash, signatures: signatures(signers, struct), ...fields }
}

type Adjust = Extract<Body<'adjust'>, { source: 'quorum' }>
type Drain = Extract<Body<'adjust'>, { source: 'drain' }>

export function anAdjust(over: Partial<Adjust> = {}, signers: readonly Signer[] = QUORUM): Adjust {
  const fields = {
    account: 1,
    id: 'orch-a',
    delta: -5n,
    adjustSeq: 1,
    reasonHash: ZERO_HASH,
    notAfter: LATE,
    ...over,
  }
  const { id: orchestratorId, delta: deltaWei, adjustSeq, reasonHash, notAfter } = fields
  const struct = adjustStruct({ ledgerId: LEDGER_ID, adjustSeq, orchestratorId, deltaWei, reasonHash, notAfter })
  return { source: 'quorum', signatures: signatures(signers, struct), ...fields }
}

export function aDrain(over: Partial<Drain> = {}, signers: readonly Signer[] = QUORUM): Drain {
  const fields = { account: 0, wei: 1_000n as Wei, drainSeq: 1, notAfter: LATE, ...over }
  const { wei: amountWei, drainSeq, notAfter } = fields
  const struct = drainStruct({ ledgerId: LEDGER_ID, drainSeq, amountWei, notAfter })
  return { source: 'drain', signatures: signatures(signers, struct), ...fields }
}

export function aReset(
  at: { readonly atSize: number; readonly atHead: Hash },
  over: Partial<Body<'reset'>> = {},
  signers: readonly Signer[] = QUORUM,
): Body<'reset'> {
  const fields = { ...at, newHead: ZERO_HASH, notAfter: LATE, ...over }
  const { atSize, atHead, newHead, notAfter } = fields
  const struct = journalResetStruct({ ledgerId: LEDGER_ID, atSize, atHead, newHead, notAfter })
  return { signatures: signatures(signers, struct), ...fields }
}

export function aRotation(
  to: Omit<Body<'rotate'>, 'signatures' | 'notAfter'>,
  over: Partial<Body<'rotate'>> = {},
  signers: readonly Signer[] = QUORUM,
): Body<'rotate'> {
  const fields = { ...to, notAfter: LATE, ...over }
  const { epoch, authority: newAuthority, logKey, config, imageDigest, notAfter } = fields
  const approval = { ledgerId: LEDGER_ID, epoch, newAuthority, logKey, config, imageDigest, notAfter }
  return { signatures: signatures(signers, rotateApprovalStruct(approval)), ...fields }
}
