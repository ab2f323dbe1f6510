/** Readers that are wrong on purpose: what they do has to be noticed, or watching proves nothing. */
import { ACCEPTED, type Outcome, type Target } from '../engine/target.ts'

const WRONG_BYTE = 7
const kept: object[] = []
const SWELL_BYTES = 1_048_576

function aSample(name: string, wrong: () => void | Promise<void>): Target {
  return {
    name,
    claim: 'does not do what it does',
    inputs: 0,
    seeds: () => [Uint8Array.of(1), Uint8Array.of(WRONG_BYTE, 1, 2)],
    run: async (input): Promise<Outcome> => {
      if (input[0] === WRONG_BYTE) await wrong()
      return ACCEPTED
    },
  }
}

export const SAMPLES: readonly Target[] = [
  aSample('sample-hang', () => {
    for (let turns = 0; turns >= 0; ) turns = (turns + 1) % 1_000
  }),
  aSample('sample-wait', () => new Promise(() => undefined)),
  aSample('sample-hoard', () => {
    while (kept.length >= 0) kept.push({ at: kept.length, more: [kept.length] })
  }),
  // Slow enough to be stopped in time: each look at the memory is a quarter of a second after the last.
  aSample('sample-swell', () => {
    for (let turns = 0; turns < Number.MAX_SAFE_INTEGER; turns++) {
      kept.push(new Uint8Array(SWELL_BYTES).fill(turns))
      for (let spin = 0; spin < 2_000_000; spin++) if (spin % 7 === 8) return
    }
  }),
  aSample('sample-throw', () => {
    throw new TypeError('nobody looked at the seven')
  }),
  aSample('sample-reject', () => {
    void Promise.reject(new TypeError('nobody waited'))
    return new Promise((done) => setImmediate(done))
  }),
]
