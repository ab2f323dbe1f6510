import { expect } from 'chai'
import { readBoots } from '../../host/boot-records.ts'
import { arm, CELL_MS_MAX, died } from './disk/child.ts'
import { Machine } from './disk/machine.ts'
import { BOOT_STEPS, FAULTS, type Fault, faultsAt, orderOf, type Step } from './disk/steps.ts'

/** A boot that ends before a step looks to the next one like a boot that ended after the step before. */
const FIRST_BOOT_FAULTS: readonly Fault[] = ['torn', 'lost', 'after']

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `pays each credit once, and audits clean, when a boot ends before ${name}`,
  after: (name) => `pays each credit once, and audits clean, when a boot ends right after ${name}`,
  torn: (name) => `pays each credit once, and audits clean, when a boot ends half way through ${name}`,
  lost: (name) => `pays each credit once, and audits clean, when the power fails before the disk of a boot has ${name}`,
  repeated: (name) => `pays each credit once, and audits clean, when two boots in a row end right after ${name}`,
}

describe('a boot on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine

  before(async () => {
    machine = await Machine.start()
    await machine.start('stages')
  })

  after(() => machine?.stop())

  /** Starts the enclave's supervisor, which dies where the order says. */
  async function bootOnto(step: Step, fault: Fault): Promise<void> {
    const child = await machine.start('supervisor', orderOf(step, fault, [machine.child('stages').pid ?? 0]))
    await died(child, TITLES[fault](step.name))
    if (fault === 'lost') await machine.restart('stages')
  }

  describe('of a ledger that has not begun', () => {
    for (const step of BOOT_STEPS.slice(0, -1)) {
      it(`leaves the way open for genesis wherever the first boot ends around ${step.name}`, async () => {
        for (const fault of FIRST_BOOT_FAULTS) await bootOnto(step, fault)
        expect((await machine.facts.facts(machine.world.authority)).epoch).to.equal(0)
      })
    }

    it('begins the ledger once after all of them, and pays from it', async () => {
      expect((await readBoots(machine.world.config.paths)).length).to.be.above(BOOT_STEPS.length)
      await machine.start('supervisor')
      machine.credit()
      await machine.expectExact()
      expect((await machine.ledger())?.epoch).to.equal(1)
    })
  })

  describe('of a ledger that pays', () => {
    for (const [at, step] of BOOT_STEPS.entries()) {
      for (const fault of faultsAt(FAULTS, at)) {
        it(TITLES[fault](step.name), async () => {
          const supervisor = machine.child('supervisor')
          await arm(supervisor, orderOf(step, fault, [machine.child('stages').pid ?? 0]))
          machine.credit()
          for (const pid of machine.enclavePids()) process.kill(pid, 'SIGKILL')
          await died(supervisor, TITLES[fault](step.name))
          if (fault === 'lost') await machine.restart('stages')
          if (fault === 'repeated') await bootOnto(step, fault)
          await machine.start('supervisor')
          await machine.expectNextCommit()
          await machine.expectExact()
        })
      }
    }
  })
})
