/** Some worlds of the simulator on every change: a fixed range, and each seed that ever found a bug. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { installPureHashes } from '../../enclave/protocol/hash.ts'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { RARE_WITHIN_SEEDS, SEEN_WITHIN_SEEDS, unseen } from './coverage.ts'
import { closeRealChain, playAnySeed, playRealSeed } from './play.ts'
import { playSeed } from './run.ts'
import { FAULT_NAMES } from './swarm.ts'

const SEEDS = 300
const FIRST_SEED = 1
const TIMEOUT_MS = 300_000
const STEPS_MIN = 200
/** Worlds of tickets and of transfers: between them they see what the compiled contract has to be asked about. */
const REAL_SEEDS = [27, 136, 173]
const ASKED = [
  'a payee called back: AnchorReentered',
  'reverted commitAndPay AnchorGas',
  'reverted commitAndPay AnchorDepositChanged',
  'paid a new recipient',
]
const ANSWERS_MIN = 100

describe('worlds of a hostile host', () => {
  /** Of all seeds together. */
  const figures = new Map<string, number>()

  before(installFastHashes)
  after(async () => {
    installPureHashes()
    await closeRealChain()
  })

  it(`conserve money and pay everybody in seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}`, async function (this: Mocha.Context) {
    this.timeout(TIMEOUT_MS)
    const lengths: number[] = []
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) lengths.push(await played(seed, figures))
    const median = lengths.sort((left, right) => left - right)[Math.floor(SEEDS / 2)] ?? 0
    process.stdout.write(`      a median of ${median} steps a seed\n`)
    expect(lengths[0]).to.be.at.least(STEPS_MIN)
  })

  it('have seen by then every fault strike, every refusal that it leads to, and what it is to leave behind', () => {
    expect(SEEDS).to.be.at.least(SEEN_WITHIN_SEEDS)
    expect(unseen(figures, SEEDS)).to.deep.equal([])
  })

  it('would say so if one fault of them all had never struck', () => {
    for (const name of FAULT_NAMES) {
      const without = new Map(figures).set(`fault ${name}`, 0)
      expect(unseen(without, RARE_WITHIN_SEEDS), name).to.include(`fault ${name}`)
    }
  })

  for (const { seed, told } of foundSeeds()) {
    it(`stay whole under seed ${seed}, which found: ${told}`, async function (this: Mocha.Context) {
      this.timeout(TIMEOUT_MS)
      await played(seed)
    })
  }

  it('ask the compiled contract as often as the model, and get the same answers', async function (this: Mocha.Context) {
    this.timeout(TIMEOUT_MS)
    const asked = new Map<string, number>()
    for (const seed of REAL_SEEDS) {
      const { failure, figures } = await playRealSeed(seed)
      expect(failure?.told).to.equal(undefined)
      addTo(asked, figures)
    }
    expect(asked.get('answers of the contract compared')).to.be.above(ANSWERS_MIN)
    expect(ASKED.filter((figure) => (asked.get(figure) ?? 0) === 0)).to.deep.equal([])
  })

  it('come out the same when they are played again', () => {
    const [one, two] = [playSeed(7), playSeed(7)]
    expect(two.steps).to.equal(one.steps)
    expect([...two.figures]).to.deep.equal([...one.figures])
    expect(two.world.chain.tip.state.head).to.equal(one.world.chain.tip.state.head)
    const sealed = ({ world }: typeof one) =>
      world.archive.records.map((record) => Buffer.from(record.sealed).toString('hex'))
    expect(sealed(two)).to.deep.equal(sealed(one))
  })
})

/** Steps of a seed that breaks nothing. */
async function played(seed: number, sums: Map<string, number> = new Map()): Promise<number> {
  const { failure, steps, figures } = await playAnySeed(seed, false)
  addTo(sums, figures)
  if (failure !== undefined) throw new Error(`${failure.told}\nagain: npm run simulate -- --seed ${seed}`)
  return steps
}

function addTo(sums: Map<string, number>, figures: ReadonlyMap<string, number>): void {
  for (const [figure, times] of figures) sums.set(figure, (sums.get(figure) ?? 0) + times)
}

function foundSeeds(): { readonly seed: number; readonly told: string }[] {
  const lines = readFileSync(join(import.meta.dirname, 'seeds.txt'), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [, seed, told] = /^(\d+) +(.+)$/.exec(line) ?? []
    return seed === undefined || told === undefined ? [] : [{ seed: Number.parseInt(seed, 10), told }]
  })
}
