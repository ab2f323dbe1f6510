/** The NSM of a real enclave: one ioctl of /dev/nsm a request. What the bytes say is enclave/shell/nsm.ts's affair. */
import { openSync } from 'node:fs'
import { CodedError } from '../../protocol/errors.ts'
import { errorName, loadAddon } from './addon.ts'

const DEVICE = '/dev/nsm'
/** The driver's own limits. It refuses a longer request, and never writes a longer response. */
const REQUEST_BYTES_MAX = 0x1000
const RESPONSE_BYTES_MAX = 0x3000

/**
 * Opens the device and gives the function that asks it: CBOR in, CBOR out. It stays open as long as the process.
 * Refuses VSOCK_UNAVAILABLE (no addon) and NSM_FAILED, which the function refuses as well.
 */
export async function openNsmDevice(path: string = DEVICE): Promise<(request: Uint8Array) => Uint8Array> {
  const addon = await loadAddon()
  const device = openDevice(path)
  return (request) => {
    if (request.length > REQUEST_BYTES_MAX) throw refusal(`at most ${REQUEST_BYTES_MAX} bytes`, `${request.length}`)
    const response = new Uint8Array(RESPONSE_BYTES_MAX)
    const answer = addon.nsmRequest(device, request, response)
    if (answer < 0) throw refusal(`an answer from ${path}`, errorName(answer))
    return response.slice(0, answer)
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CodedError('NSM_FAILED', `expected to open ${path}, got ${code}`, { cause })
  }
}

function refusal(expected: string, got: string): CodedError {
  return new CodedError('NSM_FAILED', `expected ${expected}, got ${got}`)
}
