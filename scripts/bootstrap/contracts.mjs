// Compiled contracts, once for each state of their sources.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, inTurn, ROOT, readIfThere, run, StopLine, say, sha256 } from './place.mjs'

const STAMP = join(CACHE, 'contracts.stamp')
const FILES_MAX = 500

/** Compiles contracts/ under the Node binary `node`, unless its stamp says that nothing changed since. */
export async function withContracts(node) {
  if (!existsSync(join(ROOT, 'hardhat.config.ts')) || !existsSync(join(ROOT, 'contracts'))) return
  const isReady = () => readIfThere(STAMP) === digest() && existsSync(join(ROOT, 'artifacts', 'contracts'))
  if (isReady()) return
  await inTurn(async () => {
    if (!isReady()) await compile(node)
  })
}

async function compile(node) {
  say('compiling contracts')
  const before = digest()
  const code = await run(node, [join(ROOT, 'node_modules', 'hardhat', 'dist', 'src', 'cli.js'), 'build', '--no-tests'])
  if (code !== 0)
    throw new StopLine('The contracts do not compile (the words are above). To see it alone, type: npx hardhat build')
  writeFileSync(STAMP, before)
}

// Over the sources, the compiler's settings and the lock, which holds the compiler's version.
function digest() {
  const sources = readdirSync(join(ROOT, 'contracts'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
  if (sources.length > FILES_MAX)
    throw new StopLine(`contracts/ holds ${sources.length} files; ${FILES_MAX} are expected at most.`)
  const files = [...sources, join(ROOT, 'hardhat.config.ts'), join(ROOT, 'package-lock.json')]
  return sha256(...files.flatMap((file) => [file.slice(ROOT.length), '\0', sha256(readFileSync(file)), '\n']))
}
