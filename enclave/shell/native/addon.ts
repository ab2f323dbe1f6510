/** The addon as a typed object, loaded once. A number below zero is an error of the kernel: -errno. */
import { createRequire } from 'node:module'
import { getSystemErrorName } from 'node:util'
import { assert } from '../../protocol/errors.ts'
import { type AddonBuild, addonFile, unavailable } from './build.ts'

export type Addon = {
  /** The descriptor of a socket that listens. */
  vsockListen(cid: number, port: number, backlog: number): number
  /** 0, and later `done` once with the descriptor of a connected socket; or an error at once. */
  vsockConnect(cid: number, port: number, timeoutMs: number, done: (descriptor: number) => void): number
  /** 0, with CID and port of the other side in `out`: 8 bytes, in the machine's order. */
  vsockPeer(descriptor: number, out: Uint8Array): number
  /** 0, with CID and port of our own side in `out`. */
  vsockOwn(descriptor: number, out: Uint8Array): number
  vsockLocalCid(device: number): number
  closeDescriptor(descriptor: number): number
  /** Bytes of the response. */
  nsmRequest(device: number, request: Uint8Array, response: Uint8Array): number
  setClock(unixMs: number): number
  /** The descriptor of a Unix socket that listens where only trialConnect finds it. */
  trialListener(): number
  trialConnect(listener: number): number
}

const FUNCTIONS: readonly (keyof Addon)[] = [
  'vsockListen',
  'vsockConnect',
  'vsockPeer',
  'vsockOwn',
  'vsockLocalCid',
  'closeDescriptor',
  'nsmRequest',
  'setClock',
  'trialListener',
  'trialConnect',
]

let loaded: Promise<Addon> | undefined

/** Built and loaded on the first call. Refuses VSOCK_UNAVAILABLE; a later call tries again. */
export function loadAddon(): Promise<Addon> {
  loaded ??= openAddon().catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  return loaded
}

/** Builds, if need be, and loads. Refuses VSOCK_UNAVAILABLE. */
export async function openAddon(chosen: Partial<AddonBuild> = {}): Promise<Addon> {
  const path = await addonFile(chosen)
  try {
    const addon = createRequire(import.meta.url)(path) as Addon
    for (const name of FUNCTIONS) assert(typeof addon[name] === 'function', `the addon has ${name}`)
    return addon
  } catch (cause) {
    throw unavailable(
      `expected to load ${path}, got ${(cause as Error).message}; remove the file to build it anew`,
      cause,
    )
  }
}

/** The name of an error, as ECONNREFUSED. `answer` is -errno. */
export function errorName(answer: number): string {
  assert(answer < 0, 'an error of the kernel lies below zero')
  return getSystemErrorName(answer)
}
