/** Every entry that any enclave ever wrote, in the branch of the log that it stands in. */
import { decodeEntry, type Entry } from '../../enclave/protocol/entry.ts'

export class LogNode {
  readonly parent: LogNode | undefined
  readonly index: number
  readonly bytes: Uint8Array
  #entry: Entry | undefined

  constructor(parent: LogNode | undefined, bytes: Uint8Array) {
    this.parent = parent
    this.index = parent === undefined ? 0 : parent.index + 1
    this.bytes = bytes
  }

  get entry(): Entry {
    this.#entry ??= decodeEntry(this.bytes)
    return this.#entry
  }
}

/** The entries after `from` up to `to`, oldest first; undefined when `to` is on another branch. */
export function pathBetween(from: LogNode | undefined, to: LogNode): LogNode[] | undefined {
  const first = from === undefined ? -1 : from.index
  const path: LogNode[] = []
  let node: LogNode | undefined = to
  for (; node !== undefined && node.index > first; node = node.parent) path.push(node)
  return node === from ? path.reverse() : undefined
}
