/** What the host has ever stored: sets of moments, each set once, so that a world names its own by a number. */
import type { Call, Moment, Opened } from './moments.ts'

export type Memory = {
  readonly id: number
  /** In order of id. */
  readonly moments: readonly Moment[]
  /** What was signed on the way, each once. */
  readonly calls: readonly Call[]
  readonly opens: readonly Opened[]
}

export class Memories {
  readonly #known = new Map<string, Memory>()
  readonly #added = new Map<string, Memory>()
  readonly empty: Memory = { id: 0, moments: [], calls: [], opens: [] }

  add(memory: Memory, moment: Moment): Memory {
    const step = `${memory.id} ${moment.id}`
    const known = this.#added.get(step)
    if (known !== undefined) return known
    const made = memory.moments.includes(moment) ? memory : this.#intern([...memory.moments, moment])
    this.#added.set(step, made)
    return made
  }

  #intern(unsorted: readonly Moment[]): Memory {
    const moments = unsorted.toSorted((left, right) => left.id - right.id)
    const key = moments.map(({ id }) => id).join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const calls = new Set(moments.flatMap(({ unlanded }) => (unlanded === null ? [] : [unlanded])))
    const opens = new Map(moments.flatMap(({ open }) => (open === null ? [] : [[open.boot, open] as const])))
    const memory = { id: this.#known.size + 1, moments, calls: [...calls], opens: [...opens.values()] }
    this.#known.set(key, memory)
    return memory
  }
}
