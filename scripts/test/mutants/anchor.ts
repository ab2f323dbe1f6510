/** Compiles a copy's anchor in place, with the pinned compiler. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Copy } from './copy.ts'

const require = createRequire(import.meta.url)

const SOURCES = ['LedgerAnchor', 'Payouts', 'interfaces/ILedgerAnchor', 'interfaces/ITicketBroker'].map(
  (name) => `contracts/${name}.sol`,
)
const ANCHOR = 'contracts/LedgerAnchor.sol'
export const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'

type Code = { readonly bytecode: string; readonly deployedBytecode: string }

/** Compiled forms by what they were compiled from: rows share mutants of the anchor. */
export type Compiled = Map<string, Code>

export function concernsAnchor(files: readonly string[]): boolean {
  return files.some((path) => SOURCES.includes(path))
}

/** Throws with the compiler's first words when it refuses. */
export async function compileAnchor(copy: Copy, compiled: Compiled): Promise<void> {
  const sources: Record<string, { content: string }> = {}
  for (const path of SOURCES) sources[path] = { content: await readFile(join(copy.folder, path), 'utf8') }
  const key = createHash('sha256').update(JSON.stringify(sources)).digest('hex')
  const code = compiled.get(key) ?? compile(sources)
  compiled.set(key, code)
  const path = join(copy.folder, ARTIFACT)
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...code }))
}

function compile(sources: Record<string, { content: string }>): Code {
  const output = JSON.parse(
    require('solc').compile(JSON.stringify({ language: 'Solidity', sources, settings: SETTINGS })),
  )
  const contract = output.contracts?.[ANCHOR]?.LedgerAnchor
  if (contract === undefined) throw new Error(`the anchor does not compile: ${output.errors?.[0]?.formattedMessage}`)
  const { bytecode, deployedBytecode } = contract.evm
  return { bytecode: `0x${bytecode.object}`, deployedBytecode: `0x${deployedBytecode.object}` }
}

// The older code generator takes a tenth of the time. The unchanged anchor of these runs is built the same way, so
// that a test never fails for the difference.
const SETTINGS = {
  evmVersion: 'cancun',
  viaIR: false,
  optimizer: { enabled: true, runs: 200 },
  outputSelection: { '*': { LedgerAnchor: ['evm.bytecode.object', 'evm.deployedBytecode.object'] } },
}
