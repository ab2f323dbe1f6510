/** What a host makes of things that others signed: calls with something changed in them, and acts that come once more. */
import { type AnchorCall, encodeAnchorCall } from '../../../enclave/protocol/anchor.ts'
import { ask } from '../boot.ts'
import type { SignedCall, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count, struck } from '../world.ts'
import { readCall } from './broadcast.ts'

/** Of a signature: another r is another signer. */
const R_BYTES = 32
/** The number of a call that no enclave made. */
const NOBODYS = -1

/** Relayed by somebody, since the transaction around it would no longer be signed. */
export function tamper(world: World): void {
  const { random, calls, chain } = world
  if (calls.length === 0) return
  // Only the newest is good but for what is changed; an old one is stale besides.
  const { info } = random.chance(500) ? (calls.at(-1) as SignedCall) : random.pick(calls)
  const changed = changedCall(world, info.decoded)
  const call = { ...readCall(world, encodeAnchorCall(changed), changed.kind), id: NOBODYS }
  chain.submit({ kind: 'anchor', call, raw: undefined })
  struck(world, 'tampered')
}

/** As if it were signed for the chain as it is now; a skip bit more or less, the payouts of another commit, another signature. */
function changedCall(world: World, call: AnchorCall): AnchorCall {
  const { random, chain } = world
  if (random.chance(300)) return { ...call, signature: flipped(world, call.signature) }
  const { head, epoch, sequence } = chain.tip.state
  switch (call.kind) {
    case 'openSession':
      return { ...call, open: { ...call.open, epoch: epoch + 1, head } }
    case 'rotateAuthority':
      return { ...call, rotate: { ...call.rotate, epoch: epoch + 1, head } }
    case 'commit':
      return { ...call, commit: { ...call.commit, epoch, sequence: sequence + 1, prev: head } }
    case 'commitAndPay':
      return changedPayouts(world, call)
  }
}

function changedPayouts(world: World, call: Extract<AnchorCall, { kind: 'commitAndPay' }>): AnchorCall {
  const { random, calls } = world
  const others = calls.flatMap(({ info }: SignedCall) => (info.decoded.kind === 'commitAndPay' ? [info.decoded] : []))
  switch (random.below(3)) {
    case 0:
      return { ...call, skip: call.skip ^ 1n }
    case 1:
      return { ...call, payouts: random.pick(others).payouts }
    default:
      return { kind: 'commit', commit: call.commit, signature: call.signature }
  }
}

function flipped({ random }: World, signature: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(signature)
  const at = random.below(R_BYTES)
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
  return bytes
}

/** To any enclave that takes acts: one that has it already may not carry it out again. */
export function replayAct(world: World): void {
  const { random, acts, boots } = world
  const active = boots.filter(({ instance }) => instance.phase === 'active')
  if (acts.length === 0 || active.length === 0) return
  const { method, params } = random.pick(acts)
  const boot = random.pick(active)
  struck(world, 'replayedAct')
  const first = ask(world, boot, method, params)
  if (first.kind === 'refused') return
  const size = boot.instance.state?.log.size
  ask(world, boot, method, params)
  const isOnce = boot.instance.state?.log.size === size
  claim('a repeated input counts once', isOnce, () => `${method} was carried out again`)
  count(world, `act carried out or known ${method}`)
}
