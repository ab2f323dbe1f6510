/**
 * Everything that people sign for a ledger besides credits: its EIP-712 type, its fields as the enclave takes them, and how
 * it is said in words. The words are what a signer reads, so they say what the act does, with addresses and amounts.
 */
import type { z } from 'zod'
import {
  adjustStruct,
  changeRecipientStruct,
  drainStruct,
  journalResetStruct,
  policyChangeStruct,
  registerStruct,
  rotateApprovalStruct,
} from '../../../enclave/protocol/credit.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { formatEther } from '../../../enclave/protocol/money.ts'
import { parsePolicy, policyHash } from '../../../enclave/protocol/policy.ts'
import { approval, SIGNED_PARAMS } from '../../../enclave/protocol/signed-params.ts'
import { policyWords } from './policy-changes.ts'

/** Every act has its end in time. */
const policyFields = SIGNED_PARAMS.set_policy.omit({ signatures: true }).transform(({ policy, ...rest }) => ({
  ...rest,
  policy: parsePolicy(policy),
}))

export const KINDS = {
  policy: kind({
    primaryType: 'Policy',
    type: 'bytes32 ledgerId,uint32 version,bytes32 prevPolicyHash,bytes32 policyHash,uint64 notAfter',
    fields: policyFields,
    message: ({ policy, ...rest }) => ({ ...rest, policyHash: policyHash(policy) }),
    struct: (ledgerId, { policy, ...rest }) =>
      policyChangeStruct({ ledgerId, ...rest, policyHash: policyHash(policy) }),
    words: ({ version, policy }) => [`Replace the policy: version ${version}`, ...policyWords(policy)],
  }),
  adjust: kind({
    primaryType: 'Adjust',
    type: 'bytes32 ledgerId,uint64 adjustSeq,string orchestratorId,int256 delta,bytes32 reasonHash,uint64 notAfter',
    fields: SIGNED_PARAMS.adjust.omit({ signatures: true }),
    message: ({ deltaWei, ...rest }) => ({ ...rest, delta: deltaWei }),
    struct: (ledgerId, fields) => adjustStruct({ ledgerId, ...fields }),
    words: ({ adjustSeq, orchestratorId, deltaWei, reasonHash }) => [
      `Adjustment ${adjustSeq}: ${deltaWei < 0n ? 'take' : 'add'} ${etherOf(deltaWei < 0n ? -deltaWei : deltaWei)} ${deltaWei < 0n ? 'from' : 'to'} the balance of ${JSON.stringify(orchestratorId)}`,
      `Hash of the reason: ${reasonHash}`,
    ],
  }),
  drain: kind({
    primaryType: 'Drain',
    type: 'bytes32 ledgerId,uint64 drainSeq,uint128 amount,uint64 notAfter',
    fields: SIGNED_PARAMS.drain.omit({ signatures: true }),
    message: ({ amountWei, ...rest }) => ({ ...rest, amount: amountWei }),
    struct: (ledgerId, fields) => drainStruct({ ledgerId, ...fields }),
    words: ({ drainSeq, amountWei }) => [
      `Drain ${drainSeq}: pay ${etherOf(amountWei)} out of the treasury, ahead of those to whom it is owed, to the treasuryOwner of the policy that is in force then`,
    ],
  }),
  'journal-reset': kind({
    primaryType: 'JournalReset',
    type: 'bytes32 ledgerId,uint64 atSize,bytes32 atHead,bytes32 newHead,uint64 notAfter',
    fields: SIGNED_PARAMS.journal_reset.omit({ signatures: true }),
    message: (fields) => fields,
    struct: (ledgerId, fields) => journalResetStruct({ ledgerId, ...fields }),
    words: ({ atSize, atHead, newHead }) => [
      `Accept another journal: the ${atSize} lines that were read (head ${atHead}) are taken to have been those of head ${newHead}`,
      'Nothing that was credited changes; what the other journal holds behind these lines will be credited',
    ],
  }),
  'rotate-approval': kind({
    primaryType: 'RotateApproval',
    type: 'bytes32 ledgerId,uint48 epoch,address newAuthority,bytes32 logKey,bytes32 config,bytes32 imageDigest,uint64 notAfter',
    fields: approval.omit({ signatures: true }),
    message: (fields) => fields,
    struct: (ledgerId, fields) => rotateApprovalStruct({ ledgerId, ...fields }),
    words: ({ epoch, newAuthority, logKey, config, imageDigest }) => [
      `Hand the ledger over to the authority ${newAuthority} at epoch ${epoch}`,
      `with log key ${logKey}, configuration ${config}, image ${imageDigest}`,
    ],
  }),
  register: kind({
    primaryType: 'Register',
    type: 'bytes32 ledgerId,string orchestratorId,address recipient,uint64 regSeq,uint64 notAfter',
    fields: SIGNED_PARAMS.register.omit({ recipientSignature: true, registrarSignature: true }),
    message: (fields) => fields,
    struct: (ledgerId, fields) => registerStruct({ ledgerId, ...fields }),
    words: ({ orchestratorId, recipient, regSeq }) => [
      `Registration ${regSeq}: pay ${JSON.stringify(orchestratorId)} at ${recipient}, for good unless it is changed by signatures`,
    ],
  }),
  'change-recipient': kind({
    primaryType: 'ChangeRecipient',
    type: 'bytes32 ledgerId,string orchestratorId,address from,address to,uint64 regSeq,uint64 notAfter',
    fields: SIGNED_PARAMS.change_recipient.omit({ fromSignature: true, toSignature: true, signatures: true }),
    message: (fields) => fields,
    struct: (ledgerId, fields) => changeRecipientStruct({ ledgerId, ...fields }),
    words: ({ orchestratorId, from, to, regSeq }) => [
      from === to
        ? `Change ${regSeq}: withdraw the change of ${JSON.stringify(orchestratorId)} that waits; it stays at ${from}`
        : `Change ${regSeq}: pay ${JSON.stringify(orchestratorId)} at ${to} instead of ${from}, after 100 commits and 72 hours`,
    ],
  }),
} as const

export type KindName = keyof typeof KINDS
export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[]

/** A kind whose fields are known only to itself. */
export type Kind = {
  readonly primaryType: string
  /** Members in the order of EIP-712. */
  readonly type: string
  /** Foreign JSON to what is said of it; throws a ZodError or a refusal. */
  read(value: unknown): ActReading
}
export type ActReading = {
  readonly message: { readonly [name: string]: unknown }
  readonly words: readonly string[]
  readonly notAfter: number
  struct(ledgerId: Hash): Uint8Array
}

type Definition<T extends { readonly notAfter: number }> = {
  readonly primaryType: string
  readonly type: string
  readonly fields: z.ZodType<T>
  readonly message: (fields: T) => { readonly [name: string]: unknown }
  readonly struct: (ledgerId: Hash, fields: T) => Uint8Array
  readonly words: (fields: T) => readonly string[]
}

function kind<T extends { readonly notAfter: number }>(definition: Definition<T>): Kind {
  const { primaryType, type, fields, message, struct, words } = definition
  return {
    primaryType,
    type,
    read: (value) => {
      const read = fields.parse(value)
      return {
        message: message(read),
        words: words(read),
        notAfter: read.notAfter,
        struct: (ledgerId) => struct(ledgerId, read),
      }
    },
  }
}

function etherOf(wei: bigint): string {
  return `${formatEther(wei)} ETH`
}
