/**
 * Every check that reads the code without running it.
 *
 *   npm run check                        all of them
 *   npm run check -- --only boundaries   some of them
 *   npm run format                       writes what the formatter would have it
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

type Belt = { readonly name: string; readonly words: readonly string[] }

const ROOT = join(import.meta.dirname, '..')
const MODULES = join(ROOT, 'node_modules')
const TSC = join(MODULES, 'typescript', 'bin', 'tsc')
const BIOME = join(MODULES, '@biomejs', 'biome', 'bin', 'biome')
const DEPCRUISE = join(MODULES, 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs')
/** A folder that is not named here is not looked at: a new one at the top of the tree belongs on this list. */
const FOLDERS = ['enclave', 'queues', 'workers', 'host', 'api', 'auditor', 'reporter', 'scripts', 'test']

const BELTS: readonly Belt[] = [
  { name: 'lock', words: [join(ROOT, 'scripts/lock/complete.mjs'), '--check'] },
  { name: 'words', words: [join(ROOT, 'scripts/tidy.ts')] },
  { name: 'boundaries', words: [DEPCRUISE, '--config', '.dependency-cruiser.cjs', ...FOLDERS.filter(isThere)] },
  { name: 'biome', words: [BIOME, 'check', '--error-on-warnings'] },
  { name: 'core-types', words: [TSC, '--noEmit', '-p', 'enclave/core/tsconfig.json'] },
  { name: 'types', words: [TSC, '--noEmit', '-p', 'tsconfig.json'] },
]

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, format: { type: 'boolean', default: false } },
  })
  if (values.format) return run([BIOME, 'check', '--write'])
  const unknown = (values.only ?? []).filter((name) => !BELTS.some((belt) => belt.name === name))
  if (unknown.length > 0) {
    say(`No check is called ${unknown.join(', ')}. There is: ${BELTS.map(({ name }) => name).join(', ')}`)
    return 1
  }
  return runAll(BELTS.filter(({ name }) => values.only?.includes(name) ?? true))
}

async function runAll(belts: readonly Belt[]): Promise<number> {
  const lines: string[] = []
  let broken = 0
  for (const { name, words } of belts) {
    say(`\n== ${name}`)
    const startedAtMs = Date.now()
    const code = await run(words)
    if (code !== 0) broken++
    lines.push(
      `${name.padEnd(12)} ${((Date.now() - startedAtMs) / 1_000).toFixed(1).padStart(6)} s  ${code === 0 ? 'held' : 'BROKEN'}`,
    )
  }
  say(`\n${lines.join('\n')}\n${belts.length - broken} checks held, ${broken} broken`)
  return broken === 0 ? 0 : 1
}

function run(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('exit', (code) => done(code ?? 1))
  })
}

function isThere(folder: string): boolean {
  return existsSync(join(ROOT, folder))
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
