/** What a host may do next, as data: fast-check draws it, prints it, and makes it smaller. */
import fc from 'fast-check'
import { lineSpec } from './lines.ts'

/** Below 6: the boot that holds the session, where there is one. Else any. */
const who = fc.nat(9)
const mostly = fc.constantFrom(true, true, true, false)
/** Whether the host takes the reply and acknowledges it; without, the next look at `outputs` finds the records. */
const keep = mostly
const bits = fc.bigInt(0n, 2n ** 8n - 1n)

const offer = fc.record({
  kind: fc.constant('offer' as const),
  who,
  keep,
  receipts: fc.boolean(),
  lines: fc.array(lineSpec, { minLength: 1, maxLength: 6 }),
})
const again = fc.record({
  kind: fc.constant('again' as const),
  who,
  back: fc.integer({ min: 1, max: 4 }),
  twist: fc.constantFrom('same', 'rewritten', 'ahead'),
})
const prepare = fc.record({
  kind: fc.constant('prepare' as const),
  who,
  keep,
  pay: mostly,
  budgetWei: fc.oneof(fc.constant(10n ** 20n), fc.bigInt(0n, 10n ** 19n)),
})
const resign = fc.record({
  kind: fc.constant('resign' as const),
  who,
  skip: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
})
const land = fc.record({ kind: fc.constant('land' as const), newest: mostly, call: fc.nat(30), fails: bits })
const confirm = fc.record({ kind: fc.constant('confirm' as const), who, keep, honest: mostly, bits })
/** The three of them as an honest pipeline has them: what a run is to get anywhere by. */
const cycle = fc.record({ kind: fc.constant('cycle' as const), who, pay: mostly, fails: bits })
const reload = fc.record({
  kind: fc.constant('reload' as const),
  from: fc.constantFrom('landed', 'chain', 'snapshot'),
  chain: fc.nat(9),
  whole: fc.boolean(),
  cut: fc.nat(200),
  claim: fc.constantFrom('true', 'true', 'true', 'prev', 'folded', 'bare', 'own', 'other'),
  bits,
  epochs: fc.constantFrom(0, 0, 0, 1, -1),
  parts: fc.boolean(),
  until: fc.constantFrom('landed', 'landed', 'landed', 'told', 'opened', 'loaded'),
})
const wake = fc.record({ kind: fc.constant('wake' as const), who, lands: fc.boolean() })
const snapshot = fc.record({ kind: fc.constant('snapshot' as const), who })
const flood = fc.record({ kind: fc.constant('flood' as const), who, room: fc.nat(3) })
const outputs = fc.record({
  kind: fc.constant('outputs' as const),
  who,
  from: fc.nat(80),
  max: fc.integer({ min: 1, max: 70 }),
})
const hostile = fc.record({
  kind: fc.constant('hostile' as const),
  who,
  method: fc.nat(40),
  field: fc.nat(9),
  junk: fc.nat(9),
})
const tick = fc.record({ kind: fc.constant('tick' as const), seconds: fc.integer({ min: -500, max: 200_000 }) })
const halt = fc.record({ kind: fc.constant('halt' as const), who: fc.integer({ min: 6, max: 9 }) })

export const command = fc.oneof(
  { weight: 10, arbitrary: offer },
  { weight: 10, arbitrary: cycle },
  { weight: 6, arbitrary: prepare },
  { weight: 6, arbitrary: land },
  { weight: 5, arbitrary: confirm },
  { weight: 4, arbitrary: reload },
  { weight: 3, arbitrary: resign },
  { weight: 3, arbitrary: hostile },
  { weight: 2, arbitrary: again },
  { weight: 2, arbitrary: wake },
  { weight: 2, arbitrary: snapshot },
  { weight: 2, arbitrary: outputs },
  { weight: 2, arbitrary: tick },
  { weight: 1, arbitrary: flood },
  { weight: 1, arbitrary: halt },
)

export type Command = typeof command extends fc.Arbitrary<infer T> ? T : never
export type Of<K extends Command['kind']> = Extract<Command, { kind: K }>
