/** Breadth-first search of every world within some bounds, and the way to the first one in which a property does not hold. */
import type { Contract } from './contract.ts'
import type { Property } from './properties.ts'
import type { World, Worlds } from './worlds.ts'

export type Limits = { readonly depthMax: number; readonly statesMax: number }

export type Found = { readonly broken: string; readonly trace: readonly string[] }

export type Outcome = {
  readonly states: number
  readonly moves: number
  /** Every world that is at most so many moves away was looked at. */
  readonly depth: number
  /** True when no world was left: the search is complete at any depth. */
  readonly exhausted: boolean
  readonly found: Found | null
}

/** Judges each contract once, and each world by `stuck`, which says what an honest host could no longer do there. */
export function search(
  worlds: Worlds,
  properties: readonly Property[],
  limits: Limits,
  stuck: (world: World) => string | undefined = () => undefined,
): Outcome {
  const seen = new Seen()
  const judge = judgeOnce(properties)
  seen.add(worlds.first, -1)
  let frontier = [{ world: worlds.first, index: 0 }]
  let moves = 0
  for (let depth = 0; depth < limits.depthMax; depth++) {
    const next: typeof frontier = []
    for (const { world, index } of frontier) {
      for (const move of worlds.moves(world)) {
        moves++
        const reached = seen.add(move.world, index)
        if (reached === undefined) continue
        const broken = judge(move.world.contract) ?? stuck(move.world)
        if (broken !== undefined) {
          const found = { broken, trace: retrace(worlds, seen, reached) }
          return { states: seen.size, moves, depth, exhausted: false, found }
        }
        if (seen.size >= limits.statesMax) return { states: seen.size, moves, depth, exhausted: false, found: null }
        next.push({ world: move.world, index: reached })
      }
    }
    if (next.length === 0) return { states: seen.size, moves, depth, exhausted: true, found: null }
    frontier = next
  }
  return { states: seen.size, moves, depth: limits.depthMax, exhausted: false, found: null }
}

/** Worlds by what they are, in the order in which they were reached, each with the one before it. */
class Seen {
  readonly #keys = new Set<string>()
  readonly #order: string[] = []
  readonly #parents: number[] = []
  readonly #contracts = new Map<string, number>()

  get size(): number {
    return this.#keys.size
  }

  /** The number of a new world; undefined for one that was reached before. */
  add(world: World, parent: number): number | undefined {
    const key = this.keyOf(world)
    if (this.#keys.has(key)) return undefined
    this.#keys.add(key)
    this.#order.push(key)
    this.#parents.push(parent)
    return this.#order.length - 1
  }

  keyOf({ contract, memory, boots, credits }: World): string {
    let id = this.#contracts.get(contract.key)
    if (id === undefined) {
      id = this.#contracts.size
      this.#contracts.set(contract.key, id)
    }
    return `${id}.${memory.id}.${credits}.${boots.map((at) => at.id).join('.')}`
  }

  pathTo(index: number): string[] {
    const path: string[] = []
    for (let at = index; at > 0; at = this.#parents[at] as number) path.push(this.#order[at] as string)
    return path.reverse()
  }
}

/** Plays the path again and says each move. */
function retrace(worlds: Worlds, seen: Seen, index: number): string[] {
  let { first: world } = worlds
  return seen.pathTo(index).map((key) => {
    const move = [...worlds.moves(world)].find((candidate) => seen.keyOf(candidate.world) === key)
    if (move === undefined) throw new Error('a path is made of moves')
    world = move.world
    return move.say()
  })
}

function judgeOnce(properties: readonly Property[]): (contract: Contract) => string | undefined {
  const verdicts = new Map<string, string | undefined>()
  return (contract) => {
    if (verdicts.has(contract.key)) return verdicts.get(contract.key)
    const broken = properties.map((property) => property(contract)).find((verdict) => verdict !== undefined)
    verdicts.set(contract.key, broken)
    return broken
  }
}
