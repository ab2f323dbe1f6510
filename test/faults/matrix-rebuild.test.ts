import { join } from 'node:path'
import { expect } from 'chai'
import { askForRebuild, isRebuildAsked } from '../../host/rebuild.ts'
import { CELL_MS_MAX, died, onLyingDisk } from './disk/child.ts'
import { Machine } from './disk/machine.ts'
import { type Fault, faultsAt, orderOf, REBUILD_REQUEST, REBUILD_STEPS, type Step } from './disk/steps.ts'

const REQUEST_PROGRAM = join(import.meta.dirname, 'disk', 'rebuild-request-process.ts')

type Death = Exclude<Fault, 'lost' | 'repeated'>
const TITLES: { readonly [F in Death]: (name: string) => string } = {
  before: (name) => `rebuilds the ledger from its log, and pays each credit once, after a death before ${name}`,
  after: (name) => `rebuilds the ledger from its log, and pays each credit once, after a death right after ${name}`,
  torn: (name) => `rebuilds the ledger from its log, and pays each credit once, after a death half way through ${name}`,
}

/** Deaths of the process alone; power cuts and doubled deaths of a rebuild are not in this table. */
const DEATHS: readonly Death[] = ['before', 'after', 'torn']

describe('a rebuild on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine

  before(async () => {
    machine = await Machine.start()
    await machine.start('supervisor')
    await machine.start('stages')
    machine.credit()
    await machine.expectExact()
  })

  after(() => machine?.stop())

  const paths = () => machine.world.config.paths

  async function strike(step: Step, fault: Death): Promise<void> {
    const child = await machine.start('supervisor', orderOf(step, fault, [machine.child('stages').pid ?? 0]))
    await died(child, TITLES[fault](step.name))
  }

  for (const [at, step] of REBUILD_STEPS.entries()) {
    for (const fault of faultsAt(DEATHS, at)) {
      it(TITLES[fault](step.name), async () => {
        machine.credit()
        await machine.end('supervisor')
        await askForRebuild(paths(), Date.now())
        await strike(step, fault)
        await machine.start('supervisor')
        expect(await isRebuildAsked(paths())).to.equal(false)
        await machine.expectNextCommit()
        await machine.expectExact()
      })
    }
  }

  for (const fault of faultsAt(DEATHS, 1)) {
    it(`is asked for whole or not at all: ${TITLES[fault](REBUILD_REQUEST.name)}`, async () => {
      await machine.end('supervisor')
      const order = orderOf(REBUILD_REQUEST, fault, [])
      await died(onLyingDisk(machine.world.dataDir, [REQUEST_PROGRAM, machine.world.dataDir], order), fault)
      expect(await isRebuildAsked(paths())).to.equal(fault === 'after')
      await machine.start('supervisor')
      await machine.expectNextCommit()
      await machine.expectExact()
    })
  }
})
