/** The file of the development wrapping key: 32 raw bytes, mode 0600, whole or absent. */
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Entropy } from '../keys/session-key.ts'
import { CodedError } from '../protocol/errors.ts'
import { toHex } from '../protocol/ids.ts'

const WRAPPING_KEY_BYTES = 32
const SUFFIX_BYTES = 8
const OWNER_ONLY_MODE = 0o600
const OTHERS_MODE = 0o077
const PERMISSION_BITS = 0o777

/** The key in `path`; drawn and stored first when the file is absent. Refuses CONFIG_INVALID. */
export function readWrappingKey(path: string, entropy: Entropy): Uint8Array {
  try {
    if (!exists(path)) writeWrappingKey(path, entropy)
    return checkedKey(path)
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('CONFIG_INVALID', `expected a wrapping key that can be read or made at ${path}`, { cause })
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * 1 write and fsync a file of another name, 2 link it to `path`, 3 drop the other name, 4 fsync the folder. A crash
 * before 2 leaves no key; link is atomic and never replaces, so of two processes that start at once both read one key.
 */
function writeWrappingKey(path: string, entropy: Entropy): void {
  const draft = `${path}.${toHex(entropy(SUFFIX_BYTES)).slice(2)}`
  withFile(draft, 'wx', (descriptor) => {
    writeSync(descriptor, entropy(WRAPPING_KEY_BYTES))
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

function checkedKey(path: string): Uint8Array {
  const { mode } = lstatSync(path)
  if ((mode & OTHERS_MODE) !== 0) {
    const got = (mode & PERMISSION_BITS).toString(8)
    throw new CodedError('CONFIG_INVALID', `expected mode 600 of ${path}, got ${got}; run chmod 600 on it`)
  }
  const key = readFileSync(path)
  if (key.length !== WRAPPING_KEY_BYTES) {
    throw new CodedError('CONFIG_INVALID', `expected ${WRAPPING_KEY_BYTES} bytes in ${path}, got ${key.length}`)
  }
  return new Uint8Array(key)
}
