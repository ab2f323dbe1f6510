/** Parameters of what outsiders sign for a ledger: reporters, recipients, registrars and admins (protocol sections 5 and 6). */
import { z } from 'zod'
import { BATCH_CREDITS_MAX, EVENT_ID_BYTES_MAX } from './entry.ts'
import { ORCHESTRATOR_ID_BYTES_MAX, ZERO_ADDRESS } from './ids.ts'
import { address, count, deltaWei, fees, hash, signature, signedText, wei } from './params.ts'
import { QUORUM_MAX } from './policy.ts'

/** Single credits of one call: their entries fit one sealed record. */
export const CREDITS_PER_CALL_MAX = 1_000

const signedId = signedText(ORCHESTRATOR_ID_BYTES_MAX, 1)
const signatures = z.array(signature).max(QUORUM_MAX)

/** What a reporter says of one piece of work; the zero recipient names none. */
const creditFields = {
  orchestratorId: signedId,
  recipient: address.default(ZERO_ADDRESS),
  amountWei: wei,
  eventId: signedText(EVENT_ID_BYTES_MAX, 0),
  workHash: hash,
  notAfter: count,
}

const credit = z.strictObject({ reporter: address, rseq: count, ...creditFields, signature })

/** What a quorum approved about the keys and image of the ledger's next enclave. */
export const approval = z.strictObject({
  epoch: count,
  newAuthority: address,
  logKey: hash,
  config: hash,
  imageDigest: hash,
  notAfter: count,
  signatures,
})

export const SIGNED_PARAMS = {
  credit_signed: z.strictObject({
    credits: z.array(credit).min(1).max(CREDITS_PER_CALL_MAX),
    receipts: z.boolean().default(false),
  }),
  credit_batch: z.strictObject({
    reporter: address,
    firstSeq: count,
    notAfter: count,
    signature,
    credits: z.array(z.strictObject(creditFields)).min(1).max(BATCH_CREDITS_MAX),
    receipts: z.boolean().default(false),
  }),
  skip_sequence: z.strictObject({ reporter: address, fromSeq: count, toSeq: count, signature }),
  register: z.strictObject({
    orchestratorId: signedId,
    recipient: address,
    regSeq: count,
    notAfter: count,
    recipientSignature: signature,
    registrarSignature: signature.nullable().default(null),
  }),
  change_recipient: z.strictObject({
    orchestratorId: signedId,
    from: address,
    to: address,
    regSeq: count,
    notAfter: count,
    fromSignature: signature.nullable().default(null),
    toSignature: signature,
    signatures: signatures.default([]),
  }),
  set_policy: z.strictObject({
    version: count,
    policy: z.unknown(),
    prevPolicyHash: hash,
    notAfter: count,
    signatures,
  }),
  adjust: z.strictObject({
    adjustSeq: count,
    orchestratorId: signedId,
    deltaWei,
    reasonHash: hash,
    notAfter: count,
    signatures,
  }),
  drain: z.strictObject({ drainSeq: count, amountWei: wei, notAfter: count, signatures }),
  journal_reset: z.strictObject({ atSize: count, atHead: hash, newHead: hash, notAfter: count, signatures }),
  rotate: approval.extend({ fees, accountNonce: count }),
} as const
