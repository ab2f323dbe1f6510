/** Looks for events of the anchor backwards from the newest block, within bounds that no endpoint can stretch. */
import { CodedError } from '../enclave/protocol/errors.ts'
import type { Rpc } from './endpoints.ts'
import { toldCount } from './told.ts'

/** Logs are looked for in windows of this size, newest first. */
export const LOG_WINDOW_BLOCKS = 10_000
/** Of one search: a year of Arbitrum's blocks. An endpoint that names a height beyond all sense is asked no more. */
export const LOG_WINDOWS_MAX = 12_000
/** Windows asked for at once when the newest ones held nothing. */
export const LOG_WINDOWS_AT_ONCE_MAX = 32
/** Of one search: an endpoint may also take its time over each window. */
export const LOG_SEARCH_MS_MAX = 30_000

type Window = { readonly fromBlock: bigint; readonly toBlock: bigint }

/**
 * Providers bound the span of one query; what we look for is nearly always in the newest, so further windows are asked for
 * in growing numbers. The height is the endpoint's word and may be any number: windows and time are bounded. Refuses
 * RPC_FAILED beyond LOG_WINDOWS_MAX: "there is none" would be a guess.
 */
export async function inWindows<T>(
  rpc: Rpc,
  oldest: bigint,
  look: (window: Window) => Promise<T | undefined>,
  searchMsMax: number = LOG_SEARCH_MS_MAX,
): Promise<T | undefined> {
  const deadline = AbortSignal.timeout(searchMsMax)
  let toBlock = BigInt(toldCount(await rpc.getBlockNumber()))
  let atOnce = 1
  for (
    let asked = 0;
    asked < LOG_WINDOWS_MAX;
    asked += atOnce, atOnce = Math.min(2 * atOnce, LOG_WINDOWS_AT_ONCE_MAX)
  ) {
    if (toBlock < oldest) return undefined
    // Its error is that of an answer that did not come, and counts against the endpoint.
    deadline.throwIfAborted()
    const windows = windowsBelow(toBlock, oldest, atOnce)
    const found = (await Promise.all(windows.map(look))).find((one) => one !== undefined)
    if (found !== undefined) return found
    toBlock = (windows.at(-1)?.fromBlock ?? 0n) - 1n
  }
  throw new CodedError(
    'RPC_FAILED',
    `expected all events of the anchor within ${LOG_WINDOWS_MAX} windows of ${LOG_WINDOW_BLOCKS} blocks; name its block in fromBlock`,
  )
}

/** At most `count` of them, the newest first, down to `oldest`. */
function windowsBelow(newest: bigint, oldest: bigint, count: number): Window[] {
  const span = BigInt(LOG_WINDOW_BLOCKS)
  const windows: Window[] = []
  for (let toBlock = newest; toBlock >= oldest && windows.length < count; toBlock -= span) {
    const start = toBlock - span + 1n
    windows.push({ fromBlock: start < oldest ? oldest : start, toBlock })
  }
  return windows
}
