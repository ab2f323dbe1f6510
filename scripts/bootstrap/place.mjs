// What the set-up steps share: where the project is, which Node it wants, how a step takes its turn.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { kill, pid, stderr } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The project's root folder, wherever the command was typed. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const CACHE = join(ROOT, '.cache')
export const NODE_MAJOR = 24
export const NODE_VERSION = '24.21.0'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const TURN_WAIT_MS = 500
const TURN_WAITS_MAX = 1200

/** An end that the user can do something about: its message is one line that says what to type. */
export class StopLine extends Error {}

export function sha256(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** The text of a file, or undefined where there is none. */
export function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Runs one program to its end with its output on stderr, since stdout belongs to the script that was asked for.
 * It leads a process group of its own, so that a signal to us ends what it started too (npm starts plenty).
 */
export async function run(command, words) {
  const child = spawn(command, words, { cwd: ROOT, stdio: ['ignore', 2, 2], detached: true })
  let stopped = false
  const stop = () => {
    stopped = true
    kill(-child.pid, 'SIGTERM')
  }
  for (const signal of SIGNALS) process.once(signal, stop)
  try {
    const code = await endOf(child)
    if (stopped) throw new StopLine('Stopped before the set-up was done. The same command starts it again.')
    return code
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop)
  }
}

function endOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

export function say(text) {
  stderr.write(`${text}\n`)
}

/** Runs `step` while no other set-up of this folder does; two `npm start` at once would install over each other. */
export async function inTurn(step) {
  mkdirSync(CACHE, { recursive: true })
  const lock = join(CACHE, 'bootstrap.lock')
  for (let wait = 0; !tookTurn(lock); wait++) {
    if (wait === 0) say('another set-up of this folder is running: waiting for it')
    if (wait >= TURN_WAITS_MAX) throw new StopLine(`Another set-up did not end. If none is running, type: rm ${lock}`)
    await sleep(TURN_WAIT_MS)
  }
  try {
    return await step()
  } finally {
    rmSync(lock, { force: true })
  }
}

function tookTurn(lock) {
  try {
    writeFileSync(lock, String(pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  // A set-up that was killed leaves its lock behind; its process id tells.
  if (!isAlive(Number(readIfThere(lock)))) rmSync(lock, { force: true })
  return false
}

function isAlive(id) {
  if (!Number.isSafeInteger(id) || id <= 0) return false
  try {
    kill(id, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
