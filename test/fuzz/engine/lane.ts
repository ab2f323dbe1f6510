/** One target under fire: inputs made from what is known, each read, and those that reach something new kept. */
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { changeBytes } from '../mutations.ts'
import { CORPUS_FILE_BYTES_MAX, CORPUS_FILES_MAX, readCorpus } from './corpus.ts'
import { Coverage, type Reached } from './coverage.ts'
import { type Slate, wipe, write } from './slate.ts'
import type { Target } from './target.ts'

/** `inputs` or `seconds` ends it, whichever comes first. */
export type Task = {
  readonly target: string
  readonly seed: number
  readonly inputs: number
  readonly seconds: number
  /** Follows which blocks are reached, and mutates what reached new ones. */
  readonly explore: boolean
  /** Gives back the fewest inputs that reach everything that was reached. */
  readonly distil: boolean
}

export type Failure = { readonly input: Uint8Array; readonly number: number; readonly what: string }
export type Report = {
  readonly target: string
  /** Seeds and kept inputs, which are read first. */
  readonly replayed: number
  /** New inputs. */
  readonly inputs: number
  /** How often each outcome came, of seeds and kept inputs too. */
  readonly outcomes: { readonly [outcome: string]: number }
  readonly functions: number
  readonly distilled: readonly Uint8Array[]
  readonly failure: Failure | undefined
}

const INPUT_BYTES_MAX = 65_536
const POOL_MAX = 2_000
const BATCH = 16
/** Counting costs most of the speed: after so many batches without news, so many inputs go without it. */
const DULL_BATCHES_MAX = 8
const BLIND_INPUTS = 2_000
const CUTS_MAX = 32
const MS_PER_SECOND = 1_000

/** Plays a target to the end of its task, or to its first failure. */
export async function playTarget(target: Target, task: Task, slate: Slate): Promise<Report> {
  const lane = new Lane(target, task, slate)
  try {
    await lane.play()
    if (task.distil && lane.failure === undefined) await lane.distil()
  } finally {
    await target.close?.()
  }
  return lane.report()
}

class Lane {
  readonly #target: Target
  readonly #task: Task
  readonly #slate: Slate
  readonly #dice: Dice
  readonly #coverage = new Coverage()
  readonly #outcomes: { [outcome: string]: number } = {}
  readonly #endsAtMs: number
  readonly #pool: Uint8Array[]
  readonly #replayed: number
  #inputs = 0
  #distilled: Uint8Array[] = []
  failure: Failure | undefined

  constructor(target: Target, task: Task, slate: Slate) {
    this.#target = target
    this.#task = task
    this.#slate = slate
    this.#dice = newDice(task.seed)
    this.#endsAtMs = performance.now() + task.seconds * MS_PER_SECOND
    this.#pool = [...target.seeds(), ...readCorpus(target.name).values()]
    this.#replayed = this.#pool.length
  }

  report(): Report {
    return {
      target: this.#target.name,
      replayed: this.#replayed,
      inputs: this.#inputs,
      outcomes: this.#outcomes,
      functions: this.#coverage.functions,
      distilled: this.#distilled,
      failure: this.failure,
    }
  }

  async play(): Promise<void> {
    if (this.#task.explore) return this.#explore()
    for (const input of this.#pool) await this.#read(input)
    await this.#readNew(Number.MAX_SAFE_INTEGER)
  }

  get #isOver(): boolean {
    return this.failure !== undefined || this.#inputs >= this.#task.inputs || performance.now() > this.#endsAtMs
  }

  async #readNew(count: number): Promise<void> {
    for (let done = 0; done < count && !this.#isOver; done++) await this.#read(this.#next())
  }

  async #explore(): Promise<void> {
    this.#coverage.start()
    for (const input of this.#pool) this.#coverage.add(await this.#reachedBy([input]))
    let dull = 0
    while (!this.#isOver) {
      dull = (await this.#exploreBatch()) ? 0 : dull + 1
      if (dull < DULL_BATCHES_MAX) continue
      dull = 0
      this.#coverage.stop()
      await this.#readNew(BLIND_INPUTS)
      this.#coverage.start()
    }
    this.#coverage.stop()
  }

  /** Runs a batch; one that reached something new is run again, input by input, to find out which did. */
  async #exploreBatch(): Promise<boolean> {
    const batch = Array.from({ length: BATCH }, () => this.#next())
    const reached = await this.#reachedBy(batch)
    if (!this.#coverage.isNew(reached)) return false
    for (const input of batch) if (this.#coverage.add(await this.#reachedBy([input]))) this.#keep(input)
    // What only the whole batch reaches is taken in, or each later batch would be news.
    this.#coverage.add(reached)
    return true
  }

  #keep(input: Uint8Array): void {
    if (this.#pool.length < POOL_MAX) this.#pool.push(input)
    else this.#pool[this.#dice.below(POOL_MAX)] = input
  }

  async #reachedBy(inputs: readonly Uint8Array[]): Promise<Reached> {
    this.#coverage.take()
    for (const input of inputs) await this.#read(input)
    return this.#coverage.take()
  }

  /** Shortest first: an input is kept for what no shorter one reaches, and cut as long as it reaches the same. */
  async distil(): Promise<void> {
    const fresh = new Coverage()
    this.#coverage.start()
    const byLength = this.#pool.toSorted((left, right) => left.length - right.length)
    for (const input of byLength) {
      const fits = input.length <= CORPUS_FILE_BYTES_MAX && this.#distilled.length < CORPUS_FILES_MAX
      if (!fits || !fresh.add(await this.#reachedBy([input]))) continue
      this.#distilled.push(await this.#cut(input))
    }
    this.#coverage.stop()
  }

  async #cut(input: Uint8Array): Promise<Uint8Array> {
    const wanted = fingerprint(await this.#reachedBy([input]))
    let shortest = input
    let cuts = 0
    for (let size = input.length >> 1; size > 0 && cuts < CUTS_MAX; size >>= 1) {
      for (let at = 0; at < shortest.length && cuts < CUTS_MAX; cuts++) {
        const shorter = Uint8Array.from([...shortest.subarray(0, at), ...shortest.subarray(at + size)])
        if (fingerprint(await this.#reachedBy([shorter])) === wanted) shortest = shorter
        else at += size
      }
    }
    return shortest
  }

  #next(): Uint8Array {
    this.#inputs++
    return this.#made().slice(0, INPUT_BYTES_MAX)
  }

  #made(): Uint8Array {
    const dice = this.#dice
    const { generate, mutate } = this.#target
    if (generate !== undefined && dice.below(4) === 0) return generate(dice)
    const known = dice.pick(this.#pool) ?? new Uint8Array(0)
    if (dice.below(12) === 0) return spliced(dice, known, dice.pick(this.#pool))
    const changed = mutate !== undefined && dice.below(3) > 0 ? mutate(dice, known) : changeBytes(dice, known)
    return dice.below(8) === 0 ? changeBytes(dice, changed) : changed
  }

  /** Nothing is read after a failure: a target may be left in any state. */
  async #read(input: Uint8Array): Promise<void> {
    if (this.failure !== undefined) return
    write(this.#slate, input)
    try {
      const outcome = await this.#target.run(input)
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.failure = { input, number: this.#inputs, what }
    } finally {
      wipe(this.#slate)
    }
  }
}

function fingerprint(reached: Reached): string {
  return JSON.stringify([...reached].sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** The head of one and the tail of another. */
function spliced(dice: Dice, head: Uint8Array, tail: Uint8Array): Uint8Array {
  const cut = dice.below(head.length + 1)
  const from = dice.below(tail.length + 1)
  return Uint8Array.from([...head.subarray(0, cut), ...tail.subarray(from)])
}
