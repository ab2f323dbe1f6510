/** The file of the development wrapping key: 32 raw bytes, mode 0600, whole or absent. */
import type { Entropy } from '../keys/session-key.ts'
import { CodedError } from '../protocol/errors.ts'
import { readPrivateFile } from './private-file.ts'

const WRAPPING_KEY_BYTES = 32

/** The key in `path`; drawn and stored first when the file is absent. Refuses CONFIG_INVALID. */
export function readWrappingKey(path: string, entropy: Entropy): Uint8Array {
  const key = readPrivateFile(path, entropy, () => entropy(WRAPPING_KEY_BYTES))
  if (key.length === WRAPPING_KEY_BYTES) return key
  throw new CodedError('CONFIG_INVALID', `expected ${WRAPPING_KEY_BYTES} bytes in ${path}, got ${key.length}`)
}
