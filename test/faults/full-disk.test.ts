import { arm, CELL_MS_MAX, died } from './disk/child.ts'
import { Machine } from './disk/machine.ts'
import type { Order } from './disk/orders.ts'
import { orderOf, STAGE_STEPS, type Step } from './disk/steps.ts'

/** What must be whole before anything rests on it. */
const PROMISED = [
  'the sealed delta that holds the cursor of the journal',
  'the public entries of journal lines',
  'the sealed delta of a commit',
  'the public entries of a commit',
  'the signed attempt in the outbox',
  'the note of a settlement',
]
const STEPS = STAGE_STEPS.filter(({ name }) => PROMISED.includes(name))
const BROADCAST = STAGE_STEPS.find(({ name }) => name === 'the broadcast of a commit') as Step

describe('the stages on a disk that is full', function () {
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

  function orderFor(step: Step, side: Order['side']): Order {
    return { probes: [step.begins], side, ...(step.scene === undefined ? {} : { scene: step.scene }) }
  }

  for (const step of STEPS) {
    it(`finishes ${step.name} when the disk takes half of it and says so`, async () => {
      await arm(machine.child('stages'), orderFor(step, 'short'))
      machine.credit()
      await machine.expectExact()
    })

    it(`promises nothing of ${step.name} while the disk refuses it, and goes on when there is room`, async () => {
      await arm(machine.child('stages'), orderFor(step, 'full'))
      machine.credit()
      await machine.expectExact()
    })
  }

  it('has all of it when the power fails in the moment that a commit is sent', async () => {
    await arm(machine.child('stages'), orderOf(BROADCAST, 'lost', machine.pidsBeside('stages')))
    machine.credit()
    await died(machine.child('stages'), BROADCAST.name)
    await machine.start('supervisor')
    await machine.start('stages')
    await machine.expectNextCommit()
    await machine.expectExact()
  })
})
