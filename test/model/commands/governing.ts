/** What outsiders sign for the ledger, with real keys: credits, registrations, and the acts of a quorum. */
import { expect } from 'chai'
import { type Address, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { bitmapHash, Refused } from '../../builders/boot.ts'
import {
  ADMINS,
  aSigner,
  GOVERNED,
  QUORUM,
  REGISTRAR,
  REPORTERS,
  type Signer,
  signedFor,
} from '../../builders/governors.ts'
import { UNACKNOWLEDGED_MAX } from './feeding.ts'
import type { GovernedOf, SignedCredit } from './governed.ts'
import type { Host } from './host.ts'
import type { Player } from './player.ts'

export const PAYEES: readonly Signer[] = Array.from({ length: 6 }, (_, at) => aSigner(`payee ${at}`))
/** Named by no policy. */
const STRANGER = aSigner('stranger')
const ETHER_WEI = 10n ** 18n

/** Every id that a governed run knows: of the roster, of credits, and one that is an address of its own. */
const GOVERNED_IDS: readonly string[] = [
  'orch-0',
  'orch-1',
  'orch-2',
  'late-a',
  'late-b',
  'new-a',
  'new-b',
  (PAYEES[5] as Signer).address,
]

/** What an act may be refused with when nothing about its signature is wrong. */
const REFUSALS = {
  credit_signed: ['REPORTER_UNKNOWN'],
  credit_batch: ['REPORTER_UNKNOWN', 'SIGNATURE_EXPIRED', 'BATCH_INVALID'],
  skip_sequence: ['REPORTER_UNKNOWN'],
  register: ['REGISTRATION_DENIED', 'RECIPIENT_PINNED', 'RECIPIENT_FORBIDDEN', 'ACCOUNT_UNKNOWN'],
  change_recipient: ['ACCOUNT_UNKNOWN', 'RECIPIENT_MISMATCH', 'RECIPIENT_FORBIDDEN'],
  set_policy: ['POLICY_FIXED', 'POLICY_INVALID'],
  adjust: ['ACCOUNT_UNKNOWN', 'AMOUNT_ZERO', 'OVERDRAW'],
  drain: ['AMOUNT_ZERO'],
  journal_reset: ['RESET_MISMATCH'],
} as const
const FORGED = ['SIGNER_MISMATCH', 'SIGNATURE_INVALID', 'QUORUM_INVALID', 'REGISTRATION_DENIED', 'REPORTER_UNKNOWN']

type Act = keyof typeof REFUSALS

/** An act in whatever state of affairs; gives the reply, or undefined when it was refused and nothing changed. */
// biome-ignore lint/suspicious/noExplicitAny: replies are judged field by field in tests.
function act(host: Host, player: Player, name: Act, params: object, more: readonly string[] = []): any {
  const { phase } = player
  const allowed = [...REFUSALS[name], ...more]
  const forbidden = phase !== 'active' && !(name === 'set_policy' && phase === 'recovering')
  if (player.unacknowledged >= UNACKNOWLEDGED_MAX) allowed.push('BACKPRESSURE')
  const before = player.fingerprint()
  try {
    const reply = player.boot.call(name, params)
    expect(forbidden, `${name} in phase ${phase}`).to.equal(false)
    player.repeats(reply, () => player.boot.call(name, params))
    host.accepted.add(name)
    player.acknowledge()
    return reply
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    expect(forbidden ? ['PHASE_FORBIDS'] : allowed, `${name}: ${error.message}`).to.include(error.code)
    expect(player.fingerprint()).to.equal(before)
    return undefined
  }
}

/** Says again what was signed, with one bit of one signature flipped: nobody we know signed that. */
function forged(host: Host, player: Player, name: Act, params: object): void {
  const text = new Set(['signature', 'recipientSignature', 'toSignature'])
  const flip = (bytes: Uint8Array): Uint8Array => bytes.with(40, (bytes[40] as number) ^ 1)
  const wrong = Object.entries(params).map(([key, value]) => {
    if (text.has(key)) return [key, flip(value as Uint8Array)]
    if (key === 'signatures') return [key, (value as Uint8Array[]).map(flip)]
    if (key !== 'credits' || name !== 'credit_signed') return [key, value]
    return [
      key,
      (value as { signature: Uint8Array }[]).map((credit) => ({ ...credit, signature: flip(credit.signature) })),
    ]
  })
  expect(act(host, player, name, Object.fromEntries(wrong), FORGED), `${name} with a forged signature`).to.equal(
    undefined,
  )
}

/** First with a bit flipped, then as it was signed. */
// biome-ignore lint/suspicious/noExplicitAny: replies are judged field by field in tests.
function twice(host: Host, player: Player, name: Act, params: object): any {
  forged(host, player, name, params)
  return act(host, player, name, params)
}

export function credits(host: Host, player: Player, { reporter: which, items, twist }: GovernedOf<'credits'>): void {
  const reporter = twist === 'stranger' ? STRANGER : reporterAt(which)
  const { nextSeq } = player.boot.call('reporter', { reporter: reporter.address })
  const first = twist === 'known' ? Math.max(1, nextSeq - 1) : twist === 'gap' ? nextSeq + 1 : nextSeq
  const notAfter = twist === 'expired' ? { notAfter: 1 } : {}
  const { credit } = signedFor(player.boot.instance.ledger)
  const signed = items.map((item, at) => credit(reporter, first + at, { ...spoken(item), ...notAfter }))
  const reply = twice(host, player, 'credit_signed', { credits: signed, receipts: true })
  if (reply === undefined) return
  const kinds: string[] = reply.outcomes.map(({ kind }: { kind: string }) => kind)
  if (first < nextSeq) expect(kinds[0]).to.equal('known')
  else if (first > nextSeq) expect(new Set(kinds)).to.deep.equal(new Set(['gap']))
  else if (twist === 'expired') expect(kinds[0]).to.equal('expired')
  else expect(kinds.filter((kind) => !['applied', 'refused'].includes(kind))).to.deep.equal([])
  expect(reply.receipts.length).to.equal(kinds.filter((kind) => kind === 'applied').length)
}

export function batch(host: Host, player: Player, { reporter: which, items, twist }: GovernedOf<'batch'>): void {
  const reporter = twist === 'stranger' ? STRANGER : reporterAt(which)
  const { nextSeq } = player.boot.call('reporter', { reporter: reporter.address })
  const first = twist === 'known' ? Math.max(1, nextSeq - items.length) : twist === 'gap' ? nextSeq + 1 : nextSeq
  const notAfter = twist === 'expired' ? { notAfter: 1 } : {}
  const signed = signedFor(player.boot.instance.ledger).batch(
    reporter,
    first,
    items.map((item) => ({ ...spoken(item), ...notAfter })),
  )
  const reply = twice(host, player, 'credit_batch', signed)
  if (reply === undefined) return
  if (first > nextSeq) expect(reply).to.deep.equal({ kind: 'gap', expected: nextSeq })
  else if (first < nextSeq) expect(reply).to.deep.equal({ kind: 'known', nextSeq })
  else expect([reply.kind, reply.nextSeq]).to.deep.equal(['ack', nextSeq + items.length])
}

export function skipNumbers(host: Host, player: Player, { reporter: which, count }: GovernedOf<'skipNumbers'>): void {
  const reporter = reporterAt(which)
  const { nextSeq } = player.boot.call('reporter', { reporter: reporter.address })
  const signed = signedFor(player.boot.instance.ledger)
  act(host, player, 'skip_sequence', signed.skip(reporter, nextSeq + 1, nextSeq + count), ['COUNTER_MISMATCH'])
  const reply = twice(host, player, 'skip_sequence', signed.skip(reporter, nextSeq, nextSeq + count))
  if (reply !== undefined) expect(reply.nextSeq).to.equal(nextSeq + count + 1)
}

export function register(host: Host, player: Player, { id: which, payee, by }: GovernedOf<'register'>): void {
  const orchestratorId = idAt(which)
  const { regSeq } = player.state.byId.get(orchestratorId) ?? { regSeq: 0 }
  const registrar = by === 'self' ? null : by === 'stranger' ? STRANGER : REGISTRAR
  const signed = signedFor(player.boot.instance.ledger)
  const over = { orchestratorId, regSeq: regSeq + 1 }
  const reply = twice(host, player, 'register', signed.register(payeeAt(payee), registrar, over))
  if (reply !== undefined) expect(by, 'nobody whom the policy does not name registers').to.not.equal('stranger')
}

/** By the old recipient's word, by the quorum's, or by nobody's. */
export function change(host: Host, player: Player, { id: which, payee, by }: GovernedOf<'change'>): void {
  const orchestratorId = idAt(which)
  const account = player.state.byId.get(orchestratorId)
  const from = account?.recipient ?? ZERO_ADDRESS
  const to = payeeAt(payee)
  const message = { orchestratorId, from, to: to.address, regSeq: (account?.regSeq ?? 0) + 1, notAfter: 4_000_000_000 }
  const owner = by === 'owner' ? (PAYEES.find(({ address }) => address === from) ?? STRANGER) : null
  const signed = signedFor(player.boot.instance.ledger).change(owner, to, message, by === 'quorum' ? QUORUM : [])
  const more = by === 'nobody' ? ['QUORUM_INVALID'] : owner === STRANGER ? ['SIGNER_MISMATCH'] : ['QUORUM_INVALID']
  const reply = act(host, player, 'change_recipient', signed, more)
  if (reply !== undefined) expect(by).to.not.equal('nobody')
}

export function policy(host: Host, player: Player, { field, amount, which }: GovernedOf<'policy'>): void {
  const { policy: now, policyVersion, policyHash } = player.state
  const next = { ...now, ...changed(now, field, amount, which) }
  const { policy: sign } = signedFor(player.boot.instance.ledger)
  act(host, player, 'set_policy', sign(next, policyVersion + 2, policyHash), ['COUNTER_MISMATCH'])
  act(host, player, 'set_policy', sign(next, policyVersion + 1, bitmapHash(1n)), ['POLICY_SUPERSEDED'])
  act(host, player, 'set_policy', sign(next, policyVersion + 1, policyHash, ADMINS.slice(0, 1)), ['QUORUM_INVALID'])
  const reply = twice(host, player, 'set_policy', sign(next, policyVersion + 1, policyHash))
  if (reply !== undefined) expect(player.state.policy).to.deep.equal(next)
}

function changed(now: Policy, field: GovernedOf<'policy'>['field'], amount: bigint, which: number): Partial<Policy> {
  switch (field) {
    case 'threshold':
      return { thresholdWei: wei(amount) }
    case 'windows':
      return { recipientWindowWeiMax: wei(amount + ETHER_WEI), rollingWeiMax: wei(2n * amount + ETHER_WEI) }
    case 'denied':
      return { deniedRecipients: now.deniedRecipients.length > 0 ? [] : [payeeAt(which).address] }
    case 'reporters':
      return { reporters: now.reporters.length > 1 ? now.reporters.slice(0, 1) : (GOVERNED.reporters ?? []) }
    case 'caps':
      return { reporters: now.reporters.map((reporter) => ({ ...reporter, windowWeiMax: wei(amount + ETHER_WEI) })) }
    case 'owner':
      return { treasuryOwner: payeeAt(which).address }
    case 'registration':
      return { registration: { registrar: which % 2 === 0, self: true, credit: which % 3 === 0 } }
    case 'route':
      return { credits: 'signed' }
  }
}

export function adjust(host: Host, player: Player, { id, deltaWei }: GovernedOf<'adjust'>): void {
  const { adjust: sign } = signedFor(player.boot.instance.ledger)
  const message = { adjustSeq: player.state.adjustSeq + 1, orchestratorId: idAt(id), deltaWei }
  act(host, player, 'adjust', sign({ ...message, adjustSeq: message.adjustSeq + 1 }), ['COUNTER_MISMATCH'])
  act(host, player, 'adjust', sign(message, [STRANGER, ...QUORUM]), ['QUORUM_INVALID'])
  twice(host, player, 'adjust', sign(message))
}

export function drain(host: Host, player: Player, { amountWei }: GovernedOf<'drain'>): void {
  const { drain: sign } = signedFor(player.boot.instance.ledger)
  const message = { drainSeq: player.state.drainSeq + 1, amountWei: wei(amountWei) }
  act(host, player, 'drain', sign({ ...message, drainSeq: message.drainSeq - 1 }), ['COUNTER_MISMATCH'])
  twice(host, player, 'drain', sign(message))
}

/** From here on another past counts: what was consumed before is never offered again. */
export function reset(host: Host, player: Player, { head }: GovernedOf<'reset'>): void {
  const { journalSize, journalHead } = player.boot.ledger
  const { reset: sign } = signedFor(player.boot.instance.ledger)
  const message = { atSize: journalSize, atHead: journalHead, newHead: bitmapHash(head) }
  expect(act(host, player, 'journal_reset', sign({ ...message, atSize: journalSize + 1 }))).to.equal(undefined)
  const reply = twice(host, player, 'journal_reset', sign(message))
  if (reply === undefined) return
  expect([reply.journalSize, reply.journalHead]).to.deep.equal([journalSize, bitmapHash(head)])
  player.journal.length = 0
}

function spoken({ id, amountWei, recipient }: SignedCredit): {
  readonly orchestratorId: string
  readonly amountWei: ReturnType<typeof wei>
  readonly recipient: Address
} {
  const named = recipient === null ? ZERO_ADDRESS : payeeAt(recipient).address
  return { orchestratorId: idAt(id), amountWei: wei(amountWei), recipient: named }
}

function reporterAt(which: number): Signer {
  return REPORTERS[which % REPORTERS.length] as Signer
}

function payeeAt(which: number): Signer {
  return PAYEES[which % PAYEES.length] as Signer
}

function idAt(which: number): string {
  return GOVERNED_IDS[which % GOVERNED_IDS.length] as string
}
