/** Do the files of a data folder belong together? Nothing is asked of chain, Redis or enclave. */
import { readFileSync } from 'node:fs'
import { genesisHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type Address, type Hash, isAddress } from '../../enclave/protocol/ids.ts'
import { parseWei } from '../../enclave/protocol/money.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { readKeyFile } from '../../host/boot.ts'
import type { HostConfig } from '../../host/config.ts'
import { readGenesisFile } from '../../host/genesis-file.ts'
import { type Answer, EXIT_FAILED, tableOf } from './answer.ts'
import { type Check, check } from './check.ts'

type Place = { readonly config: HostConfig }

export async function configAnswer(place: Place): Promise<Answer> {
  const checks = await configChecks(place)
  const failed = checks.some(({ verdict }) => verdict === 'fail')
  const rows = checks.map(({ verdict, name, detail }) => [verdict, name, detail])
  return {
    format: 'anchorhold-config-check/1',
    value: { verdict: failed ? 'fail' : 'ok', checks },
    text: tableOf(rows),
    exitCode: failed ? EXIT_FAILED : 0,
  }
}

export async function configChecks({ config }: Place): Promise<Check[]> {
  return [
    check('settings', 'ok', config.paths.config),
    await looked('genesis', () => lookAtGenesis(config)),
    await looked('enclave configuration', () => lookAtConfiguration(config)),
    await looked('keys', () => lookAtKeys(config)),
  ]
}

async function looked(name: string, look: () => Promise<string> | string): Promise<Check> {
  try {
    return check(name, 'ok', await look())
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    // Before they are drawn there are none, and no file contradicts that.
    if (isCoded(error, 'KEYS_MISSING'))
      return check(name, 'warn', detail, 'Draw them: anchorhold provision --generate; or restore them.')
    return check(name, 'fail', detail, 'Correct the file that is named.')
  }
}

function lookAtGenesis(config: HostConfig): string {
  const { roster, openings, journalSize } = readGenesisFile(config.genesis)
  return `${roster.length} in the roster, ${openings.length} openings, journal from line ${journalSize}`
}

/** The enclave is started for one genesis, one anchor and one chain; a file that differs is refused by it later, with less to say. */
function lookAtConfiguration(config: HostConfig): string {
  const parsed = parseStrictJson(readFileSync(config.enclaveConfig))
  if (parsed.kind !== 'object')
    throw new TypeError(`expected a JSON object in ${config.enclaveConfig}, got ${parsed.kind}`)
  const configuration = parseConfiguration(parsed.value)
  const wanted = { chainId: config.chainId, anchor: config.anchor, genesisHash: hashOfFile(config) }
  for (const [name, value] of Object.entries(wanted)) {
    const got = configuration[name as keyof typeof wanted]
    if (got !== value) throw new TypeError(`${name}: expected ${value} in ${config.enclaveConfig}, got ${got}`)
  }
  return `bound to genesis ${configuration.genesisHash}`
}

function hashOfFile(config: HostConfig): Hash {
  const { policy, roster, openings, journalSize, journalHead } = readGenesisFile(config.genesis)
  return genesisHash({
    policy: parsePolicy(policy),
    roster: roster.map(({ id, recipient }) => ({ id, recipient: recipient as Address })),
    openings: openings.map(({ id, wei, recipient }) => ({
      id,
      wei: parseWei(wei),
      recipient: recipient as Address | null,
    })),
    journalSize,
    journalHead: journalHead as Hash,
  })
}

async function lookAtKeys(config: HostConfig): Promise<string> {
  const { address } = await readKeyFile(config.paths.keyFile)
  if (!isAddress(address)) throw new TypeError(`expected an address in ${config.paths.keyFile}, got ${address}`)
  return `authority ${address}`
}
