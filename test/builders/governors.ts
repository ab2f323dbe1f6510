/** People who sign for a ledger: admins, reporters, registrars and recipients, each with a key of its own. */
import { addressOf, encodeSignature, sign } from '../../enclave/keys/secp256k1.ts'
import {
  type Adjust,
  adjustStruct,
  batchRoot,
  type ChangeRecipient,
  type Credit,
  changeRecipientStruct,
  creditBatchStruct,
  creditStruct,
  type Drain,
  drainStruct,
  type JournalReset,
  journalResetStruct,
  policyChangeStruct,
  type Register,
  type RotateApproval,
  registerStruct,
  rotateApprovalStruct,
  skipSequenceStruct,
} from '../../enclave/protocol/credit.ts'
import { keccak256 } from '../../enclave/protocol/hash.ts'
import { type Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { type Policy, policyCodec, policyHash } from '../../enclave/protocol/policy.ts'
import { type Ledger, ledgerIdOf, typedDigest } from '../../enclave/protocol/typed-data.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { UNCAPPED_WEI, UNGOVERNED } from './governance.ts'

/** Far beyond every test's clock. */
export const LATER_SECONDS = 4_000_000_000

export type Signer = {
  readonly address: Address
  readonly sign: (ledger: Ledger, struct: Uint8Array) => Uint8Array<ArrayBuffer>
}

/** The same name always has the same key. */
export function aSigner(name: string): Signer {
  const key = keccak256(utf8(`signer ${name}`))
  return {
    address: addressOf(key),
    sign: (ledger, struct) => Uint8Array.from(encodeSignature(sign(typedDigest(ledger, struct), key))),
  }
}

const byAddress = (left: Signer, right: Signer): number => (left.address < right.address ? -1 : 1)

/** Three admins, of whom two are a quorum, ascending by address. */
export const ADMINS: readonly Signer[] = ['admin 1', 'admin 2', 'admin 3'].map(aSigner).sort(byAddress)
export const QUORUM: readonly Signer[] = ADMINS.slice(0, 2)
export const REGISTRAR = aSigner('registrar')
export const REPORTERS: readonly Signer[] = ['reporter 1', 'reporter 2'].map(aSigner).sort(byAddress)

/** A policy that everybody above may act under; credits are signed unless a test says otherwise. */
export const GOVERNED: Partial<Policy> = {
  ...UNGOVERNED,
  credits: 'signed',
  admins: ADMINS.map(({ address }) => address),
  quorum: QUORUM.length,
  registrars: [REGISTRAR.address],
  registration: { registrar: true, self: true, credit: true },
  reporters: REPORTERS.map(({ address }) => ({
    address,
    windowWeiMax: UNCAPPED_WEI,
    lifetimeWeiMax: UNCAPPED_WEI,
  })),
}

/** What is signed for one ledger, as the methods of the enclave take it. */
export function signedFor(ledger: Ledger) {
  const ledgerId = ledgerIdOf(ledger)
  const all = (signers: readonly Signer[], struct: Uint8Array) => signers.map((signer) => signer.sign(ledger, struct))
  return {
    credit: (reporter: Signer, rseq: number, over: Partial<Credit> = {}) => {
      const credit = aCredit(ledgerId, reporter, rseq, over)
      return {
        ...wired(credit),
        reporter: credit.reporter,
        rseq,
        signature: reporter.sign(ledger, creditStruct(credit)),
      }
    },
    batch: (reporter: Signer, firstSeq: number, items: readonly Partial<Credit>[], notAfter = LATER_SECONDS) => {
      const credits = items.map((over, at) => aCredit(ledgerId, reporter, firstSeq + at, over))
      const root = batchRoot(credits.map(creditStruct))
      const struct = creditBatchStruct({
        ledgerId,
        reporter: reporter.address,
        firstSeq,
        count: credits.length,
        root,
        notAfter,
      })
      const signature = reporter.sign(ledger, struct)
      return { reporter: reporter.address, firstSeq, notAfter, signature, credits: credits.map(wired) }
    },
    skip: (reporter: Signer, fromSeq: number, toSeq: number) => {
      const skip = { reporter: reporter.address, fromSeq, toSeq }
      return { ...skip, signature: reporter.sign(ledger, skipSequenceStruct({ ledgerId, ...skip })) }
    },
    register: (recipient: Signer, registrar: Signer | null, over: Partial<Register> = {}) => {
      const fields = { orchestratorId: 'orch-new', recipient: recipient.address, regSeq: 1, notAfter: LATER_SECONDS }
      const { ledgerId: _, ...message } = { ledgerId, ...fields, ...over }
      const struct = registerStruct({ ledgerId, ...message })
      return {
        ...message,
        recipientSignature: recipient.sign(ledger, struct),
        registrarSignature: registrar?.sign(ledger, struct) ?? null,
      }
    },
    change: (
      from: Signer | null,
      to: Signer,
      message: Omit<ChangeRecipient, 'ledgerId'>,
      admins: readonly Signer[] = [],
    ) => {
      const struct = changeRecipientStruct({ ledgerId, ...message })
      return {
        ...message,
        fromSignature: from?.sign(ledger, struct) ?? null,
        toSignature: to.sign(ledger, struct),
        signatures: all(admins, struct),
      }
    },
    policy: (policy: Policy, version: number, prevPolicyHash: Hash, admins = QUORUM, notAfter = LATER_SECONDS) => {
      const change = { ledgerId, version, prevPolicyHash, policyHash: policyHash(policy), notAfter }
      const signatures = all(admins, policyChangeStruct(change))
      return { version, policy: policyCodec.encode(policy), prevPolicyHash, notAfter, signatures }
    },
    adjust: (message: Omit<Adjust, 'ledgerId' | 'reasonHash' | 'notAfter'>, admins = QUORUM) => {
      const fields = { reasonHash: ZERO_HASH, notAfter: LATER_SECONDS, ...message }
      const signatures = all(admins, adjustStruct({ ledgerId, ...fields }))
      return { ...fields, deltaWei: fields.deltaWei.toString(), signatures }
    },
    drain: (message: Omit<Drain, 'ledgerId' | 'notAfter'>, admins = QUORUM) => {
      const fields = { notAfter: LATER_SECONDS, ...message }
      const signatures = all(admins, drainStruct({ ledgerId, ...fields }))
      return { ...fields, amountWei: fields.amountWei.toString(), signatures }
    },
    reset: (message: Omit<JournalReset, 'ledgerId' | 'notAfter'>, admins = QUORUM) => {
      const fields = { notAfter: LATER_SECONDS, ...message }
      return { ...fields, signatures: all(admins, journalResetStruct({ ledgerId, ...fields })) }
    },
    approval: (
      message: Omit<RotateApproval, 'ledgerId' | 'notAfter'> & Partial<Pick<RotateApproval, 'notAfter'>>,
      admins = QUORUM,
    ) => {
      const fields = { notAfter: LATER_SECONDS, ...message }
      return { ...fields, signatures: all(admins, rotateApprovalStruct({ ledgerId, ...fields })) }
    },
  }
}

function aCredit(ledgerId: Hash, reporter: Signer, rseq: number, over: Partial<Credit>): Credit {
  return {
    ledgerId,
    reporter: reporter.address,
    rseq,
    orchestratorId: 'orch-0',
    recipient: ZERO_ADDRESS,
    amountWei: wei(10n ** 18n),
    eventId: `event-${rseq}`,
    workHash: ZERO_HASH,
    notAfter: LATER_SECONDS,
    ...over,
  }
}

/** The fields of a credit as they travel beside its reporter and number. */
function wired({ orchestratorId, recipient, amountWei, eventId, workHash, notAfter }: Credit) {
  return { orchestratorId, recipient, amountWei: amountWei.toString(), eventId, workHash, notAfter }
}
