/** Copies the sources, plants one bug, and lets the simulator of the copy look for it. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Canary } from './canary.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const COPIED = ['enclave', 'auditor', 'test/builders', 'test/simulation', 'scripts', 'package.json']
/** Read and never changed. */
const LINKED = ['node_modules', 'artifacts', 'contracts']
const OUTPUT_BYTES_MAX = 16_777_216

export type Catch = { readonly seeds: number; readonly seed: number; readonly property: string; readonly told: string }

/** The first seed of the range that catches it; undefined when none does. Throws when a cut no longer fits the sources. */
export function runCanary(canary: Canary, from: number, seedsMax: number = canary.seedsMax): Catch | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'))
  try {
    for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
    for (const path of LINKED) symlinkSync(join(ROOT, path), join(folder, path))
    for (const { file, from: text, to } of canary.cuts) cut(canary.name, join(folder, file), text, to)
    return firstFailure(folder, from, seedsMax, canary.real === true ? '--real' : '--model-only')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Cuts whose text is not in the sources exactly once any more. */
export function staleCuts({ cuts }: Canary): readonly string[] {
  const isStale = ({ file, from }: Canary['cuts'][number]): boolean =>
    readFileSync(join(ROOT, file), 'utf8').split(from).length !== 2
  return cuts.filter(isStale).map(({ file, from }) => `${file}: ${from}`)
}

function cut(name: string, path: string, from: string, to: string): void {
  const source = readFileSync(path, 'utf8')
  if (source.split(from).length !== 2) throw new Error(`canary ${name}: its cut is not in ${path} exactly once`)
  writeFileSync(
    path,
    source.replace(from, () => to),
  )
}

function firstFailure(folder: string, from: number, seedsMax: number, chain: string): Catch | undefined {
  const words = ['--from', `${from}`, '--seeds', `${seedsMax}`, '--failures', '1', chain]
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, 'test/simulation/main.ts'), ...words], {
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  const lines = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  if (!lines.some(({ kind }) => kind === 'end'))
    throw new Error(`the canary's simulator ended with ${status}: ${stderr}`)
  const failure = lines.find(({ kind }) => kind === 'failure')
  if (failure === undefined) return undefined
  return { seeds: failure.seed - from + 1, seed: failure.seed, property: failure.property, told: failure.told }
}
