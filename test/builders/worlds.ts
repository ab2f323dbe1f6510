/** Worlds that a file of tests makes, closed when it ends. */
import { aLine, type Boot, World } from './boot.ts'

const worlds: World[] = []

export function aWorld(over: ConstructorParameters<typeof World>[0] = {}): World {
  const world = new World(over)
  worlds.push(world)
  return world
}

export function closeWorlds(): void {
  for (const world of worlds.splice(0)) world.close()
}

/** An active boot with one credit of 1 ether for each of the first three orchestrators. */
export function credited(world: World): Boot {
  const boot = world.active()
  boot.offer(aLine('orch-0', '1'), aLine('orch-1', '1'), aLine('orch-2', '1'))
  return boot
}
