/**
 * Explicit-state check of the anchored ledger: every order of the adversary's moves in small worlds, on the enclave's own
 * core and a model of the anchor. docs/adr/0010-explicit-state-check.md says what is modelled and what is not. DEPTH=8 in
 * the environment searches the wide world that far, adds the large worlds, and prints what was searched.
 */
import { expect } from 'chai'
import { foldHead } from '../../../enclave/protocol/header.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { anchorRules, type Contract, newContract, type Rules, sumOf } from './contract.ts'
import { type Core, CUTS, loadCore, loadCoreWithout, removeCopies } from './core.ts'
import { Moments } from './moments.ts'
import { honestWay } from './progress.ts'
import {
  depositIsDonated,
  EVERY,
  moneyIsConserved,
  nobodyOverpaid,
  nobodyRobbed,
  type Property,
  sessionFences,
} from './properties.ts'
import { type Outcome, search } from './search.ts'
import { type Bounds, Worlds } from './worlds.ts'

const DEPTH = process.env['DEPTH']
const WIDE_DEPTH = Number.parseInt(DEPTH ?? '5', 10)
const STATES_MAX = 3_000_000
const ANY_DEPTH = 100

const PAIR: Bounds = {
  accounts: 1,
  creditsMax: 1,
  bootsMax: 2,
  commitsMax: 3,
  donationsMax: 0,
  epochsAheadMax: 0,
  budgetsWei: [100n],
  bare: true,
}
const DONOR: Bounds = { ...PAIR, donationsMax: 1, epochsAheadMax: 1 }
const PAYEES: Bounds = { ...PAIR, accounts: 2, creditsMax: 2, bare: false, budgetsWei: [1n, 100n] }
const TRIO: Bounds = { ...PAIR, bootsMax: 3, bare: false, epochsAheadMax: 1 }
const WIDE: Bounds = {
  ...PAYEES,
  creditsMax: 3,
  bootsMax: 3,
  commitsMax: 100,
  bare: true,
  donationsMax: 1,
  epochsAheadMax: 1,
}

type Complete = { readonly title: string; readonly bounds: Bounds; readonly states: number; readonly honest?: boolean }

/** Worlds that are searched to their end: within the bounds nothing is left to try. Each has at least so many states. */
const COMPLETE: readonly Complete[] = [
  { title: 'one payee, two boots, three commits, a donor and claims of later epochs', bounds: DONOR, states: 60_000 },
  { title: 'one payee, three boots, three commits and claims of later epochs', bounds: TRIO, states: 100_000 },
  { title: 'two payees, two boots, two commits of any part', bounds: { ...PAYEES, commitsMax: 2 }, states: 36_000 },
  { title: 'two payees, two boots, three commits of any part', bounds: PAYEES, states: 235_000, honest: false },
]
const LARGE: readonly Complete[] = [
  { title: 'one payee, two credits, four commits', bounds: { ...PAIR, creditsMax: 2, commitsMax: 4 }, states: 803_000 },
  { title: 'one payee, two credits, a donor, later epochs', bounds: { ...DONOR, creditsMax: 2 }, states: 669_000 },
  {
    title: 'two payees, bare commits',
    bounds: { ...PAYEES, bare: true, budgetsWei: [100n] },
    states: 697_000,
    honest: false,
  },
]

type Setting = { readonly core: Core; readonly rules: Rules; readonly bounds: Bounds }

function worldsOf({ core, rules, bounds }: Setting): Worlds {
  return new Worlds(core, new Moments(core, bounds.accounts), rules, bounds)
}

/** Nothing is broken anywhere; and, where that is asked, an honest host gets on from everywhere. */
function searchAll(context: Mocha.Context, setting: Setting, depthMax: number, honest = true): Outcome {
  context.timeout(DEPTH === undefined ? 600_000 : 3_600_000)
  const worlds = worldsOf(setting)
  const startedMs = performance.now()
  const limits = { depthMax, statesMax: STATES_MAX }
  const outcome = search(worlds, EVERY, limits, honest ? honestWay(worlds) : undefined)
  if (DEPTH !== undefined) {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
    process.stdout.write(`      ${outcome.states} states, ${outcome.moves} moves, depth ${outcome.depth}, `)
    process.stdout.write(`${worlds.moments.size} states of an enclave, ${seconds} s\n`)
  }
  expect(outcome.found, JSON.stringify(outcome.found, undefined, 2)).to.equal(null)
  return outcome
}

describe('every order of an adversary’s moves', () => {
  let core: Core
  before(async () => {
    core = await loadCore()
  })

  for (const { title, bounds, states, honest } of [...COMPLETE, ...(DEPTH === undefined ? [] : LARGE)]) {
    const blocks = honest === false ? '' : ', blocks nobody for good'
    it(`overpays nobody, forks nothing${blocks}, to the very end: ${title}`, function () {
      const outcome = searchAll(this, { core, rules: anchorRules(core), bounds }, ANY_DEPTH, honest)
      expect(outcome.exhausted).to.equal(true)
      expect(outcome.states).to.be.above(states)
    })
  }

  it(`overpays nobody within ${WIDE_DEPTH} moves of two payees, three boots, three credits and a donor`, function () {
    const outcome = searchAll(this, { core, rules: anchorRules(core), bounds: WIDE }, WIDE_DEPTH)
    expect(outcome.depth).to.equal(WIDE_DEPTH)
  })
})

/** The first way to a broken property, in at most `moves` moves, with what it must say. */
function breaks(setting: Setting, property: Property, moves: number, saying: RegExp): readonly string[] {
  const { found } = search(worldsOf(setting), [property], { depthMax: moves, statesMax: STATES_MAX })
  expect(found?.broken).to.match(saying)
  expect(found?.trace.length, found?.trace.join('\n')).to.equal(moves)
  if (DEPTH !== undefined)
    process.stdout.write(`      ${[found?.broken, ...(found?.trace ?? [])].join('\n        ')}\n`)
  return found?.trace ?? []
}

describe('an anchored ledger with one protection less', () => {
  let core: Core
  let rules: Rules
  before(async () => {
    core = await loadCore()
    rules = anchorRules(core)
  })
  after(removeCopies)

  it('pays twice in 6 moves where the anchor does not compare the head', () => {
    const bare = {
      ...rules,
      compareAndSwap: ({ sequence }: Contract, call: { sequence: number }) => call.sequence === sequence + 1,
    }
    const trace = breaks({ core, rules: bare, bounds: PAIR }, nobodyOverpaid, 6, /^account 1 got 2 wei of 1 credited$/)
    expect(trace.at(-1)).to.match(/^commit 2 .* lands with bitmap 1$/)
  })

  it('pays twice in 6 moves where the settlement is not folded into the head', async () => {
    const unfolded = await loadCoreWithout('fold')
    const setting = { core: unfolded, rules: anchorRules(unfolded), bounds: PAIR }
    const trace = breaks(setting, nobodyOverpaid, 6, /^account 1 got 2 wei of 1 credited$/)
    expect(trace.filter((move) => move.includes('is told that bitmap 0 landed')).length).to.equal(1)
  })

  it('robs a payee in 6 moves where the settlement is not folded into the head', async () => {
    const unfolded = await loadCoreWithout('fold')
    const setting = { core: unfolded, rules: anchorRules(unfolded), bounds: PAIR }
    const trace = breaks(setting, nobodyRobbed, 6, /^account 1 got 0 wei, the header says 1$/)
    expect(trace.filter((move) => move.includes('is told that bitmap 1 landed')).length).to.equal(1)
  })

  it('pays twice in 8 moves where a load takes the claimed head for its own', async () => {
    const believing = await loadCoreWithout('loadRule')
    const setting = { core: believing, rules: anchorRules(believing), bounds: PAIR }
    const trace = breaks(setting, nobodyOverpaid, 8, /^account 1 got 2 wei of 1 credited$/)
    expect(trace.filter((move) => move.startsWith('boot 1 loads')).length).to.equal(1)
  })

  it('loses nothing where a load merely does not compare the claim: Open and commit name the state’s own head', async function () {
    const silent = await loadCoreWithout('loadRefusal')
    const outcome = searchAll(this, { core: silent, rules: anchorRules(silent), bounds: PAIR }, ANY_DEPTH)
    expect(outcome.exhausted).to.equal(true)
  })

  it('pays twice in 7 moves where the total is funded and a failed ticket swallowed (row A26)', () => {
    const swallowing = {
      ...rules,
      leftWei: ({ payouts }: Parameters<Rules['leftWei']>[0], bitmap: bigint) =>
        sumOf(payouts.filter((_, position) => ((bitmap >> BigInt(position)) & 1n) === 0n)),
    }
    const setting = { core, rules: swallowing, bounds: PAIR }
    const trace = breaks(setting, nobodyOverpaid, 7, /^account 1 got 2 wei of 1 credited$/)
    expect(trace.at(-1)).to.match(/redeems its ticket .* out of the deposit$/)
    breaks(setting, depositIsDonated, 3, /^1 wei in the deposit, 0 donated$/)
  })

  it('lets a boot without the session commit in 3 moves where sessions are not asked for', () => {
    const open = { ...rules, session: () => true }
    breaks(
      { core, rules: open, bounds: { ...PAIR, bare: true } },
      sessionFences,
      3,
      /^a commit of boot \d landed under the session of boot \d$/,
    )
  })

  it('overpays nobody even then: the compare-and-swap alone holds the money', function () {
    this.timeout(600_000)
    const open = { ...rules, session: () => true, open: () => true }
    const worlds = worldsOf({ core, rules: open, bounds: PAIR })
    const others = EVERY.filter((property) => property !== sessionFences)
    const outcome = search(worlds, others, { depthMax: ANY_DEPTH, statesMax: STATES_MAX })
    expect([outcome.exhausted, outcome.found]).to.deep.equal([true, null])
  })

  it('is found to be stuck where no Open lands any more', () => {
    const worlds = worldsOf({ core, rules: { ...rules, open: () => false }, bounds: PAIR })
    const { found } = search(worlds, EVERY, { depthMax: 1, statesMax: STATES_MAX }, honestWay(worlds))
    expect(found?.broken).to.match(/^nothing stored leads on from head/)
  })

  it('can be built only while each cut fits the sources', async () => {
    for (const name of Object.keys(CUTS) as (keyof typeof CUTS)[])
      expect(await loadCoreWithout(name)).to.include.keys('foldHead')
    const unfolded = await loadCoreWithout('fold')
    expect([unfolded.foldHead(ZERO_HASH, 1n), foldHead(ZERO_HASH, 1n) === ZERO_HASH]).to.deep.equal([ZERO_HASH, false])
  })
})

describe('the properties that are searched for', () => {
  it('object to money that appears, lies about, or goes to somebody who was not credited', () => {
    const contract = newContract(1)
    for (const property of EVERY) expect(property(contract)).to.equal(undefined)
    expect(moneyIsConserved({ ...contract, paidWei: [0n, 1n] })).to.match(/0 spent .* 1 received/)
    expect(moneyIsConserved({ ...contract, spentWei: 1n })).to.match(/1 spent .* 0 received/)
    expect(depositIsDonated({ ...contract, depositWei: 1n })).to.match(/1 wei in the deposit/)
    expect(nobodyOverpaid({ ...contract, strayWei: [0n, 1n] })).to.match(/account 1 got 1 wei of 0/)
  })
})
