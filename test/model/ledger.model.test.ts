/**
 * Random commands against boots and clones of one ledger, with a model of the anchor; after each, the auditor's replay
 * judges. SEED draws other runs and RUNS more of them; a failure prints its seed, its path and the fewest commands.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { foldHead } from '../../enclave/protocol/header.ts'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { aLine, aPolicy, refusalOf, World } from '../builders/boot.ts'
import { command } from './commands/commands.ts'
import { run } from './commands/play.ts'

const COMMANDS_MAX = 60
const RUNS = Number.parseInt(process.env['RUNS'] ?? '40', 10)
const SEED = Number.parseInt(process.env['SEED'] ?? '20261120', 10)
const RUN_MS_MAX = 3_000

describe('any order of commands', () => {
  before(installFastHashes)

  for (const strategy of ['ticket', 'transfer'] as const) {
    it(`leaves the ledger that the auditor computes, and pays nobody twice, by ${strategy}s`, function () {
      this.timeout(60_000 + RUNS * RUN_MS_MAX)
      const property = fc.property(fc.noBias(fc.array(command, { maxLength: COMMANDS_MAX, size: 'max' })), (commands) =>
        run({ strategy }, commands),
      )
      fc.assert(property, { numRuns: RUNS, seed: SEED })
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
