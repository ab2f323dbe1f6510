/**
 * A disk that fails on order, under a real process: `node --import lying-disk.ts program.ts`. The calls that make a file
 * durable are put behind a gate; the program is the production one and knows nothing of it.
 */
import files from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Gate } from './gate.ts'
import { ORDER_VARIABLE, type Order, ROOT_VARIABLE } from './orders.ts'
import { system, Unsynced } from './unsynced.ts'

const root = resolve(process.env[ROOT_VARIABLE] ?? '/nowhere')
const unsynced = new Unsynced(root)
export const gate = new Gate(root, unsynced)

type Data = Uint8Array | string

function bytesOf(data: Data, offset = 0, length?: number): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  return bytes.subarray(offset, length === undefined ? undefined : offset + length)
}

function halfOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, Math.floor(bytes.length / 2))
}

function placeOf(name: files.PathLike): string {
  return name instanceof URL ? fileURLToPath(name) : resolve(name.toString())
}

/** Puts one open file behind the gate. */
function guarded(handle: FileHandle, path: string): FileHandle {
  const isFolder = system.fstatSync(handle.fd).isDirectory()
  const write = handle.write.bind(handle) as (bytes: Uint8Array, ...at: readonly unknown[]) => Promise<unknown>
  const writeFile = handle.writeFile.bind(handle)
  const sync = handle.sync.bind(handle)
  const synced = () =>
    gate.pass(isFolder ? 'folder' : 'sync', path, async () => {
      await sync()
      unsynced.noteSync(path)
    })
  return Object.assign(handle, {
    write: (data: Data, offset?: number, length?: number, position: number | null = null) => {
      const bytes = typeof data === 'string' ? bytesOf(data) : bytesOf(data, offset, length)
      const put = (part: Uint8Array) => write(part, 0, part.length, position)
      unsynced.noteWrite(path)
      return gate.pass('write', path, () => put(bytes), { bytes, half: () => put(halfOf(bytes)) })
    },
    writeFile: (data: Data) => {
      const bytes = bytesOf(data)
      unsynced.noteWrite(path)
      return gate.pass('write', path, () => writeFile(bytes), { bytes, half: () => writeFile(halfOf(bytes)) })
    },
    sync: synced,
    datasync: synced,
  })
}

const patient: Partial<typeof files.promises> = {
  open: async (name, flags, mode) => {
    const path = placeOf(name)
    const isNew = !system.existsSync(path)
    const handle = await system.promises.open(name, flags, mode)
    if (isNew) unsynced.noteMade(path)
    return unsynced.isOurs(path) ? guarded(handle, path) : handle
  },
  rename: (from, to) => {
    const [source, target] = [placeOf(from), placeOf(to)]
    return gate.pass('rename', target, async () => {
      const replaced = unsynced.spareOf(target)
      await system.promises.rename(from, to)
      unsynced.noteRename(source, target, replaced)
    })
  },
  link: (from, to) =>
    gate.pass('link', placeOf(to), async () => {
      await system.promises.link(from, to)
      unsynced.noteMade(placeOf(to))
    }),
  rm: (name, options) => {
    const path = placeOf(name)
    return gate.pass('remove', path, async () => {
      const spare = unsynced.spareOf(path)
      await system.promises.rm(name, options)
      unsynced.noteRemoved(path, spare)
    })
  },
  mkdir: (async (name: string, options: files.MakeDirectoryOptions) => {
    const first = await system.promises.mkdir(name, options)
    if (first !== undefined) unsynced.noteMade(resolve(first))
    return first
  }) as typeof files.promises.mkdir,
}

/** Paths of descriptors, the newest of each number. */
const paths = new Map<number, string>()

/** Calls that wait: the enclave keeps its development key by these. */
const waiting = {
  openSync: (name: files.PathLike, flags: string, mode?: number) => {
    const isNew = !system.existsSync(name)
    const descriptor = system.openSync(name, flags, mode)
    paths.set(descriptor, placeOf(name))
    if (isNew) unsynced.noteMade(placeOf(name))
    return descriptor
  },
  writeSync: (descriptor: number, data: Data, ...rest: readonly never[]) => {
    const path = paths.get(descriptor)
    if (path === undefined || !unsynced.isOurs(path)) return system.writeSync(descriptor, data as string, ...rest)
    const bytes = bytesOf(data, ...rest)
    const put = (part: Uint8Array) => system.writeSync(descriptor, part)
    unsynced.noteWrite(path)
    return gate.passNow('write', path, () => put(bytes), { bytes, half: () => put(halfOf(bytes)) })
  },
  fsyncSync: (descriptor: number) => {
    const path = paths.get(descriptor) ?? ''
    const isFolder = system.fstatSync(descriptor).isDirectory()
    gate.passNow(isFolder ? 'folder' : 'sync', path, () => {
      system.fsyncSync(descriptor)
      unsynced.noteSync(path)
    })
  },
  linkSync: (from: files.PathLike, to: files.PathLike) =>
    gate.passNow('link', placeOf(to), () => {
      system.linkSync(from, to)
      unsynced.noteMade(placeOf(to))
    }),
  unlinkSync: (name: files.PathLike) =>
    gate.passNow('remove', placeOf(name), () => {
      const spare = unsynced.spareOf(placeOf(name))
      system.unlinkSync(name)
      unsynced.noteRemoved(placeOf(name), spare)
    }),
}

/** Long enough for a request to be on its way; whether the chain has read it by then is left to chance. */
const ON_ITS_WAY_MS = 20
const ask = globalThis.fetch

const fetchGated: typeof fetch = (place, options) => {
  const bytes = bytesOf(String(options?.body ?? ''))
  const half = async () => {
    void ask(place, options)
    await sleep(ON_ITS_WAY_MS)
  }
  return gate.pass('send', String(place), () => ask(place, options), { bytes, half })
}

globalThis.fetch = fetchGated
Object.assign(files.promises, patient)
Object.assign(files, waiting)
syncBuiltinESMExports()

const first = process.env[ORDER_VARIABLE]
if (first !== undefined) gate.arm(JSON.parse(first) as Order)
process.on('message', (order) => gate.arm(order as Order))
process.on('disconnect', () => process.exit(1))
process.on('exit', () => unsynced.forget())
process.channel?.unref()
