/** All attacks, one after the other, each on real enclave processes and a real chain that are copies. */
import type { Folder } from '../folder.ts'
import { openArena } from './arena.ts'
import type { Attack } from './attack.ts'
import { attackByClones } from './clones.ts'
import { attackFromOlderState } from './older-state.ts'

/** `payees` are at least four ids whose recipients Livepeer knows. The copies are removed at the end. */
export async function runAttacks(
  folder: Folder,
  payees: readonly string[],
  said: (name: string) => void,
): Promise<Attack[]> {
  const arena = await openArena(folder)
  try {
    said('restart from an older sealed state')
    const older = await attackFromOlderState(arena, payees[0] ?? '')
    said('clones, an old session, a lie, a ticket')
    const half = Math.ceil(payees.length / 2)
    return [older, ...(await attackByClones({ arena, payees: payees.slice(0, half), others: payees.slice(half) }))]
  } finally {
    await arena.close()
  }
}
