import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const DEPCRUISE = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs')
const CONFIG = '.dependency-cruiser.cjs'
const FOLDERS = ['enclave', 'queues', 'workers', 'host', 'api', 'auditor', 'reporter', 'scripts', 'test']
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** The repository holds more; a count below this means that the tool looked away. */
const MODULES_MIN = 200

/** A small tree in which every rule has something to allow. */
const HONEST_TREE: Readonly<Record<string, string>> = {
  'enclave/protocol/money.ts': "import { z } from 'zod'\nexport const Wei = z.bigint()",
  'enclave/protocol/abi.ts': "export { keccak256 } from 'viem/utils'",
  'enclave/core/apply.ts': "import { Wei } from '../protocol/money.ts'\nexport const apply = Wei",
  'enclave/keys/authority.ts':
    "import { sign } from 'node:crypto'\nimport secp from 'secp256k1'\nexport const a = [sign, secp]",
  'enclave/development/kms.ts': 'export const d = 1',
  'enclave/main.ts':
    "import { apply } from './core/apply.ts'\nimport { a } from './keys/authority.ts'\nexport const m = [apply, a]",
  'queues/jobs.ts': "import { z } from 'zod'\nexport const Job = z.object({})",
  'queues/options.ts': "import { Queue } from 'bullmq'\nexport const q = Queue",
  'host/chain.ts': "import { createPublicClient } from 'viem'\nexport const c = createPublicClient",
  'host/log.ts': "import { Wei } from '../enclave/protocol/money.ts'\nexport const l = Wei",
  'workers/1-ingest/plan.ts': "import { Job } from '../../queues/jobs.ts'\nexport const p = Job",
  'workers/1-ingest/worker.ts':
    "import { p } from './plan.ts'\nimport { c } from '../../host/chain.ts'\nexport const w = [p, c]",
  'workers/2-prepare/plan.ts': "import { Wei } from '../../enclave/protocol/money.ts'\nexport const p2 = Wei",
  'api/main.ts': "import { l } from '../host/log.ts'\nexport const s = l",
  'auditor/naive/trees.ts': "import { Wei } from '../../enclave/protocol/money.ts'\nexport const t = Wei",
  'auditor/replay.ts': "import { t } from './naive/trees.ts'\nexport const r = t",
  'auditor/chain.ts': "import { createPublicClient } from 'viem'\nexport const ac = createPublicClient",
  'auditor/main.ts':
    "import { Command } from 'commander'\nimport { r } from './replay.ts'\nexport const m = [Command, r]",
  'reporter/key.ts': "import { privateKeyToAccount } from 'viem/accounts'\nexport const k = privateKeyToAccount",
  'scripts/chain/accounts.ts': "import { mnemonicToAccount } from 'viem/accounts'\nexport const a = mnemonicToAccount",
  'scripts/start.ts': "import { w } from '../workers/1-ingest/worker.ts'\nexport const s = w",
  'contracts/abi.ts': 'export const abi = []',
  'test/a.test.ts': "import { apply } from '../enclave/core/apply.ts'\nimport { expect } from 'chai'\nexpect(apply)",
}

/** One line each, added to a file of the tree: the named rule must refuse it. */
const PLANTS: readonly (readonly [rule: string, path: string, line: string])[] = [
  ['protocol-is-a-leaf', 'enclave/protocol/money.ts', "import '../core/apply.ts'"],
  ['protocol-is-a-leaf', 'enclave/protocol/money.ts', "import { readFileSync } from 'node:fs'; readFileSync"],
  ['protocol-is-a-leaf', 'enclave/protocol/abi.ts', "import { createPublicClient } from 'viem'; createPublicClient"],
  ['core-is-pure', 'enclave/core/apply.ts', "import { createHash } from 'node:crypto'; createHash"],
  ['core-is-pure', 'enclave/core/apply.ts', "import { z } from 'zod'; z"],
  ['core-is-pure', 'enclave/core/apply.ts', "import type { a } from '../keys/authority.ts'; export type A = typeof a"],
  ['core-is-pure', 'enclave/core/apply.ts', "export const later = () => import('../keys/authority.ts')"],
  ['core-is-pure', 'enclave/core/apply.ts', "export const fs = process.getBuiltinModule('fs')"],
  ['enclave-is-an-island', 'enclave/keys/authority.ts', "import '../../host/log.ts'"],
  ['enclave-packages-are-listed', 'enclave/keys/authority.ts', "import { Redis } from 'ioredis'; Redis"],
  [
    'enclave-packages-are-listed',
    'enclave/keys/authority.ts',
    "import { createWalletClient } from 'viem'; createWalletClient",
  ],
  ['host-sees-only-the-wire', 'host/log.ts', "import '../enclave/core/apply.ts'"],
  [
    'host-sees-only-the-wire',
    'scripts/start.ts',
    "import type { a } from '../enclave/keys/authority.ts'; export type A = typeof a",
  ],
  ['nothing-imports-an-entry-point', 'test/a.test.ts', "import '../enclave/main.ts'"],
  ['development-stays-out-of-the-image', 'enclave/keys/authority.ts', "import '../development/kms.ts'"],
  ['jobs-are-data', 'queues/jobs.ts', "import { Queue } from 'bullmq'; Queue"],
  ['queues-know-no-one', 'queues/options.ts', "import '../host/log.ts'"],
  ['queues-know-no-one', 'queues/options.ts', "import { pino } from 'pino'; pino"],
  ['plans-are-pure', 'workers/1-ingest/plan.ts', "import '../../host/log.ts'"],
  ['plans-are-pure', 'workers/1-ingest/plan.ts', "import '../../queues/options.ts'"],
  ['stages-are-strangers', 'workers/1-ingest/worker.ts', "import '../2-prepare/plan.ts'"],
  ['stages-know-host-and-queues', 'workers/1-ingest/worker.ts', "import '../../api/main.ts'"],
  ['stage-packages-are-listed', 'workers/1-ingest/worker.ts', "import { createClient } from 'viem'; createClient"],
  ['stages-use-no-builtin', 'workers/1-ingest/worker.ts', "import { rmSync } from 'node:fs'; rmSync"],
  ['host-is-plumbing', 'host/log.ts', "import '../workers/2-prepare/plan.ts'"],
  ['api-runs-nothing', 'api/main.ts', "import '../workers/1-ingest/worker.ts'"],
  ['keys-stay-home', 'host/chain.ts', "import { privateKeyToAccount } from 'viem/accounts'; privateKeyToAccount"],
  ['keys-stay-home', 'scripts/start.ts', "import { privateKeyToAccount } from 'viem/accounts'; privateKeyToAccount"],
  ['auditor-trusts-nobody', 'auditor/chain.ts', "import '../host/log.ts'"],
  ['auditor-trusts-nobody', 'auditor/chain.ts', "import '../enclave/core/apply.ts'"],
  ['auditor-packages-are-listed', 'auditor/chain.ts', "import { pino } from 'pino'; pino"],
  ['auditor-prints-in-one-place', 'auditor/chain.ts', "import { Command } from 'commander'; Command"],
  ['replay-is-naive', 'auditor/replay.ts', "import './chain.ts'"],
  ['replay-is-naive', 'auditor/naive/trees.ts', "import '../chain.ts'"],
  ['replay-is-naive', 'auditor/naive/trees.ts', "import { keccak256 } from 'viem'; keccak256"],
  ['reporter-stands-alone', 'reporter/key.ts', "import '../host/log.ts'"],
  ['reporter-stands-alone', 'reporter/key.ts', "import '../enclave/core/apply.ts'"],
  ['reporter-stands-alone', 'reporter/key.ts', "import { pino } from 'pino'; pino"],
  ['reporters-keys-stay-away', 'host/log.ts', "import '../reporter/key.ts'"],
  ['tests-are-not-a-library', 'scripts/start.ts', "import '../test/a.test.ts'"],
  ['no-dev-packages-in-production', 'host/log.ts', "import { expect } from 'chai'; expect"],
  ['no-undeclared-packages', 'scripts/start.ts', "import abitype from 'abitype'; abitype"],
  ['no-cycles', 'workers/1-ingest/plan.ts', "import './worker.ts'"],
  ['no-unresolved', 'host/log.ts', "import './nowhere.ts'"],
]

type Report = { readonly modules: number; readonly rules: readonly string[] }

describe('the import boundaries', function () {
  this.timeout(300_000)
  let tree = ''

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'boundaries-'))
    for (const [path, text] of Object.entries(HONEST_TREE)) write(tree, path, text)
    for (const name of [CONFIG, 'package.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(tree, name))
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  })

  afterEach(() => rmSync(tree, { recursive: true, force: true }))

  it('let a tree pass that keeps to the table', async () => {
    const { modules, rules } = await cruise(tree)
    expect(rules).to.deep.equal([])
    expect(modules).to.be.at.least(Object.keys(HONEST_TREE).length - 1)
  })

  for (const [rule, path, line] of PLANTS) {
    it(`refuse in ${path} by ${rule}: ${line}`, async () => {
      write(tree, path, `${line}\n${HONEST_TREE[path] ?? ''}`)
      expect((await cruise(tree)).rules).to.include(rule)
    })
  }

  it('have a plant for every rule', () => {
    const config = createRequire(import.meta.url)(join(ROOT, CONFIG)) as { forbidden: { name: string }[] }
    const planted = new Set(PLANTS.map(([rule]) => rule))
    expect(config.forbidden.map(({ name }) => name).filter((name) => !planted.has(name))).to.deep.equal([])
  })

  it(`look at ${MODULES_MIN} modules of this repository at least`, async () => {
    expect((await cruise(ROOT)).modules).to.be.at.least(MODULES_MIN)
  })

  it('do not load beside a TypeScript that hides our files from them', async () => {
    rmSync(join(tree, 'node_modules'))
    write(tree, 'node_modules/typescript/package.json', '{ "name": "typescript", "version": "7.0.1" }')
    const failure = await cruise(tree).catch((error: unknown) => String(error))
    expect(failure).to.match(/TypeScript below 7/)
  })
})

function write(tree: string, path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true })
  writeFileSync(join(tree, path), `${text}\n`)
}

function cruise(cwd: string): Promise<Report> {
  const folders = FOLDERS.filter((folder) => isFolder(join(cwd, folder)))
  const words = [DEPCRUISE, '--config', CONFIG, '--output-type', 'json', ...folders]
  return new Promise((done, fail) => {
    execFile(process.execPath, words, { cwd, maxBuffer: OUTPUT_BYTES_MAX }, (_error, stdout, stderr) => {
      // The exit code counts violations, so the report itself has to tell whether there is one.
      if (!stdout.startsWith('{')) return fail(new Error(`${stdout}${stderr}`))
      const { summary } = JSON.parse(stdout) as { summary: Summary }
      return done({
        modules: summary.totalCruised,
        rules: [...new Set(summary.violations.map(({ rule }) => rule.name))],
      })
    })
  })
}

type Summary = { totalCruised: number; violations: { rule: { name: string } }[] }

function isFolder(path: string): boolean {
  try {
    readFileSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EISDIR'
  }
}
