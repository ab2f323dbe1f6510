/** Requests to an enclave in each phase, several in a row. */
import { answer } from '../../../enclave/dispatch.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { decodeMessage } from '../../../enclave/protocol/frame.ts'
import { METHODS, type MethodName, PHASES, type Phase } from '../../../enclave/protocol/methods.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { aPolicy } from '../../builders/boot.ts'
import { GOVERNED } from '../../builders/governors.ts'
import { aWorld, closeWorlds } from '../../builders/worlds.ts'
import { aRange, aTarget, judge, keepReleased, paramsOf, type Range, type Target as Shot } from '../enclave-range.ts'
import { ACCEPTED, demand, type Outcome, type Target } from '../engine/target.ts'
import { requestOf } from '../mutations.ts'
import { changeSequence, packed, unpacked } from './packing.ts'

const REQUESTS_MAX = 6
const METHOD_NAMES = Object.keys(METHODS) as MethodName[]

const ROUTES = ['host-trusted', 'signed'] as const
type Route = (typeof ROUTES)[number]
type Place = { readonly phase: Phase; readonly route: Route }

const ranges = new Map<Route, Range>()
const shots = new Map<string, Shot>()

function rangeOf(credits: Route): Range {
  const known = ranges.get(credits)
  if (known !== undefined) return known
  const policy = aPolicy({ ...GOVERNED, credits, cadenceSeconds: 30, signaturesPerSequenceMax: 4 })
  const range = aRange(aWorld({ policy }))
  ranges.set(credits, range)
  return range
}

/** An enclave of the phase that nothing has changed yet. */
function shotIn({ phase, route }: Place): Shot {
  const known = shots.get(`${phase} ${route}`)
  if (known !== undefined && isUntouched(known)) return known
  const fresh = aTarget(rangeOf(route), phase)
  shots.set(`${phase} ${route}`, fresh)
  return fresh
}

function isUntouched({ boot, phase, nextRecord }: Shot): boolean {
  const { instance } = boot
  const parts = instance.genesisParts.roster.length + instance.genesisParts.openings.length
  const begun = instance.loading !== undefined || instance.rebuilding !== undefined || parts > 0
  return instance.phase === phase && instance.outbox.next === nextRecord && !begun
}

function placeOf(byte: number | undefined): Place {
  const number = byte ?? 0
  const phase = PHASES[number % PHASES.length] as Phase
  return { phase, route: ROUTES[Math.floor(number / PHASES.length) % ROUTES.length] as Route }
}

function aSequence(dice: Dice): Uint8Array {
  const place = dice.below(PHASES.length * ROUTES.length)
  const shot = shotIn(placeOf(place))
  const legal = METHOD_NAMES.filter((name) => (METHODS[name].phases as readonly Phase[]).includes(shot.phase))
  const requests = Array.from({ length: 1 + dice.below(REQUESTS_MAX) }, () => {
    const method = dice.pick(legal)
    return requestOf(dice, method, paramsOf(dice, method, shot, rangeOf(placeOf(place).route)))
  })
  return Uint8Array.of(place, ...packed(requests))
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
  inputs: 500,
  seeds: () => Array.from({ length: 60 }, (_, at) => aSequence(newDice(at))),
  generate: aSequence,
  mutate: (dice, input) => changeSequence(dice, input, REQUESTS_MAX),
  run: (input) => {
    const place = placeOf(input[0])
    const shot = shotIn(place)
    let outcome: Outcome = ACCEPTED
    for (const request of unpacked(input.subarray(1)).slice(0, REQUESTS_MAX)) {
      outcome = shoot(shot, request)
      keepReleased(shot, rangeOf(place.route))
    }
    if (!isUntouched(shot) || shot.boot.instance.state !== undefined) judgeNowAndThen(shot, rangeOf(place.route))
    return outcome
  },
  close: () => {
    shots.clear()
    ranges.clear()
    closeWorlds()
  },
}

let judged = 0
/** A whole reload for each input would leave time for few. */
const JUDGED_EVERY = 20

function judgeNowAndThen(shot: Shot, range: Range): void {
  if (isUntouched(shot) && judged++ % JUDGED_EVERY !== 0) return
  judge(shot, range)
}

export const REQUESTS: readonly Target[] = [requests]
