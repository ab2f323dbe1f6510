import { wei } from '../../enclave/protocol/money.ts'
import { arm, CELL_MS_MAX, died } from './disk/child.ts'
import { Machine } from './disk/machine.ts'
import { FAULTS, type Fault, faultsAt, orderOf, STAGE_STEPS, type Step } from './disk/steps.ts'

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `pays each credit once, and audits clean, when the stages are killed before ${name}`,
  after: (name) => `pays each credit once, and audits clean, when the stages are killed right after ${name}`,
  torn: (name) => `pays each credit once, and audits clean, when the stages are killed half way through ${name}`,
  lost: (name) => `pays each credit once, and audits clean, when the power fails before the disk has ${name}`,
  repeated: (name) => `pays each credit once, and audits clean, when two processes come back and repeat ${name}`,
}

const READY = STAGE_STEPS.find(({ name }) => name === 'the mark that the attempt may go out') as Step

describe('the stages on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine

  before(async () => {
    machine = await Machine.start({ receipts: true })
    await machine.start('supervisor')
    await machine.start('stages')
    machine.credit()
    await machine.expectExact()
  })

  after(() => machine?.stop())

  /** Lets the stages die where the order says, with credits on their way. */
  async function strike(step: Step, fault: Fault): Promise<void> {
    const order = orderOf(step, fault, machine.pidsBeside('stages'))
    if (step.isFirstOfProcess) await machine.restart('stages', order)
    else await arm(machine.child('stages'), order)
    machine.credit(step.rounds)
    await died(machine.child('stages'), TITLES[fault](step.name))
  }

  /** A commit that was about to pay, and is mined over an empty treasury. */
  async function strikeAfterRevert(step: Step, fault: Fault): Promise<void> {
    await arm(machine.child('stages'), orderOf(READY, 'after', []))
    machine.credit()
    await died(machine.child('stages'), READY.name)
    const { treasuryWei } = await machine.facts.facts(machine.world.authority)
    await machine.setTreasury(wei(0n))
    await machine.start('stages', orderOf(step, fault, machine.pidsBeside('stages')))
    await died(machine.child('stages'), TITLES[fault](step.name))
    await machine.setTreasury(treasuryWei)
  }

  async function comeBack(fault: Fault): Promise<void> {
    if (fault === 'lost') await machine.start('supervisor')
    await machine.start('stages')
    if (fault === 'repeated') await machine.start('twin')
  }

  for (const [at, step] of STAGE_STEPS.entries()) {
    for (const fault of faultsAt(FAULTS, at)) {
      it(TITLES[fault](step.name), async () => {
        await (step.followsRevert ? strikeAfterRevert(step, fault) : strike(step, fault))
        await comeBack(fault)
        if (fault === 'lost') await machine.expectNextCommit()
        await machine.expectExact()
        await machine.end('twin')
      })
    }
  }

  for (const step of STAGE_STEPS.filter(({ begins }) => /^.(sealed|audit.pending)/.test(begins.path))) {
    it(`pays each credit once, and audits clean, when the enclave dies under stages that live, before ${step.name}`, async () => {
      const epoch = (await machine.ledger())?.epoch ?? 0
      const order = { ...orderOf(step, 'before', []), side: 'beside' as const, cutsPowerOf: machine.enclavePids() }
      await arm(machine.child('stages'), order)
      machine.credit()
      await machine.expectLaterEpoch(epoch)
      await machine.expectNextCommit()
      await machine.expectExact()
    })
  }
})
