// What the set-up steps share: where the project is, which Node it wants, how a step takes its turn.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { kill, pid, stderr } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The project's root folder, wherever the command was typed. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const CACHE = join(ROOT, '.cache')
const LOCK = join(CACHE, 'bootstrap.lock')
export const NODE_MAJOR = 24
export const NODE_VERSION = '24.21.0'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const STOP_WAIT_MS = 100
const STOP_WAITS_MAX = 50
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
 * Runs one program of a turn to its end with its output on stderr, since stdout belongs to the script that was asked for.
 * It leads a process group of its own, so that a signal to us ends what it started too (npm starts plenty).
 */
export async function run(command, words) {
  const child = spawn(command, words, { cwd: ROOT, stdio: ['ignore', 2, 2], detached: true })
  // Should we be killed, the next set-up waits for this child as well as for us.
  if (child.pid !== undefined) appendFileSync(LOCK, `\n${child.pid}`)
  let stopped = false
  const stop = () => {
    stopped = true
    kill(-child.pid, 'SIGTERM')
  }
  for (const signal of SIGNALS) process.once(signal, stop)
  try {
    const code = await endOf(child)
    if (stopped) await endOfGroup(child.pid)
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

// npm tidies up after a signal, longer than the npx that started it lives: leaving now would leave it at work in node_modules.
async function endOfGroup(leader) {
  for (let wait = 0; wait < STOP_WAITS_MAX && isGroupAlive(leader); wait++) await sleep(STOP_WAIT_MS)
  if (isGroupAlive(leader)) kill(-leader, 'SIGKILL')
}

export function say(text) {
  stderr.write(`${text}\n`)
}

/** Runs `step` while no other set-up of this folder does; two `npm start` at once would install over each other. */
export async function inTurn(step) {
  mkdirSync(CACHE, { recursive: true })
  for (let wait = 0; !tookTurn(); wait++) {
    if (wait === 0) say('another set-up of this folder is running: waiting for it')
    if (wait >= TURN_WAITS_MAX) throw new StopLine(`Another set-up did not end. If none is running, type: rm ${LOCK}`)
    await sleep(TURN_WAIT_MS)
  }
  try {
    return await step()
  } finally {
    rmSync(LOCK, { force: true })
  }
}

function tookTurn() {
  try {
    writeFileSync(LOCK, String(pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  // A set-up that was killed leaves its lock behind, with its process id and the groups of what it ran.
  const [holder, ...groups] = (readIfThere(LOCK) ?? '').split('\n').map(Number)
  if (!isAlive(holder) && !groups.some(isGroupAlive)) rmSync(LOCK, { force: true })
  return false
}

function isGroupAlive(leader) {
  return Number.isSafeInteger(leader) && leader > 1 && answers(-leader)
}

function isAlive(id) {
  return Number.isSafeInteger(id) && id > 0 && answers(id)
}

function answers(target) {
  try {
    kill(target, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
