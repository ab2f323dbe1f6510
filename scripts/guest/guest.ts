/** A guest with a vsock of its own: QEMU, and beside it the process that carries the guest's vsock over Unix sockets. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GuestExtra, writeImage } from './image.ts'
import type { GuestTools } from './tools.ts'

export type Guest = {
  /** The socket through which the guest's ports are reached: CONNECT <port>, then bytes. */
  readonly hybridPath: string
  /** The first line of the console that contains `words`, of those that were there and those that come. */
  line(words: string, msMax: number): Promise<string>
  readonly lines: readonly string[]
  stop(): Promise<void>
}

export type GuestOptions = GuestExtra & {
  readonly tools: GuestTools
  /** A shell script: what the guest does. */
  readonly run: string
  readonly onLine?: (line: string) => void
}

/** Of the guest. To it the host is CID 2. */
export const GUEST_CID = 16
/**
 * The largest packet that the guest may send, by the credit that the device gives it. The device reads a packet from two
 * descriptors, head and body; above 32 KiB the guest's kernel spreads the body over several, the device drops the packet
 * without a word, and that connection stands still for ever.
 */
const PACKET_BYTES_MAX = 16_384
/**
 * Without cmpxchg16b, which QEMU 7.2 emulates wrongly now and then: the flags come back full of another register, and the
 * kernel, whose allocator uses it on every path, panics at some early moment of about one boot in three.
 */
const CPU = 'max,-cx16'
const MEMORY_MB = 1_280
const DEVICE_MS_MAX = 10_000
const DEVICE_POLL_MS = 20
const STOP_MS_MAX = 5_000
const LINES_MAX = 20_000

/** Boots. Returns at once: `line` tells how far it is. */
export async function startGuest({ tools, run, onLine, ...extra }: GuestOptions): Promise<Guest> {
  const folder = mkdtempSync(join(tmpdir(), 'guest-'))
  const image = join(folder, 'initramfs')
  await writeImage(image, tools, run, extra)
  const hybridPath = join(folder, 'vsock.sock')
  const device = startDevice(tools, folder, hybridPath)
  await appeared(join(folder, 'device.sock'), device)
  const machine = spawn(tools.qemu, words(tools, folder, image), { env: tools.env, stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = listenTo(machine, onLine)
  return {
    hybridPath,
    ...heard,
    stop: async () => {
      await Promise.all([machine, device].map(end))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function startDevice(tools: GuestTools, folder: string, hybridPath: string): ChildProcess {
  const own = `guest-cid=${GUEST_CID},socket=${join(folder, 'device.sock')},uds-path=${hybridPath}`
  const vm = `${own},tx-buffer-size=${PACKET_BYTES_MAX}`
  return spawn(tools.device, ['--vm', vm], { env: tools.env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function words(tools: GuestTools, folder: string, image: string): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    // The device reads and writes the guest's memory itself, so both share it.
    ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY_MB}M,share=on`, '-m', `${MEMORY_MB}M`],
    ...['-machine', 'q35,accel=tcg,memory-backend=memory', '-cpu', CPU, '-smp', '2'],
    ...tools.firmware.flatMap((place) => ['-L', place]),
    ...['-kernel', tools.kernel, '-initrd', image, '-serial', 'stdio'],
    ...['-append', 'console=ttyS0 loglevel=3 panic=-1 rdinit=/init'],
    ...['-chardev', `socket,id=vsock,path=${join(folder, 'device.sock')}`],
    ...['-device', 'vhost-user-vsock-pci,chardev=vsock'],
  ]
}

async function appeared(path: string, device: ChildProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < DEVICE_MS_MAX; waitedMs += DEVICE_POLL_MS) {
    if (existsSync(path)) return
    if (device.exitCode !== null) break
    await sleep(DEVICE_POLL_MS)
  }
  throw new Error('expected the vsock device to offer its socket')
}

function listenTo(machine: ChildProcess, onLine: GuestOptions['onLine']): Pick<Guest, 'line' | 'lines'> {
  const lines: string[] = []
  const waiting = new Set<(line: string) => void>()
  const hear = (line: string) => {
    if (lines.length < LINES_MAX) lines.push(line)
    onLine?.(line)
    for (const tell of waiting) tell(line)
  }
  for (const stream of [machine.stdout, machine.stderr])
    if (stream !== null) createInterface({ input: stream }).on('line', hear)
  return {
    lines,
    line: (wanted, msMax) =>
      new Promise((done, fail) => {
        const stop = (act: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          machine.off('exit', gone)
          act()
        }
        const look = (line: string) => line.includes(wanted) && stop(() => done(line))
        const gone = () =>
          stop(() => fail(new Error(`the guest ended before it said "${wanted}": ${lines.slice(-5).join(' | ')}`)))
        const timer = setTimeout(
          () =>
            stop(() =>
              fail(new Error(`expected "${wanted}" within ${msMax} ms; last: ${lines.slice(-5).join(' | ')}`)),
            ),
          msMax,
        )
        const before = lines.find((line) => line.includes(wanted))
        if (before !== undefined) return stop(() => done(before))
        waiting.add(look)
        machine.once('exit', gone)
      }),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await gone
  clearTimeout(hard)
}
