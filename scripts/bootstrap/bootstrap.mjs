// From a bare clone to a running script: installs, compiles, then hands over to the project's own Node.
//
//   node scripts/bootstrap/bootstrap.mjs [--no-contracts] -- scripts/start/main.ts …arguments
//
// Plain JavaScript without a package, because it runs before there is one, under whatever Node the machine has (20 or later).
// Each step leaves its stamp last, so a step that was cut off is done again by the next run.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { argv, execPath, exit, kill, pid, stderr, stdin, versions } from 'node:process'
import { withContracts } from './contracts.mjs'
import { withPackages } from './packages.mjs'
import { NODE_MAJOR, ROOT, StopLine } from './place.mjs'

const NODE_MAJOR_MIN = 20
const PASSED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const PARENT_POLL_MS = 500
const parentPid = process.ppid

main().catch((error) => {
  if (!(error instanceof StopLine)) throw error
  stderr.write(`${error.message}\n`)
  exit(1)
})

async function main() {
  if (Number(versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    throw new StopLine(
      `Node ${versions.node} is too old to set this up. Install Node ${NODE_MAJOR}, then type the same command again.`,
    )
  }
  const { contracts, script } = readWords(argv.slice(2))
  await withPackages()
  if (contracts) await withContracts(projectNode())
  await handOver(projectNode(), script)
}

function readWords(words) {
  const end = words.indexOf('--')
  if (end < 0 || words.length === end + 1) {
    throw new StopLine(
      'Say which script to run: node scripts/bootstrap/bootstrap.mjs [--no-contracts] -- scripts/start/main.ts',
    )
  }
  return { contracts: !words.slice(0, end).includes('--no-contracts'), script: words.slice(end + 1) }
}

function projectNode() {
  const own = join(ROOT, 'node_modules', '.bin', 'node')
  return existsSync(own) ? own : execPath
}

// The child is the program from here on: our signals become its signals, its end becomes our end.
async function handOver(node, [script, ...rest]) {
  const path = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(':')
  const child = spawn(node, [join(ROOT, script), ...rest], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  })
  for (const signal of PASSED_SIGNALS) process.on(signal, () => passOn(signal, child))
  // npm that is told to end, or killed, takes its shell along and says nothing to us.
  const watch = setInterval(() => {
    if (process.ppid !== parentPid) child.kill('SIGTERM')
  }, PARENT_POLL_MS)
  watch.unref()
  const { code, signal } = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }))
  })
  if (signal === null) exit(code)
  endBySignal(signal)
}

// A terminal sends Ctrl-C to all of its foreground group, the child included: a second one would mean "at once" to it.
function passOn(signal, child) {
  if (signal === 'SIGINT' && stdin.isTTY) return
  child.kill(signal)
}

// Dying of the same signal tells the shell above us what happened; the exit code covers signals that cannot be repeated.
function endBySignal(signal) {
  process.removeAllListeners(signal)
  setTimeout(() => exit(128 + constants.signals[signal]), 100)
  kill(pid, signal)
}
