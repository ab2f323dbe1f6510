/** One run: a fresh ledger, the commands in order, the auditor after each, and an honest end. */
import { expect } from 'chai'
import type { Genesis } from '../../../enclave/protocol/configuration.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { anAddress, aPolicy, bitmapHash, FEES, Refused, ROUND } from '../../builders/boot.ts'
import type { Command, Of } from './commands.ts'
import { confirm, land, prepare, resign } from './committing.ts'
import { again, flood, offer, outputs } from './feeding.ts'
import type { GovernedCommand } from './governed.ts'
import { adjust, batch, change, credits, drain, policy, register, reset, skipNumbers } from './governing.ts'
import { Host } from './host.ts'
import { hostile } from './hostile.ts'
import { reload, snapshot, wake } from './loading.ts'
import type { Player } from './player.ts'
import { rebuild } from './rebuilding.ts'

const COMMAND_SECONDS = 30

export type Setting = {
  readonly genesis: Partial<Genesis>
  /** Acts that the enclave took, over all runs. */
  readonly accepted: Set<string>
}

/** A ledger with a small policy, whose accounts are paid this way. */
export function aGenesisOf(strategy: Policy['strategy'], over: Partial<Policy> = {}): Partial<Genesis> {
  return {
    policy: aPolicy({
      strategy,
      cadenceSeconds: 45,
      payoutWeiMax: wei(2n * 10n ** 18n),
      payoutsPerCommitMax: 3,
      backoffSequencesMax: 4,
      ...over,
    }),
    openings: [{ id: 'late-b', wei: wei(7n * 10n ** 17n), recipient: anAddress(0x77) }],
  }
}

export function run({ genesis, accepted }: Setting, commands: readonly (Command | GovernedCommand)[]): void {
  const host = new Host(genesis, accepted)
  try {
    for (const command of commands) {
      host.world.nowSeconds += COMMAND_SECONDS
      const player = play(host, command)
      if (player !== undefined) host.judge(player)
    }
    end(host)
  } finally {
    host.close()
  }
}

/** Gives the boot that was asked for something: no other can have changed. */
function play(host: Host, command: Command | GovernedCommand): Player | undefined {
  switch (command.kind) {
    case 'rebuild':
      rebuild(host, command)
      return undefined
    case 'land':
      land(host, command)
      return undefined
    case 'reload':
      return reload(host, command)
    case 'tick':
      host.world.nowSeconds = Math.max(0, host.world.nowSeconds + command.seconds)
      return undefined
    default: {
      const player = host.player(command.who)
      ask(host, player, command)
      return player
    }
  }
}

type Asked = Exclude<Command | GovernedCommand, { kind: 'land' | 'reload' | 'tick' | 'rebuild' }>

function ask(host: Host, player: Player, command: Asked): void {
  switch (command.kind) {
    case 'offer':
      return offer(player, command)
    case 'again':
      return again(player, command)
    case 'prepare':
      return prepare(host, player, command)
    case 'cycle':
      return cycle(host, player, command)
    case 'resign':
      return resign(host, player, command)
    case 'confirm':
      return confirm(host, player, command)
    case 'wake':
      return wake(host, player, { until: command.lands ? 'landed' : 'told' })
    case 'snapshot':
      return snapshot(host, player)
    case 'flood':
      return flood(player, command)
    case 'outputs':
      return outputs(player, command)
    case 'hostile':
      return hostile(player, command)
    case 'halt':
      if (['active', 'recovering'].includes(player.phase)) player.boot.call('halt', { reason: 'by hand' })
      return
    default:
      return sign(host, player, command)
  }
}

type Signed = Exclude<GovernedCommand, { kind: 'rebuild' }>

function sign(host: Host, player: Player, command: Signed): void {
  switch (command.kind) {
    case 'credits':
      return credits(host, player, command)
    case 'batch':
      return batch(host, player, command)
    case 'skipNumbers':
      return skipNumbers(host, player, command)
    case 'register':
      return register(host, player, command)
    case 'change':
      return change(host, player, command)
    case 'policy':
      return policy(host, player, command)
    case 'adjust':
      return adjust(host, player, command)
    case 'drain':
      return drain(host, player, command)
    case 'reset':
      return reset(host, player, command)
  }
}

function cycle(host: Host, player: Player, { pay, fails }: Of<'cycle'>): void {
  player.acknowledge()
  prepare(host, player, { kind: 'prepare', who: 0, keep: true, pay, budgetWei: 10n ** 20n })
  host.judge(player)
  land(host, { kind: 'land', newest: true, call: 0, fails })
  confirm(host, player, { kind: 'confirm', who: 0, keep: true, honest: true, bits: 0n })
}

/** Whatever was played: who loads the landed history with the truth, opens and commits, is the anchor's ledger again. */
function end(host: Host): void {
  const player = reload(host, {
    kind: 'reload',
    from: 'landed',
    chain: 0,
    whole: false,
    cut: 0,
    claim: 'true',
    bits: 0n,
    epochs: 0,
    parts: false,
    until: 'landed',
  })
  if (player === undefined) throw new Error('the landed history loads under the truth')
  host.world.nowSeconds += 1_000_000
  host.calls.push(commitSomething(player))
  host.judge(player)
  expect(host.anchor.land(host.calls.at(-1) as Uint8Array, 0n, host.committed), 'the commit lands').to.equal(true)
  const { sequence, bitmap } = host.anchor.landed.at(-1) as (typeof host.anchor.landed)[number]
  player.boot.call('confirm_payout', { sequence, bitmap: bitmap === null ? null : bitmapHash(bitmap) })
  host.judge(player)
  expect(player.state.head).to.equal(host.anchor.head)
  const paidWei = host.anchor.paidWei.reduce((sum, amount) => sum + (amount ?? 0n), 0n)
  expect(player.state.paidWei).to.equal(paidWei)
}

function commitSomething(player: Player): Uint8Array {
  const params = { budgetWei: `${10n ** 20n}`, round: ROUND, fees: FEES, accountNonce: 0 }
  try {
    return player.boot.call('prepare_commit', { ...params, mode: 'pay' }).call
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'NOTHING_DUE') throw error
    return player.boot.call('prepare_commit', { ...params, mode: 'bare' }).call
  }
}
