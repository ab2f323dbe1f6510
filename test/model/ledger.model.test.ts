/**
 * Random commands against boots and clones of one ledger, with a model of the anchor; after each, the auditor's replay
 * judges. SEED draws other runs and RUNS more of them; a failure prints its seed, its path and the fewest commands.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { foldHead } from '../../enclave/protocol/header.ts'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { aLine, aPolicy, refusalOf, World } from '../builders/boot.ts'
import { GOVERNED } from '../builders/governors.ts'
import { type Command, command } from './commands/commands.ts'
import { type GovernedCommand, governedCommand } from './commands/governed.ts'
import { PAYEES } from './commands/governing.ts'
import { aGenesisOf, run, type Setting } from './commands/play.ts'

const COMMANDS_MAX = 60
const RUNS = Number.parseInt(process.env['RUNS'] ?? '30', 10)
const SEED = Number.parseInt(process.env['SEED'] ?? '20261120', 10)
const RUN_MS_MAX = 10_000
/** Finding the fewest commands takes long: it ends here, and what was found by then is the failure. */
const SEARCH_MS_MAX = 600_000

/** Every act that somebody signs; each run of all must see each accepted. */
const ACTS = [
  'credit_signed',
  'credit_batch',
  'skip_sequence',
  'register',
  'change_recipient',
  'set_policy',
  'adjust',
  'drain',
  'journal_reset',
  'rebuild',
]

function check(setting: Setting, drawn: fc.Arbitrary<Command | GovernedCommand>): void {
  const commands = fc.noBias(fc.array(drawn, { maxLength: COMMANDS_MAX, size: 'max' }))
  const property = fc.property(commands, (drawnCommands) => run(setting, drawnCommands))
  const limits = { interruptAfterTimeLimit: SEARCH_MS_MAX, markInterruptAsFailure: true }
  fc.assert(property, { numRuns: RUNS, seed: SEED, ...limits })
}

describe('any order of commands', () => {
  before(installFastHashes)

  for (const strategy of ['ticket', 'transfer'] as const) {
    it(`leaves the ledger that the auditor computes, and pays nobody twice, by ${strategy}s`, function () {
      this.timeout(60_000 + RUNS * RUN_MS_MAX)
      check({ genesis: aGenesisOf(strategy), accepted: new Set() }, command)
    })
  }

  for (const route of ['signed', 'host-trusted'] as const) {
    it(`leaves the ledger that the auditor computes under reporters, recipients and a quorum, ${route}`, function () {
      this.timeout(60_000 + RUNS * RUN_MS_MAX)
      const roster = PAYEES.slice(0, 3).map(({ address }, at) => ({ id: `orch-${at}`, recipient: address }))
      const genesis = { ...aGenesisOf('ticket', { ...GOVERNED, credits: route }), roster }
      const accepted = new Set<string>()
      check(
        { genesis, accepted },
        fc.oneof({ weight: 2, arbitrary: command }, { weight: 1, arbitrary: governedCommand }),
      )
      if (process.env['SEED'] === undefined) expect([...accepted]).to.have.members(ACTS)
    })
  }

  it('catches a model that pays a bit more than the enclave was told', () => {
    const world = new World({ policy: aPolicy({ cadenceSeconds: 0 }) })
    const boot = world.active()
    boot.offer(aLine('orch-0', '1'), aLine('orch-1', '1'))
    const commit = boot.prepare()
    boot.confirm(commit.sequence, 0b01n)
    const truth = { head: foldHead(commit.headerHash, 0b11n), epoch: 1, bitmap: null }
    expect(refusalOf(() => world.provisioned().load(boot, truth))).to.equal('CLAIM_MISMATCH')
    world.close()
  })
})
