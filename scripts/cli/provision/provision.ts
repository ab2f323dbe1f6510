/** `anchorhold provision`: keys that an enclave draws, and what it is told to keep them for. */
import { readFileSync } from 'node:fs'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import type { KeyFile } from '../../../host/boot.ts'
import { type HostConfig, loadHostConfig } from '../../../host/config.ts'
import { openControl } from '../../../host/control.ts'
import { readIfThere, writeDurably } from '../../../host/durable-file.ts'
import { openEnclaveClient } from '../../../host/enclave-client.ts'
import { startEnclave } from '../../../host/enclave-process.ts'
import { configureEnclave, lentForRelease } from '../../../host/key-release.ts'
import { openLog } from '../../../host/log.ts'
import type { Answer, Terminal } from '../answer.ts'
import { recordCommand } from '../context.ts'
import { enterKeyRelease, KEY_VERSION_FIRST, writeLedgerFiles } from './ledger.ts'
import { type ProvisionFlags, type ProvisionOptions, readProvision } from './options.ts'
import { provisionSignerAnswer } from './signer.ts'

/** One command for both roles. Refuses CONFIG_INVALID before anything is asked of an enclave. */
export async function provisionAnswer(dataDir: string, flags: ProvisionFlags, terminal: Terminal): Promise<Answer> {
  if ('freshState' in flags || 'keyVersion' in flags)
    throw new CodedError('CONFIG_INVALID', 'expected --next beside --fresh-state and --key-version')
  const config = loadHostConfig(dataDir, terminal.environment)
  const { typedIn } = terminal
  const options = readProvision(flags, { typedIn, readText: readTextFile, proxyPort: config.kmsProxyPort })
  if (options.role === 'core') return provisionCore(config, options)
  await recordCommand(logOf(config), 'provision', { role: options.role })
  return provisionSignerAnswer(config, options)
}

function logOf({ paths }: HostConfig) {
  return { control: openControl(paths), now: Date.now }
}

type CoreOptions = Extract<ProvisionOptions, { readonly role: 'core' }>

/** Writes DATA/keys/keys.json. Refuses CONFIG_INVALID where there are keys: they may be the only way to a treasury. */
async function provisionCore(given: HostConfig, options: CoreOptions): Promise<Answer> {
  const config = withEndpoint(given, options)
  const { keyFile } = config.paths
  if ((await readIfThere(keyFile)) !== undefined) {
    throw new CodedError('CONFIG_INVALID', `expected no keys yet, got ${keyFile}; they are never drawn over`)
  }
  await recordCommand(logOf(config), 'provision', { keyFile })
  await layLedger(config, options)
  if (options.key.kind === 'later') return prepared(config)
  const { address, ...ciphertexts } = await drawKeys(config)
  await writeDurably(keyFile, `${JSON.stringify({ address, ...ciphertexts })}\n`)
  const next = [
    `authority ${address}`,
    `its ciphertexts are in ${keyFile}: back them up`,
    `the guardian of ${config.anchor} checks the enclave and appoints it: anchorhold guardian appoint ${address}`,
    `send a little ether to ${address} for gas`,
  ]
  return { format: 'anchorhold-provision/1', value: { authority: address, keyFile }, text: next.join('\n') }
}

function prepared({ genesis, enclaveConfig }: HostConfig): Answer {
  const text = [
    `the ledger begins with ${genesis}, the enclave is bound to ${enclaveConfig}`,
    'next: a key policy for just this configuration (anchorhold kms policy), then anchorhold provision --generate',
  ]
  return { format: 'anchorhold-provision/1', value: { genesis, enclaveConfig }, text: text.join('\n') }
}

/** An enclave that is named runs already. */
function withEndpoint(config: HostConfig, { endpoint, proxyPort }: CoreOptions): HostConfig {
  const reached = { ...config, kmsProxyPort: proxyPort }
  return endpoint === undefined ? reached : { ...reached, enclaveEndpoint: endpoint, enclaveProcess: 'none' }
}

async function layLedger(config: HostConfig, { policy, roster, keyId, region }: CoreOptions): Promise<void> {
  if (policy === undefined) return enterKeyRelease(config, { ...(keyId && { keyId }), ...(region && { region }) })
  const keyRelease = keyId && region ? { keyId, region, keyVersion: KEY_VERSION_FIRST } : undefined
  await writeLedgerFiles(config, { policy, ...(roster && { roster }), ...(keyRelease && { keyRelease }) })
}

function readTextFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected to read ${path}`, { cause })
  }
}

/** The enclave that draws them forgets them. It is a child of ours, or the cold one that the operator started. */
export async function drawKeys(config: HostConfig): Promise<KeyFile> {
  const process = config.enclaveProcess === 'ours' ? await startEnclave(config, SILENT) : undefined
  const client = openEnclaveClient(config.enclaveEndpoint)
  try {
    await configureEnclave(client, config.enclaveConfig, await client.call('status', {}))
    const { address, ciphertext_b64, state_ciphertext_b64, log_key } = await client.call(
      'generate',
      await lentForRelease(config),
    )
    return { address, ciphertext_b64, state_ciphertext_b64, log_key }
  } finally {
    client.close()
    await process?.stop()
  }
}

const SILENT = openLog({ level: 'silent', name: 'provision' })
