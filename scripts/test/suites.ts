/** The test suites: what each is called, where its files lie, which program runs them. A folder that is absent has no suite. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export type Runner = 'mocha' | 'hardhat-mocha' | 'hardhat-solidity'

export type Suite = {
  readonly name: string
  readonly runner: Runner
  readonly folder: string
  /** What a file's name ends in to belong to the suite. */
  readonly suffix: string
  /** Of these files the ones that it tells by their names: one folder, several suites that run side by side. */
  readonly owns?: (name: string) => boolean
  /** Left out of a plain `npm test`, which names it instead. */
  readonly slow: boolean
  /** What its files read from the environment. */
  readonly env?: { readonly [name: string]: string }
}

export type FoundSuite = Suite & { readonly files: readonly string[] }

const FILES_MAX = 1_000

/** Key release, provisioning, signer and attestation from the outside: a third of what real processes take. */
const KEY_FILES = /^(kms|provision|signer|imds|attest|api|vsock|guardian)/

/** The embedded chain, and what an auditor makes of a ledger on it. */
const CHAIN_FILES = /^(chain|auditor|verify-balance)/

/** What an operator types, from the first line to the last. */
const COMMAND_FILES = /^(authority|bench|cli|import|journal-reset|report|start)/

const ASIDE = [KEY_FILES, CHAIN_FILES, COMMAND_FILES]

/** Cheapest first, so that a mistake shows early; of the long ones the longest first, so that all lanes end together. */
export const SUITES: readonly Suite[] = [
  mochaSuite('unit'),
  mochaSuite('vectors'),
  mochaSuite('docs'),
  { ...mochaSuite('contracts'), runner: 'hardhat-mocha' },
  { ...mochaSuite('solidity'), runner: 'hardhat-solidity', folder: 'test/contracts', suffix: '.t.sol' },
  mochaSuite('attacks'),
  { ...mochaSuite('e2e'), owns: (name) => !ASIDE.some((files) => files.test(name)) },
  mochaSuite('faults'),
  { ...mochaSuite('e2e'), name: 'commands', owns: (name) => COMMAND_FILES.test(name) },
  { ...mochaSuite('e2e'), name: 'keys', owns: (name) => KEY_FILES.test(name) },
  mochaSuite('model'),
  mochaSuite('fuzz'),
  { ...mochaSuite('e2e'), name: 'chain', owns: (name) => CHAIN_FILES.test(name) },
  mochaSuite('simulation'),
  { ...mochaSuite('fork'), runner: 'hardhat-mocha', slow: true },
  { ...mochaSuite('guest'), slow: true },
  { ...mochaSuite('faults'), name: 'crashes', slow: true, env: { CRASH_CELLS: 'all' } },
]

/** The suites that have files under `root`, each with its files as sorted paths relative to `root`. */
export function findSuites(root: string): FoundSuite[] {
  return SUITES.map((suite) => ({ ...suite, files: filesOf(root, suite) })).filter(({ files }) => files.length > 0)
}

/** The words that run a suite, without the Node binary in front. `grep` narrows it to titles that match. */
export function commandOf(suite: FoundSuite, grep: string | undefined): string[] {
  const narrowed = grep === undefined ? [] : ['--grep', grep]
  switch (suite.runner) {
    case 'mocha':
      return ['node_modules/mocha/bin/mocha.js', ...narrowed, ...suite.files]
    case 'hardhat-mocha':
      return ['node_modules/hardhat/dist/src/cli.js', 'test', 'mocha', ...narrowed, ...suite.files]
    case 'hardhat-solidity':
      return ['node_modules/hardhat/dist/src/cli.js', 'test', 'solidity', ...narrowed]
  }
}

function mochaSuite(name: string): Suite {
  return { name, runner: 'mocha', folder: `test/${name}`, suffix: '.test.ts', slow: false }
}

function filesOf(root: string, { folder, suffix, owns }: Suite): string[] {
  if (!existsSync(join(root, folder))) return []
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix) && (owns === undefined || owns(name)))
    .map((name) => join(folder, name))
    .sort()
  if (files.length > FILES_MAX)
    throw new Error(`${folder} holds ${files.length} test files; ${FILES_MAX} are expected at most`)
  return files
}
