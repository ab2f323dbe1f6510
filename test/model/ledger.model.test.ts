/**
 * Random commands against boots and clones of one ledger, with a model of the anchor; after each, the auditor's replay
 * judges. SEED draws other runs and RUNS more of them; a failure prints its seed, its path and the fewest commands.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import type { State } from '../../enclave/core/state.ts'
import { foldHead } from '../../enclave/protocol/header.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { aLine, anAddress, aPolicy, refusalOf, World } from '../builders/boot.ts'
import { GOVERNED } from '../builders/governors.ts'
import { type Command, command } from './commands/commands.ts'
import { type GovernedCommand, governedCommand } from './commands/governed.ts'
import { PAYEES } from './commands/governing.ts'
import { Host } from './commands/host.ts'
import { aGenesisOf, run, type Setting } from './commands/play.ts'

const COMMANDS_MAX = 60
const RUNS_DEFAULT = 20
const SEED_DEFAULT = 20_261_120
const RUNS = Number.parseInt(process.env['RUNS'] ?? `${RUNS_DEFAULT}`, 10)
const SEED = Number.parseInt(process.env['SEED'] ?? `${SEED_DEFAULT}`, 10)
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
  try {
    fc.assert(property, { numRuns: RUNS, seed: SEED, ...limits })
  } catch (cause) {
    const again = `SEED=${SEED} RUNS=${RUNS} node node_modules/mocha/bin/mocha.js test/model/ledger.model.test.ts`
    throw new Error(`${(cause as Error).message}\nAgain: ${again}`, { cause })
  }
}

function change<T extends object>(of: T | undefined, fields: Partial<T>): void {
  Object.assign(of as T, fields)
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
      // Other seeds and fewer runs need not come by each.
      if (SEED === SEED_DEFAULT && RUNS >= RUNS_DEFAULT) expect([...accepted]).to.have.members(ACTS)
    })
  }

  it('would notice a ledger that differs from its log in one field', () => {
    const spoils: readonly ((state: State) => void)[] = [
      (state) => change(state.accounts[1], { creditedWei: wei(1n) }),
      (state) => change(state.accounts[2], { paidWei: wei(1n) }),
      (state) => change(state.accounts[1], { recipient: anAddress(0x78) }),
      (state) => change(state, { creditedWei: wei(1n) }),
      (state) => change(state, { reservedWei: wei(1n) }),
      (state) => change(state, { journalSize: 1 }),
      (state) => change(state, { journalHead: new Uint8Array(32).fill(1) }),
      (state) => change(state, { nextPayoutId: 2 }),
      (state) => change(state, { sequence: 1 }),
      (state) => change(state, { epoch: 2 }),
      (state) => change(state, { policyVersion: 2 }),
      (state) => change(state, { policyHash: state.ledgerId }),
    ]
    for (const spoil of spoils) {
      const host = new Host(aGenesisOf('ticket'), new Set())
      const player = host.player(0)
      host.judge(player)
      spoil(player.state)
      expect(() => host.judge(player), spoil.toString()).to.throw()
      host.close()
    }
  })

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
