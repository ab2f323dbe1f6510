/** Whose turn it is: one actor a step, drawn by weight. */

import type { World } from '../scene.ts'
import { govern, succeed } from './admins.ts'
import { append } from './feed.ts'
import { flood } from './flood.ts'
import {
  clone,
  driveClone,
  garbage,
  halt,
  kill,
  loseBlobs,
  operate,
  skewClock,
  snapshot,
  tearDisk,
} from './intruder.ts'
import {
  donate,
  freeze,
  fund,
  mine,
  nextRound,
  pause,
  redeemStray,
  reorg,
  replayCall,
  togglePayable,
} from './network.ts'
import { keepMoney, reenter, starve } from './payees.ts'
import { quietTime } from './quiet.ts'
import { report } from './reporters.ts'
import { replayAct, tamper } from './tampering.ts'

type Turn = { readonly weight: number; readonly act: (world: World) => void }

const LINES_PER_WRITE_MAX = 4
const REPORTED_PERMILLE = 600
const SUCCEED_WEIGHT = 50
const QUIET_WEIGHT = 15

export function schedule({ faults, governance }: World): readonly Turn[] {
  const isAging = (governance?.heirs.size ?? 0) > 0
  const turns: Turn[] = [
    { weight: 420, act: operate },
    { weight: 250, act: mine },
    { weight: 90, act: write },
    { weight: 40, act: snapshot },
    { weight: 20, act: nextRound },
    { weight: governance === undefined ? 0 : 60, act: govern },
    { weight: isAging ? SUCCEED_WEIGHT : 0, act: succeed },
    { weight: isAging ? QUIET_WEIGHT : 0, act: quietTime },
    { weight: faults.clone > 0 ? 250 : 0, act: driveClone },
    { weight: faults.underfunded > 0 ? 20 : 0, act: fund },
    { weight: faults.killed, act: kill },
    { weight: faults.clone, act: clone },
    { weight: faults.replayed, act: replayCall },
    { weight: faults.garbage, act: garbage },
    { weight: faults.clockSkew, act: skewClock },
    { weight: faults.reorg, act: reorg },
    { weight: faults.unpayable, act: togglePayable },
    { weight: faults.brokerStops, act: pause },
    { weight: faults.frozen, act: freeze },
    { weight: faults.donation, act: donate },
    { weight: faults.strayRedeem, act: redeemStray },
    { weight: faults.diskTears, act: tearDisk },
    { weight: faults.blobsLost, act: loseBlobs },
    { weight: faults.tampered, act: tamper },
    { weight: faults.replayedAct, act: replayAct },
    { weight: faults.reentrant, act: reenter },
    { weight: faults.starved, act: starve },
    { weight: faults.brokerKeeps, act: keepMoney },
    { weight: faults.haltedByHost, act: halt },
    { weight: faults.unacknowledged, act: flood },
  ]
  return turns.filter(({ weight }) => weight > 0)
}

export function takeTurn(world: World, turns: readonly Turn[]): void {
  let draw = world.random.below(turns.reduce((sum, { weight }) => sum + weight, 0))
  for (const { weight, act } of turns) {
    if (draw < weight) return act(world)
    draw -= weight
  }
}

/** Work is done: it is written to the journal, or reported by somebody who signs. */
function write(world: World): void {
  const lines = 1 + world.random.below(LINES_PER_WRITE_MAX)
  const { governance } = world
  for (let line = 0; line < lines; line++) {
    if (governance !== undefined && world.random.chance(REPORTED_PERMILLE)) report(world, governance)
    else world.journal = append(world, world.journal)
  }
}
