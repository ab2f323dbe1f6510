/**
 * What a worker is at, in memory that its watcher shares: an input that never returns, or takes the worker down with it,
 * is read from here.
 */
export const SLATE_BYTES_MAX = 65_536
const WORDS = 3
const COUNT = 0
const LENGTH = 1
const PLAYING = 2

export type Slate = { readonly words: Int32Array; readonly bytes: Uint8Array }

export function newSlate(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT + SLATE_BYTES_MAX)
}

export function openSlate(buffer: SharedArrayBuffer): Slate {
  return {
    words: new Int32Array(buffer, 0, WORDS),
    bytes: new Uint8Array(buffer, WORDS * Int32Array.BYTES_PER_ELEMENT),
  }
}

/** Before an input is read: the input, cut where it is longer than the slate. */
export function write({ words, bytes }: Slate, input: Uint8Array): void {
  bytes.set(input.subarray(0, SLATE_BYTES_MAX))
  Atomics.store(words, LENGTH, input.length)
  Atomics.store(words, PLAYING, 1)
  Atomics.add(words, COUNT, 1)
}

/** After it was read. */
export function wipe({ words }: Slate): void {
  Atomics.store(words, PLAYING, 0)
}

/** How many inputs have begun, and whether one is being read now. */
export function look({ words }: Slate): { readonly count: number; readonly playing: boolean } {
  return { count: Atomics.load(words, COUNT), playing: Atomics.load(words, PLAYING) === 1 }
}

export function inputOn({ words, bytes }: Slate): Uint8Array {
  return bytes.slice(0, Math.min(Atomics.load(words, LENGTH), SLATE_BYTES_MAX))
}
