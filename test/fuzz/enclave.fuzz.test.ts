/** Bytes of every kind at an enclave in every phase: FUZZ_RUNS draws more, FUZZ_SEED others, and a failure prints both. */
import { expect } from 'chai'
import { answer } from '../../enclave/dispatch.ts'
import { decodeMessage } from '../../enclave/protocol/frame.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { METHODS, type MethodName, PHASES, type Phase } from '../../enclave/protocol/methods.ts'
import { type Dice, newDice } from '../../scripts/journal/dice.ts'
import { aPolicy } from '../builders/boot.ts'
import { GOVERNED } from '../builders/governors.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'
import { aRange, aTarget, judge, keepReleased, paramsOf, type Range, type Target } from './enclave-range.ts'
import { randomBytes, requestOf } from './mutations.ts'

/** Inputs in each phase. */
const RUNS = Number.parseInt(process.env['FUZZ_RUNS'] ?? '1000', 10)
const SEED = Number.parseInt(process.env['FUZZ_SEED'] ?? '20261120', 10)
/** An honest request and a look at the whole ledger after so many inputs. */
const JUDGED_EVERY = 250
const GROWTH_BYTES_MAX = 268_435_456
const SHOWN_CHARACTERS_MAX = 4_000
const RUN_TIMEOUT_MS = 60

const ALL = Object.keys(METHODS) as MethodName[]

function isAt(method: MethodName, phase: Phase): boolean {
  return (METHODS[method].phases as readonly Phase[]).includes(phase)
}

function aRequest(dice: Dice, target: Target, range: Range): Uint8Array {
  if (dice.below(8) === 0) return randomBytes(dice)
  const legal = ALL.filter((method) => isAt(method, target.phase))
  // Halting is tried now and then: each time the target is gone.
  const method = dice.below(20) === 0 ? dice.pick(ALL) : dice.pick(legal.filter((name) => name !== 'halt'))
  return requestOf(dice, method, paramsOf(dice, method, target, range))
}

/** Sends one input and reads the answer back. Throws where the enclave throws, or calls it a bug of its own. */
function shoot(target: Target, request: Uint8Array): void {
  const { message } = decodeMessage(answer(target.boot.instance, request))
  const { error, result } = message as { error?: { code: string; message: string }; result?: unknown }
  if (error === undefined) expect(result).to.be.an('object')
  else if (error.code === 'INTERNAL') throw new Error(`INTERNAL: ${error.message}`)
}

function fire(phase: Phase, range: Range): void {
  const dice = newDice(SEED + PHASES.indexOf(phase))
  let target = aTarget(range, phase)
  for (let run = 1; run <= RUNS; run++) {
    range.world.nowSeconds += dice.below(60)
    const request = aRequest(dice, target, range)
    try {
      shoot(target, request)
      keepReleased(target, range)
      const moved = target.boot.instance.phase !== phase
      if (run % JUDGED_EVERY !== 0 && !moved) continue
      target.boot.call('status', {})
      judge(target, range)
      target = aTarget(range, phase)
    } catch (cause) {
      const shown = toHex(request).slice(0, SHOWN_CHARACTERS_MAX)
      throw new Error(`FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}, phase ${phase}, input ${run}: ${cause} after ${shown}`, {
        cause,
      })
    }
  }
}

describe('an enclave whose host sends anything', () => {
  after(closeWorlds)

  for (const credits of ['host-trusted', 'signed'] as const) {
    for (const phase of PHASES) {
      it(`refuses with a code or answers in phase ${phase} with ${credits} credits, and its log, records and state still agree`, function () {
        this.timeout(10_000 + RUNS * RUN_TIMEOUT_MS)
        const before = process.memoryUsage().rss
        const policy = aPolicy({ ...GOVERNED, credits, cadenceSeconds: 30, signaturesPerSequenceMax: 4 })
        fire(phase, aRange(aWorld({ policy })))
        expect(process.memoryUsage().rss - before).to.be.below(GROWTH_BYTES_MAX)
      })
    }
  }
})
