/** Who is to be paid, as the entries of a landed log have it: pinned once, changed by those whom it concerns, after its delay. */
import type { Entry } from '../../../enclave/protocol/entry.ts'
import { type Address, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { NOBODY, type Payee, ripened } from '../payees.ts'
import type { Inputs, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count } from '../world.ts'
import { claimSigned } from './signed.ts'

const NOBODY_ELSE = 'nobody else is paid'
const MEANT = 'inputs mean what was said'
const CONTIGUOUS = 'inputs are contiguous'

type Of<T extends Entry['type']> = Extract<Entry, { type: T }>['body']

export function payeeOf({ payees }: Inputs, id: string): Payee {
  return payees.get(id) ?? NOBODY
}

/** An index means one id for ever. */
export function takeAccount({ ids }: Inputs, { account, id }: { readonly account: number; readonly id: string }): void {
  claim(NOBODY_ELSE, (ids.get(account) ?? id) === id, () => `account ${account} is ${ids.get(account)}, not ${id}`)
  ids.set(account, id)
}

export function takeRegister(world: World, inputs: Inputs, body: Of<'register'>): void {
  takeAccount(inputs, body)
  if (body.source === 'change') return takeChange(world, inputs, body)
  const { id, recipient, source } = body
  const payee = payeeOf(inputs, id)
  claim(NOBODY_ELSE, payee.recipient === undefined, () => `${id} was pinned to ${payee.recipient}`)
  if (source === 'roster' || source === 'opening') {
    claim(MEANT, world.recipients.get(id) === recipient, () => `${id} begins with ${recipient}`)
    inputs.payees.set(id, { ...payee, recipient })
  } else {
    claimSigned(world, `register ${id} ${recipient}`)
    inputs.payees.set(id, { ...payee, recipient, regSeq: nextRegSeq(payee, body) })
  }
}

/** Of whoever is paid at that moment; one who follows himself takes back what waits. */
function takeChange(world: World, inputs: Inputs, body: Of<'register'> & { readonly source: 'change' }): void {
  const { id, from, recipient } = body
  const payee = ripened(payeeOf(inputs, id), inputs)
  claim(NOBODY_ELSE, payee.recipient === from, () => `${id}: ${from} gave away what is ${payee.recipient}'s`)
  claimSigned(world, `change ${id} ${from} ${recipient}`)
  const { sequence, at } = inputs
  const waiting = recipient === from ? undefined : { recipient, sequence, at }
  if (waiting === undefined && payee.waiting !== undefined) count(world, 'change taken back')
  inputs.payees.set(id, { ...payee, waiting, regSeq: nextRegSeq(payee, body) })
}

function nextRegSeq({ regSeq }: Payee, body: { readonly id: string; readonly regSeq: number }): number {
  claim(CONTIGUOUS, body.regSeq === regSeq + 1, () => `registration ${body.regSeq} of ${body.id} after ${regSeq}`)
  return body.regSeq
}

/** Whoever has waited takes over with the first payout after that, and neither sooner nor later. */
export function takeReserve(world: World, inputs: Inputs, { payouts }: Of<'reserve'>): void {
  for (const { account, recipient } of payouts) {
    if (account === 0) continue
    const id = inputs.ids.get(account) ?? ''
    const before = payeeOf(inputs, id)
    const payee = ripened(before, inputs)
    const told = () => `${recipient} is to be paid for ${id}, which is ${payee.recipient}'s`
    claim(NOBODY_ELSE, payee.recipient === recipient, told)
    if (payee.recipient !== before.recipient) count(world, 'change of recipient carried out')
    inputs.payees.set(id, payee)
  }
}

/** A credit may name whom its account belongs to: that pins him where nobody is pinned, and else it must be true. */
export function takeNamed(inputs: Inputs, id: string, recipient: Address): void {
  if (recipient === ZERO_ADDRESS) return
  const payee = payeeOf(inputs, id)
  if (payee.recipient === undefined) inputs.payees.set(id, { ...payee, recipient })
  else claim(MEANT, isNamed(payee, recipient), () => `a credit of ${recipient} counts for ${id} of ${payee.recipient}`)
}

/** Whoever waits may be named already. */
export function isNamed({ recipient, waiting }: Payee, named: Address): boolean {
  return named === recipient || named === waiting?.recipient
}
