/** What a test tells the disk of a process to do: where to fail, and how. Plain data, handed to the child. */

/**
 * A call that a process cannot take back. `folder` is the fsync of a directory, which makes names durable; `send` is a
 * request to the chain.
 */
export type Operation = 'write' | 'sync' | 'folder' | 'rename' | 'link' | 'remove' | 'send'

/** One such call, by what it does and to which file. */
export type Probe = {
  readonly operation: Operation
  /** Source of a pattern on the path, relative to the data folder; of a request, on its address. */
  readonly path: string
  /** Source of a pattern on what is written. */
  readonly text?: string
}

export type Order = {
  /** Passed in this order; the process dies at the last one, or is served badly. */
  readonly probes: readonly Probe[]
  /**
   * `torn`: half of the bytes are written first; a request goes out and its answer is not read. Sides on which the
   * process lives: `short` takes half of the bytes and says so, `full` takes none and refuses, once each. `beside`: only
   * the processes of `cutsPowerOf` end, before the call, and nothing on the disk is lost.
   */
  readonly side: 'before' | 'after' | 'torn' | 'short' | 'full' | 'beside'
  /** Counts only while the process is in this scene. */
  readonly scene?: string
  /** The machine's power is cut: what is not synced is lost, and these processes end in the same moment. */
  readonly cutsPowerOf?: readonly number[]
}

/** What a child says once an order is in force. */
export const ARMED = 'armed'
/** Names of the environment: the data folder, and an order in force from the start. */
export const ROOT_VARIABLE = 'LYING_DISK_ROOT'
export const ORDER_VARIABLE = 'LYING_DISK_ORDER'
