/**
 * The Nitro Security Module, asked in CBOR over one ioctl at a time. Only the hypervisor answers it, never the host; a
 * wrong answer is a failure with a name all the same, since keys and time rest on what is read here.
 */
import { type CborInput, encodeCbor } from '../protocol/cbor.ts'
import { CodedError, isCoded } from '../protocol/errors.ts'
import {
  type NsmDescription,
  type PcrState,
  readDescription,
  readDocument,
  readExtended,
  readLocked,
  readPcr,
  readRandom,
} from './nsm-response.ts'

/** One raw ioctl of /dev/nsm: CBOR request bytes in, CBOR response bytes out. Throws where the kernel gives an error. */
export type NsmDevice = (request: Uint8Array) => Uint8Array

/** What a document is to say beside the registers: null where nothing. */
export type DocumentRequest = {
  readonly nonce: Uint8Array | null
  readonly userData: Uint8Array | null
  readonly publicKey: Uint8Array | null
}

/** Each of these throws NSM_FAILED, with the module's own name of the error in its message. */
export type Nsm = {
  /** That many bytes of the module's generator, asked for in as many parts as it takes. At most NSM_RANDOM_BYTES_MAX. */
  readonly random: (bytes: number) => Uint8Array
  readonly describe: () => NsmDescription
  readonly describePcr: (index: number) => PcrState
  /** The register's new value: SHA384(old value ‖ data). */
  readonly extendPcr: (index: number, data: Uint8Array) => Uint8Array
  /** For the life of this enclave; a locked register is refused as ReadOnlyIndex. */
  readonly lockPcr: (index: number) => void
  /** A fresh attestation document, as the module signed it. */
  readonly document: (request: DocumentRequest) => Uint8Array
}

/** The driver refuses a longer request. */
export const NSM_REQUEST_BYTES_MAX = 0x1000
/** The size of the response buffer. */
export const NSM_RESPONSE_BYTES_MAX = 0x3000
/** No key of ours needs more at once. */
export const NSM_RANDOM_BYTES_MAX = 4_096

export function openNsm(device: NsmDevice): Nsm {
  const ask = (request: CborInput): Uint8Array => exchange(device, encodeCbor(request))
  return {
    random: (bytes) => drawRandom(() => readRandom(ask('GetRandom')), bytes),
    describe: () => readDescription(ask('DescribeNSM')),
    describePcr: (index) => readPcr(ask({ DescribePCR: { index } })),
    extendPcr: (index, data) => readExtended(ask({ ExtendPCR: { index, data } })),
    lockPcr: (index) => readLocked(ask({ LockPCR: { index } })),
    document: ({ nonce, userData, publicKey }) =>
      readDocument(ask({ Attestation: { user_data: userData, nonce, public_key: publicKey } })),
  }
}

function exchange(device: NsmDevice, request: Uint8Array): Uint8Array {
  if (request.length > NSM_REQUEST_BYTES_MAX)
    throw new CodedError('NSM_FAILED', `expected at most ${NSM_REQUEST_BYTES_MAX} bytes to ask, got ${request.length}`)
  const response = callDevice(device, request)
  if (response.length > NSM_RESPONSE_BYTES_MAX)
    throw new CodedError(
      'NSM_FAILED',
      `expected at most ${NSM_RESPONSE_BYTES_MAX} bytes of an answer, got ${response.length}`,
    )
  return response
}

function callDevice(device: NsmDevice, request: Uint8Array): Uint8Array {
  try {
    return device(request)
  } catch (cause) {
    if (isCoded(cause, 'NSM_FAILED')) throw cause
    const got = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('NSM_FAILED', `expected an answer of the NSM device, got ${got}`, { cause })
  }
}

/** The module chooses how many bytes a part has: each part is at least one byte, so the loop ends. */
function drawRandom(next: () => Uint8Array, bytes: number): Uint8Array {
  if (!(bytes <= NSM_RANDOM_BYTES_MAX))
    throw new CodedError('NSM_FAILED', `expected a draw of at most ${NSM_RANDOM_BYTES_MAX} bytes, got ${bytes}`)
  const drawn = new Uint8Array(bytes)
  for (let at = 0; at < bytes; ) {
    const part = next()
    drawn.set(part.subarray(0, bytes - at), at)
    at += part.length
    part.fill(0)
  }
  return drawn
}
