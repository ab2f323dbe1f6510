/**
 * Whose request is handled next. The core is single-threaded, so requests of all connections run one at a time; each
 * connection with something to do gets one turn per round, so that a client with a thousand requests in flight delays
 * another by one request, not by a thousand.
 *
 * A request keeps its turn while it waits for KMS, half a minute at most, and even `status` waits behind it. Only a cold
 * enclave asks KMS: it has nothing yet that anybody could need, and were others answered meanwhile, a second `provision`
 * could meet the first one half-way. A host that lets KMS hang delays its own enclave alone.
 */

/** Someone with requests waiting. `step` handles one and tells whether another can follow at once. */
export type Turn = { readonly step: () => Promise<boolean> }

export class Turns {
  readonly #waiting = new Set<Turn>()
  #running: Promise<void> | undefined

  /** Asks for a turn; asking twice is the same as once. Who has nothing to do when it comes loses nothing. */
  add(turn: Turn): void {
    this.#waiting.add(turn)
    this.#running ??= this.#run()
  }

  /** Resolves when nobody waits. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** A Set keeps the order of arrival, and who is added again goes to its end: that is the round. */
  async #run(): Promise<void> {
    // The first turn starts on a later tick, so that `add` never runs a request inside its caller.
    await Promise.resolve()
    for (let turn = this.#take(); turn !== undefined; turn = this.#take()) {
      if (await turn.step()) this.#waiting.add(turn)
    }
    this.#running = undefined
  }

  #take(): Turn | undefined {
    for (const turn of this.#waiting) {
      this.#waiting.delete(turn)
      return turn
    }
    return undefined
  }
}
