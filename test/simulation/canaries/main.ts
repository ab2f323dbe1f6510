/** Runs every canary, or those that are named, and says how many seeds each one lived. */
import { CANARIES } from './canaries.ts'
import { runCanary } from './runner.ts'

const FIRST_SEED = 1
const TOLD_CHARACTERS_MAX = 110

const names = process.argv.slice(2)
const unknown = names.filter((name) => !CANARIES.some((canary) => canary.name === name))
if (unknown.length > 0) say(`no canary ${unknown.join(', ')}; there are ${CANARIES.map(({ name }) => name).join(', ')}`)
let missed = unknown.length
for (const canary of CANARIES.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const caught = runCanary(canary, FIRST_SEED)
  const isMissed = caught?.property !== canary.caughtBy
  if (isMissed) missed++
  const verdict = isMissed ? `MISSED in ${canary.seedsMax}` : `${caught?.seeds} of ${canary.seedsMax}`
  say(`${canary.name.padEnd(26)} ${verdict.padEnd(14)} ${caught?.told.slice(0, TOLD_CHARACTERS_MAX) ?? canary.bug}`)
}
process.exitCode = missed === 0 ? 0 : 1

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
