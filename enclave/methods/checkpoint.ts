/** The log key's word for a settled header (protocol section 3) [F17]. */
import { type Instance, keysOf } from '../instance.ts'
import type { Header } from '../protocol/header.ts'
import { fromHex } from '../protocol/ids.ts'
import { checkpointText, logOrigin, signNote, verifierKeyOf } from '../protocol/note.ts'

/** States what the enclave was told; it counts only beside a final Committed of equal size and root [F17]. */
export function signCheckpoint(instance: Instance, { logSize, logRoot }: Header): string {
  const { logKey } = keysOf(instance)
  const origin = logOrigin(instance.configuration.chainId, instance.configuration.anchor)
  const text = checkpointText({ origin, size: logSize, root: fromHex(logRoot) })
  return signNote(text, verifierKeyOf(origin, logKey.publicKey), logKey.sign)
}
