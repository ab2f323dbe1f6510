/** One fact of the chain is not what it was: what the auditor has to see, whatever it was. */
import type { AnchorEvent, BrokerEvent, ChainFacts } from '../../../auditor/chain-facts.ts'
import { isPaid } from '../../../auditor/payments.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import type { World } from '../scene.ts'

/** Undefined where this world has no such fact. */
export type Forgery = (world: World, facts: ChainFacts) => ChainFacts | undefined

type EventOf<K extends AnchorEvent['kind']> = Extract<AnchorEvent, { kind: K }>

export const FORGERIES: { readonly [name: string]: Forgery } = {
  'a bit flipped': onEvent('settled', (one) => [{ ...one, bitmap: one.bitmap ^ 1n }]),
  'a settlement hidden': onEvent('settled', () => []),
  'a folded head changed': onEvent('settled', (one) => [{ ...one, head: aHash(one.head) }]),
  'a commit hidden': onEvent('committed', () => []),
  'a commit shown twice': onEvent('committed', (one) => [one, one]),
  'a balance root changed': onEvent('committed', (one) => [{ ...one, balanceRoot: aHash(one.balanceRoot) }]),
  'a log root changed': onEvent('committed', (one) => [{ ...one, logRoot: aHash(one.logRoot) }]),
  'a session hidden': onEvent('session', () => []),
  'a session opened on another head': onEvent('session', (one) => [{ ...one, head: aHash(one.head) }]),
  'a rotation hidden': onEvent('rotated', () => []),
  'a rotation to another authority': onEvent('rotated', (one, { broker }) => [{ ...one, authority: broker }]),
  'another authority appointed': onEvent('appointed', (one, { broker }) => [{ ...one, authority: broker }]),
  'a payment hidden': onPayment(() => []),
  'a payment changed': onPayment((one) => [{ ...one, amountWei: one.amountWei + 1n }]),
  'a payment to somebody else': onPayment((one, { broker }) => [{ ...one, recipient: broker }]),
  'a payment made twice': onPayment((one) => [one, one]),
  'a wei gone': aWeiGone,
  'a skip bit changed in the call': aSkipBitChanged,
  'another head shown': onState(({ head }) => ({ head: aHash(head) })),
  'a later sequence shown': onState(({ sequence }) => ({ sequence: sequence + 1 })),
  'a later epoch shown': onState(({ epoch }) => ({ epoch: epoch + 1 })),
  'another authority shown': onState(({ broker }) => ({ authority: broker })),
  'another guardian shown': onState(({ broker }) => ({ guardian: broker })),
  'an emptied treasury shown': (_, facts) => {
    const isKept = (facts.treasury?.at(-1)?.afterWei ?? 0n) > 0n
    return isKept ? { ...facts, state: { ...facts.state, balanceWei: 0n } } : undefined
  },
}

function onState(change: (state: ChainFacts['state']) => Partial<ChainFacts['state']>): Forgery {
  return (_, facts) => ({ ...facts, state: { ...facts.state, ...change(facts.state) } })
}

function onEvent<K extends AnchorEvent['kind']>(
  kind: K,
  instead: (one: EventOf<K>, state: ChainFacts['state']) => readonly AnchorEvent[],
): Forgery {
  return (world, facts) => {
    const chosen = pickOne(
      world,
      facts.events.filter((event): event is EventOf<K> => event.kind === kind),
    )
    if (chosen === undefined) return undefined
    const events = facts.events.flatMap((event) => (event === chosen ? instead(chosen, facts.state) : [event]))
    return { ...facts, events }
  }
}

/** A ticket of ours that the anchor redeemed. */
function onPayment(instead: (one: BrokerEvent, state: ChainFacts['state']) => readonly BrokerEvent[]): Forgery {
  return (world, facts) => {
    const paying = new Set(facts.events.flatMap(({ kind, transaction }) => (kind === 'settled' ? [transaction] : [])))
    const chosen = pickOne(
      world,
      facts.brokerEvents.filter(({ transaction }) => paying.has(transaction)),
    )
    if (chosen === undefined) return undefined
    const brokerEvents = facts.brokerEvents.flatMap((one) => (one === chosen ? instead(chosen, facts.state) : [one]))
    return { ...facts, brokerEvents }
  }
}

/** Of the first payout. A transfer that failed without a skip bit looks on chain like one that was skipped: no auditor could tell. */
function aSkipBitChanged(world: World, facts: ChainFacts): ChainFacts | undefined {
  const paying = facts.events.filter((event): event is EventOf<'settled'> => event.kind === 'settled')
  const told = paying.flatMap(({ transaction, bitmap }) => {
    const call = facts.calls.get(transaction)
    return call !== undefined && (call.payouts.tickets.length > 0 || isPaid(bitmap, 0)) ? [{ transaction, call }] : []
  })
  const chosen = pickOne(world, told)
  if (chosen === undefined) return undefined
  const { transaction, call } = chosen
  return { ...facts, calls: new Map(facts.calls).set(transaction, { ...call, skip: call.skip ^ 1n }) }
}

/** Where money came in with the same block, what went out too much is netted against it. */
function aWeiGone(world: World, facts: ChainFacts): ChainFacts | undefined {
  const isFunded = (block: number) =>
    world.chain.blocks[block]?.included.some(({ transaction }) => transaction.kind === 'fund') === true
  const steps = facts.treasury ?? []
  const chosen = pickOne(
    world,
    steps.filter(({ block }) => !isFunded(block)),
  )
  if (chosen === undefined) return undefined
  const treasury = steps.map((step) => (step === chosen ? { ...step, afterWei: step.afterWei - 1n } : step))
  return { ...facts, treasury }
}

function pickOne<T>({ random }: World, list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : random.pick(list)
}

/** Another hash than this one. */
function aHash(hash: string): `0x${string}` & ReturnType<typeof toHash> {
  const bytes = Uint8Array.from(Buffer.from(hash.slice(2), 'hex'))
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return toHash(bytes)
}
