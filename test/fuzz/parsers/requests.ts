/** Requests to an enclave in each phase, several in a row. */
import { answer } from '../../../enclave/dispatch.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { decodeMessage } from '../../../enclave/protocol/frame.ts'
import { METHODS, type MethodName, PHASES, type Phase } from '../../../enclave/protocol/methods.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { aPolicy } from '../../builders/boot.ts'
import { aWorld, closeWorlds } from '../../builders/worlds.ts'
import { aRange, aTarget, judge, keepReleased, paramsOf, type Range, type Target as Shot } from '../enclave-range.ts'
import { ACCEPTED, demand, type Outcome, type Target } from '../engine/target.ts'
import { changeBytes, changeInside, randomBytes, requestOf } from '../mutations.ts'
import { packed, unpacked } from './packing.ts'

const REQUESTS_MAX = 6
const METHOD_NAMES = Object.keys(METHODS) as MethodName[]

let range: Range | undefined
const shots = new Map<Phase, Shot>()

function theRange(): Range {
  range ??= aRange(aWorld({ policy: aPolicy({ cadenceSeconds: 30, signaturesPerSequenceMax: 4 }) }))
  return range
}

/** An enclave of the phase that nothing has changed yet. */
function shotIn(phase: Phase): Shot {
  const known = shots.get(phase)
  if (known !== undefined && isUntouched(known)) return known
  const fresh = aTarget(theRange(), phase)
  shots.set(phase, fresh)
  return fresh
}

function isUntouched({ boot, phase, nextRecord }: Shot): boolean {
  const { instance } = boot
  const parts = instance.genesisParts.roster.length + instance.genesisParts.openings.length
  return (
    instance.phase === phase && instance.outbox.next === nextRecord && instance.loading === undefined && parts === 0
  )
}

function phaseOf(input: Uint8Array): Phase {
  return PHASES[(input[0] ?? 0) % PHASES.length] as Phase
}

function aSequence(dice: Dice): Uint8Array {
  const phase = dice.below(PHASES.length)
  const shot = shotIn(PHASES[phase] as Phase)
  const legal = METHOD_NAMES.filter((name) => (METHODS[name].phases as readonly Phase[]).includes(shot.phase))
  const requests = Array.from({ length: 1 + dice.below(REQUESTS_MAX) }, () => {
    const method = dice.pick(legal)
    return requestOf(dice, method, paramsOf(dice, method, shot, theRange()))
  })
  return Uint8Array.of(phase, ...packed(requests))
}

/** What a request was answered with. INTERNAL is a bug of ours, and so is an answer that cannot be read. */
function shoot({ boot }: Shot, request: Uint8Array): Outcome {
  const { message } = decodeMessage(answer(boot.instance, request))
  const { error, result } = message as { error?: { code: string; message: string }; result?: unknown }
  if (error === undefined) {
    demand(typeof result === 'object' && result !== null, 'a result is a map')
    return ACCEPTED
  }
  demand(Object.hasOwn(ERRORS, error.code) && error.code !== 'INTERNAL', `a code, not ${error.code}: ${error.message}`)
  return error.code as Outcome
}

const requests: Target = {
  name: 'requests',
  claim: 'answers any requests in any phase, and the state, the log and the records of that enclave agree afterwards',
  inputs: 4_000,
  seeds: () => Array.from({ length: 40 }, (_, at) => aSequence(newDice(at))),
  generate: aSequence,
  mutate: (dice, input) => {
    const list = unpacked(input.subarray(1)).slice(0, REQUESTS_MAX)
    const at = dice.below(list.length)
    const kind = dice.below(4)
    if (kind === 0) list.splice(at, 0, randomBytes(dice))
    else list[at] = (kind === 1 ? changeBytes : changeInside)(dice, list[at] ?? new Uint8Array(1))
    return Uint8Array.of(input[0] ?? 0, ...packed(list))
  },
  run: (input) => {
    const shot = shotIn(phaseOf(input))
    let outcome: Outcome = ACCEPTED
    for (const request of unpacked(input.subarray(1)).slice(0, REQUESTS_MAX)) {
      outcome = shoot(shot, request)
      keepReleased(shot, theRange())
    }
    if (!isUntouched(shot) || shot.boot.instance.state !== undefined) judgeNowAndThen(shot)
    return outcome
  },
  close: () => {
    shots.clear()
    range = undefined
    closeWorlds()
  },
}

let judged = 0
/** A whole reload for each input would leave time for few. */
const JUDGED_EVERY = 20

function judgeNowAndThen(shot: Shot): void {
  if (isUntouched(shot) && judged++ % JUDGED_EVERY !== 0) return
  judge(shot, theRange())
}

export const REQUESTS: readonly Target[] = [requests]
