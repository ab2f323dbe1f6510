/** Recipients pinned and changed by those whom it concerns (protocol section 6). */
import { write } from '../core/ledger.ts'
import { checkRoom } from '../core/outbox.ts'
import { RECIPIENT_CHANGE_SECONDS, RECIPIENT_CHANGE_SEQUENCES } from '../core/recipient.ts'
import { accountOf, decideChange, decideRegister } from '../core/register.ts'
import { type Instance, nowSeconds, release, stateOf } from '../instance.ts'
import { checkSigner, signerOf } from '../keys/signers.ts'
import { changeRecipientStruct, registerStruct } from '../protocol/credit.ts'
import { toHex } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

export function register(instance: Instance, params: ParsedParams<'register'>): MethodResults['register'] {
  const state = stateOf(instance)
  checkRoom(instance.outbox)
  const { recipientSignature, registrarSignature, ...fields } = params
  const message = { ledgerId: instance.ledgerId, ...fields }
  const struct = registerStruct(message)
  checkSigner(instance.ledger, struct, recipientSignature, fields.recipient)
  const registrar =
    registrarSignature === null
      ? null
      : { address: signerOf(instance.ledger, struct, registrarSignature), signature: toHex(registrarSignature) }
  const now = nowSeconds(instance)
  const body = decideRegister(state, message, toHex(recipientSignature), registrar, Math.max(state.at, now))
  const record = release(instance, [write(state, 'register', body, now)])
  return { account: body.account, recipient: fields.recipient, regSeq: fields.regSeq, records: [record] }
}

/** The change takes effect after its delay, with the first payout or change that follows. */
export function changeRecipient(
  instance: Instance,
  params: ParsedParams<'change_recipient'>,
): MethodResults['change_recipient'] {
  const state = stateOf(instance)
  checkRoom(instance.outbox)
  const { fromSignature, toSignature, signatures, ...fields } = params
  const message = { ledgerId: instance.ledgerId, ...fields }
  const struct = changeRecipientStruct(message)
  checkSigner(instance.ledger, struct, toSignature, fields.to)
  if (fromSignature !== null) checkSigner(instance.ledger, struct, fromSignature, fields.from)
  const signers = signatures.map((signature) => signerOf(instance.ledger, struct, signature))
  const signed = {
    from: fromSignature === null ? null : toHex(fromSignature),
    to: toHex(toSignature),
    quorum: signatures.map(toHex),
  }
  const now = nowSeconds(instance)
  const body = decideChange(state, message, signed, signers, Math.max(state.at, now))
  const record = release(instance, [write(state, 'register', body, now)])
  const { pending } = accountOf(state, fields.orchestratorId)
  return {
    account: body.account,
    effectiveSequence: pending === null ? null : pending.sequence + RECIPIENT_CHANGE_SEQUENCES,
    effectiveAt: pending === null ? null : pending.at + RECIPIENT_CHANGE_SECONDS,
    records: [record],
  }
}
