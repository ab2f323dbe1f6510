/** Acts that somebody signs, as data. */
import fc from 'fast-check'

const ETHER_WEI = 10n ** 18n
/** As in commands.ts: below 6 the boot that holds the session. */
const who = fc.nat(7)
const which = fc.nat(7)

const signedCredit = fc.record({
  id: which,
  amountWei: fc.bigInt(0n, 3n * ETHER_WEI),
  recipient: fc.option(which, { freq: 2 }),
})
export type SignedCredit = typeof signedCredit extends fc.Arbitrary<infer T> ? T : never

const twist = fc.constantFrom('next', 'next', 'next', 'known', 'gap', 'expired', 'stranger')
const items = fc.array(signedCredit, { minLength: 1, maxLength: 4 })

const credits = fc.record({ kind: fc.constant('credits' as const), who, reporter: which, items, twist })
const batch = fc.record({ kind: fc.constant('batch' as const), who, reporter: which, items, twist })
const skipNumbers = fc.record({
  kind: fc.constant('skipNumbers' as const),
  who,
  reporter: which,
  count: fc.nat(5),
})
const register = fc.record({
  kind: fc.constant('register' as const),
  who,
  id: fc.integer({ min: 3, max: 7 }),
  payee: which,
  by: fc.constantFrom('registrar', 'registrar', 'self', 'stranger'),
})
const change = fc.record({
  kind: fc.constant('change' as const),
  who,
  id: which,
  payee: which,
  by: fc.constantFrom('owner', 'owner', 'quorum', 'nobody'),
})
const policy = fc.record({
  kind: fc.constant('policy' as const),
  who,
  field: fc.constantFrom(
    'threshold' as const,
    'windows' as const,
    'denied' as const,
    'reporters' as const,
    'caps' as const,
    'owner' as const,
    'registration' as const,
    'route' as const,
  ),
  amount: fc.bigInt(0n, 2n * ETHER_WEI),
  which,
})
const adjust = fc.record({
  kind: fc.constant('adjust' as const),
  who,
  id: which,
  deltaWei: fc.bigInt(-ETHER_WEI, ETHER_WEI),
})
const drain = fc.record({ kind: fc.constant('drain' as const), who, amountWei: fc.bigInt(0n, ETHER_WEI) })
const reset = fc.record({ kind: fc.constant('reset' as const), who, head: fc.bigInt(1n, 2n ** 64n) })
const rebuild = fc.record({ kind: fc.constant('rebuild' as const), parts: fc.boolean() })

export const governedCommand = fc.oneof(
  { weight: 6, arbitrary: credits },
  { weight: 4, arbitrary: batch },
  { weight: 1, arbitrary: skipNumbers },
  { weight: 3, arbitrary: register },
  { weight: 2, arbitrary: change },
  { weight: 3, arbitrary: policy },
  { weight: 2, arbitrary: adjust },
  { weight: 1, arbitrary: drain },
  { weight: 1, arbitrary: reset },
  { weight: 2, arbitrary: rebuild },
)

export type GovernedCommand = typeof governedCommand extends fc.Arbitrary<infer T> ? T : never
export type GovernedOf<K extends GovernedCommand['kind']> = Extract<GovernedCommand, { kind: K }>
