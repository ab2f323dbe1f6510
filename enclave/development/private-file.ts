/** A secret of a development machine in a file of mode 0600, whole or absent, shared by the processes that open it. */
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Entropy } from '../keys/session-key.ts'
import { CodedError } from '../protocol/errors.ts'
import { toHex } from '../protocol/ids.ts'

const SUFFIX_BYTES = 8
const OWNER_ONLY_MODE = 0o600
const OTHERS_MODE = 0o077
const PERMISSION_BITS = 0o777

/** The bytes in `path`; made and stored first when the file is absent. Refuses CONFIG_INVALID. */
export function readPrivateFile(path: string, entropy: Entropy, make: () => Uint8Array): Uint8Array {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) writeOnce(path, entropy, make())
    refuseOpenFile(path)
    return new Uint8Array(readFileSync(path))
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('CONFIG_INVALID', `expected a file that can be read or made at ${path}`, { cause })
  }
}

/**
 * 1 write and fsync a file of another name, 2 link it to `path`, 3 drop the other name, 4 fsync the folder. A crash
 * before 2 leaves nothing under `path`; link never replaces, so of two processes that start at once both read one secret.
 */
function writeOnce(path: string, entropy: Entropy, bytes: Uint8Array): void {
  const draft = `${path}.${toHex(entropy(SUFFIX_BYTES)).slice(2)}`
  withFile(draft, 'wx', (descriptor) => {
    writeSync(descriptor, bytes)
    fsyncSync(descriptor)
  })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(draft)
  }
  withFile(dirname(path), 'r', fsyncSync)
}

function withFile(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, OWNER_ONLY_MODE)
  try {
    use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A link has mode 777 of its own, so it is refused as well. */
function refuseOpenFile(path: string): void {
  const { mode } = lstatSync(path)
  if ((mode & OTHERS_MODE) === 0) return
  const got = (mode & PERMISSION_BITS).toString(8)
  throw new CodedError('CONFIG_INVALID', `expected mode 600 of ${path}, got ${got}; run chmod 600 on it`)
}
