/** Where a process dies: each durable call passes here, and the one that an order names is its last. */
import { relative } from 'node:path'
import { ARMED, type Operation, type Order } from './orders.ts'
import type { Unsynced } from './unsynced.ts'

export class Gate {
  readonly #root: string
  readonly #unsynced: Unsynced
  #order: Order | undefined
  #passed = 0
  /** What the process does now, as it says itself. */
  scene = ''

  constructor(root: string, unsynced: Unsynced) {
    this.#root = root
    this.#unsynced = unsynced
  }

  arm(order: Order): void {
    this.#order = order
    this.#passed = 0
    process.send?.(ARMED)
  }

  async pass<T>(operation: Operation, path: string, act: () => Promise<T>, written?: Written): Promise<T> {
    const side = this.#sideOf(operation, path, written?.bytes)
    if (side === 'full') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    if (side === 'beside') this.#killOthers()
    if (side === 'short' && written !== undefined) return (await written.half()) as T
    if (side === 'torn') await written?.half()
    if (side === 'torn' || side === 'before') this.#die()
    const result = await act()
    if (side === 'after') this.#die()
    return result
  }

  passNow<T>(operation: Operation, path: string, act: () => T, written?: Written): T {
    const side = this.#sideOf(operation, path, written?.bytes)
    if (side === 'torn') void written?.half()
    if (side === 'torn' || side === 'before') this.#die()
    const result = act()
    if (side === 'after') this.#die()
    return result
  }

  /** The side to die on when this call is the last that the order names. */
  #sideOf(operation: Operation, path: string, bytes: Uint8Array | undefined): Order['side'] | undefined {
    const { probes, scene, side } = this.#order ?? { probes: [] }
    const probe = probes[this.#passed]
    if (probe?.operation !== operation || !this.#isInScene(scene)) return undefined
    if (!new RegExp(probe.path).test(operation === 'send' ? path : relative(this.#root, path))) return undefined
    const text = Buffer.from(bytes ?? []).toString('latin1')
    if (probe.text !== undefined && !new RegExp(probe.text).test(text)) return undefined
    this.#passed += 1
    return this.#passed === probes.length ? side : undefined
  }

  #isInScene(scene: string | undefined): boolean {
    return scene === undefined || scene === this.scene
  }

  #killOthers(): void {
    for (const pid of this.#order?.cutsPowerOf ?? []) process.kill(pid, 'SIGKILL')
  }

  #die(): void {
    this.#killOthers()
    if (this.#order?.cutsPowerOf !== undefined) this.#unsynced.losePower()
    this.#unsynced.forget()
    process.kill(process.pid, 'SIGKILL')
    // The signal comes at once; nothing may run before it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
}

/** Bytes on their way to a file, and a way to write half of them. */
export type Written = { readonly bytes: Uint8Array; readonly half: () => unknown }
