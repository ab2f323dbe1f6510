/** What a new ledger begins with: genesis.json and enclave.json of a data folder, out of a policy and a roster. */
import { existsSync, readFileSync } from 'node:fs'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import { genesisHash, type KeyReleaseTerms, parseConfiguration } from '../../../enclave/protocol/configuration.ts'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { type Address, toAddress, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { parsePolicy } from '../../../enclave/protocol/policy.ts'
import { parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import type { HostConfig } from '../../../host/config.ts'
import { writeDurably } from '../../../host/durable-file.ts'
import { openEndpoints } from '../../../host/endpoints.ts'
import { readRoster } from '../../start/roster-file.ts'

export type LedgerFiles = {
  readonly policy: string
  readonly roster?: string
  readonly keyRelease?: KeyReleaseTerms
}

/** The first version of the keys of a ledger; a rotation raises it. */
export const KEY_VERSION_FIRST = 1

/**
 * Writes both files. Broker and guardian are the anchor's own, asked of the chain: an anchor that others guard is not this
 * ledger's. Refuses CONFIG_INVALID where one of the files is there, POLICY_INVALID, RPC_FAILED.
 */
export async function writeLedgerFiles(config: HostConfig, files: LedgerFiles): Promise<void> {
  for (const path of [config.genesis, config.enclaveConfig])
    if (existsSync(path)) refuse('CONFIG_INVALID', 'no ledger here yet with --policy', path)
  const given = readObject(files.policy)
  const policy = parsePolicy(given)
  const roster = files.roster === undefined ? [] : readRoster(files.roster)
  const { broker, guardian } = await readAnchor(config)
  if (policy.broker !== broker) refuse('POLICY_INVALID', `broker ${broker}, as in the anchor`, policy.broker)
  const start = { roster, openings: [], journalSize: 0, journalHead: ZERO_HASH }
  const configuration = {
    chainId: config.chainId,
    anchor: config.anchor,
    broker,
    guardian,
    role: 'core',
    genesisHash: genesisHash({ policy, ...start }),
    ...(files.keyRelease === undefined ? {} : { keyRelease: files.keyRelease }),
  }
  parseConfiguration(configuration)
  await writeDurably(config.genesis, `${JSON.stringify({ policy: given, ...start })}\n`)
  await writeDurably(config.enclaveConfig, `${JSON.stringify(configuration)}\n`)
}

type NamedKey = { readonly keyId?: string; readonly region?: string }

/**
 * The key of an enclave.json that is there has to be the one that was named; where none stands there yet, it is entered.
 * Nothing is bound to it before the first keys are drawn. Refuses CONFIG_INVALID.
 */
export async function enterKeyRelease(config: HostConfig, named: NamedKey): Promise<void> {
  const given = readObject(config.enclaveConfig)
  const { keyRelease } = parseConfiguration(given)
  const { keyId, region } = named
  if (keyRelease !== undefined || keyId === undefined || region === undefined)
    return checkNamed(config, keyRelease, named)
  const entered = { ...given, keyRelease: { keyId, region, keyVersion: KEY_VERSION_FIRST } }
  parseConfiguration(entered)
  await writeDurably(config.enclaveConfig, `${JSON.stringify(entered)}\n`)
}

function checkNamed(config: HostConfig, keyRelease: KeyReleaseTerms | undefined, named: NamedKey): void {
  for (const field of ['keyId', 'region'] as const) {
    const [expected, got] = [keyRelease?.[field] ?? 'no KMS key', named[field]]
    if (got !== undefined && got !== expected)
      refuse('CONFIG_INVALID', `${expected}, as in ${config.enclaveConfig}`, got)
  }
}

async function readAnchor({ rpcUrls, chainId, anchor }: HostConfig): Promise<{ broker: Address; guardian: Address }> {
  const read = (functionName: 'ticketBroker' | 'guardian') =>
    openEndpoints(rpcUrls, chainId).use((rpc) => rpc.readContract({ address: anchor, abi: ANCHOR_ABI, functionName }))
  return { broker: known(await read('ticketBroker')), guardian: known(await read('guardian')) }
}

function known(text: string): Address {
  return toAddress(text.toLowerCase()) ?? refuse('RPC_FAILED', 'an address of the anchor', text)
}

function readObject(path: string): { readonly [key: string]: unknown } {
  const read = parseStrictJson(bytesOf(path))
  if (read.kind === 'object') return read.value
  throw new CodedError('CONFIG_INVALID', `expected a JSON object in ${path}, got ${read.kind}`)
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected to read ${path}`, { cause })
  }
}
