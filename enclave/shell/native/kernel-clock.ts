/** Sets the kernel's clock. An enclave boots with one that its host can steer; the NSM's own time is what it takes instead. */
import { assert, CodedError } from '../../protocol/errors.ts'
import { errorName, loadAddon } from './addon.ts'

/** `unixMs` is milliseconds since 1970. Refuses VSOCK_UNAVAILABLE (no addon) and CLOCK_SET. */
export async function setKernelClock(unixMs: number): Promise<void> {
  assert(Number.isSafeInteger(unixMs) && unixMs > 0, 'a time is a count of milliseconds since 1970')
  const addon = await loadAddon()
  const answer = addon.setClock(unixMs)
  if (answer < 0) throw new CodedError('CLOCK_SET', `expected the kernel to take the time, got ${errorName(answer)}`)
}
