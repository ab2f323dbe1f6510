/** `anchorhold provision --next`: keys of the next authority, beside those in use, and a state key of its own on demand. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Configuration, parseConfiguration } from '../../../enclave/protocol/configuration.ts'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { type KeyFile, readKeyFile } from '../../../host/boot.ts'
import { type HostConfig, loadHostConfig } from '../../../host/config.ts'
import { openControl } from '../../../host/control.ts'
import { readIfThere, writeDurably } from '../../../host/durable-file.ts'
import { nextConfigFile } from '../../../host/rotation.ts'
import { readConfiguration } from '../../kms/context.ts'
import type { Answer, Terminal } from '../answer.ts'
import { recordCommand } from '../context.ts'
import { type ProvisionFlags, readProvision } from './options.ts'
import { drawKeys } from './provision.ts'

/** As typed. `freshState` asks for another state key too, under another version or key of KMS where one is named. */
export type NextFlags = ProvisionFlags & { readonly freshState?: boolean; readonly keyVersion?: string }

const KEY_VERSION_MAX = 2 ** 31 - 1

/**
 * The keys go to keys/next.json; a rotation or the guardian puts them in their place. Without --fresh-state the state key
 * stays, so the sealed records open under both. Refuses CONFIG_INVALID where next keys wait already, or without an enclave.
 */
export async function provisionNextAnswer(dataDir: string, flags: NextFlags, terminal: Terminal): Promise<Answer> {
  const given = loadHostConfig(dataDir, terminal.environment)
  const options = readNext(flags, given, terminal)
  const { nextKeyFile, keyFile } = given.paths
  if ((await readIfThere(nextKeyFile)) !== undefined)
    throw new CodedError('CONFIG_INVALID', `expected no next keys yet, got ${nextKeyFile}`)
  const { endpoint, configuration, proxyPort } = options
  const apart = besideRunning({ ...given, kmsProxyPort: proxyPort }, endpoint)
  const record = { nextKeyFile, freshState: configuration !== undefined }
  await recordCommand({ control: openControl(given.paths), now: Date.now }, 'provision', record)
  const next =
    configuration === undefined
      ? await drawBeside(apart, (await readKeyFile(keyFile)).state_ciphertext_b64)
      : await drawFresh(apart, nextConfigFile(given), configuration)
  await writeDurably(nextKeyFile, `${JSON.stringify(next)}\n`)
  return answerFor(given, next)
}

type NextOptions = {
  readonly endpoint: string | undefined
  readonly proxyPort: number
  /** Of the next enclave, where its state key is a fresh one. */
  readonly configuration: Configuration | undefined
}

function readNext(
  { freshState, keyVersion, ...flags }: NextFlags,
  config: HostConfig,
  terminal: Terminal,
): NextOptions {
  const from = { typedIn: terminal.typedIn, readText: () => '', proxyPort: config.kmsProxyPort }
  const options = readProvision({ ...flags, generate: true }, from)
  if (options.role !== 'core' || options.policy !== undefined || options.roster !== undefined)
    refuse('CONFIG_INVALID', '--next for the ledger that is here', 'options of another one')
  const { endpoint, proxyPort, keyId, region } = options
  if (freshState === true)
    return { endpoint, proxyPort, configuration: nextConfiguration(config, { keyId, region, keyVersion }) }
  if ((keyVersion ?? keyId ?? region) !== undefined)
    refuse('CONFIG_INVALID', '--fresh-state: the state key that stays opens under its own key and version', 'none')
  return { endpoint, proxyPort, configuration: undefined }
}

type Terms = {
  readonly keyId: string | undefined
  readonly region: string | undefined
  readonly keyVersion: string | undefined
}

/** The place stays, so `config` does; what may change is which KMS key releases the keys, and under which version. */
function nextConfiguration({ enclaveConfig }: HostConfig, { keyId, region, keyVersion }: Terms): Configuration {
  const { keyRelease, ...place } = parseConfiguration(readConfiguration(readFileSync(enclaveConfig)))
  if (keyRelease === undefined) {
    if ((keyVersion ?? keyId ?? region) !== undefined)
      refuse('CONFIG_INVALID', `a ledger whose keys KMS releases, by ${enclaveConfig}`, 'a key or version of KMS')
    return place
  }
  const isSameKey = keyId === undefined || keyId === keyRelease.keyId
  const version = keyVersion === undefined ? keyRelease.keyVersion : readVersion(keyVersion)
  // A lower one is a generation that the key policy may have ended, and whose ciphertexts somebody may have kept.
  if (isSameKey && version < keyRelease.keyVersion)
    refuse('CONFIG_INVALID', `--key-version ${keyRelease.keyVersion} or later`, version)
  const terms = { keyId: keyId ?? keyRelease.keyId, region: region ?? keyRelease.region, keyVersion: version }
  return parseConfiguration({ ...place, keyRelease: terms })
}

function readVersion(text: string): number {
  const value = /^[1-9][0-9]{0,9}$/.test(text) ? Number.parseInt(text, 10) : 0
  return value >= 1 && value <= KEY_VERSION_MAX
    ? value
    : refuse('CONFIG_INVALID', `--key-version: 1 to ${KEY_VERSION_MAX}`, text)
}

/** The enclave in use keeps its endpoint; it is not cold, and forgets no key. */
function besideRunning(config: HostConfig, endpoint: string | undefined): HostConfig {
  if (endpoint === config.enclaveEndpoint)
    refuse('CONFIG_INVALID', 'the --endpoint of a second, cold enclave', 'that of the ledger')
  if (endpoint !== undefined) return { ...config, enclaveEndpoint: endpoint, enclaveProcess: 'none' }
  if (config.enclaveProcess === 'none')
    refuse('CONFIG_INVALID', 'the --endpoint of a second, cold enclave: the running one keeps its own', 'none')
  return { ...config, enclaveEndpoint: `unix://${join(config.paths.root, 'next.sock')}` }
}

async function drawBeside(config: HostConfig, stateCiphertext: string): Promise<KeyFile> {
  const { address, ciphertext_b64 } = await drawKeys(config)
  return { address, ciphertext_b64, state_ciphertext_b64: stateCiphertext }
}

/** 1 the configuration that they are drawn under, 2 the keys: a crash in between leaves a file that the next try replaces. */
async function drawFresh(config: HostConfig, file: string, configuration: Configuration): Promise<KeyFile> {
  await writeDurably(file, `${JSON.stringify(configuration)}\n`)
  return drawKeys({ ...config, enclaveConfig: file })
}

function answerFor({ paths }: HostConfig, { address, log_key: logKey }: KeyFile): Answer {
  const fresh = logKey === undefined ? [] : [`fresh state key, log key ${logKey}: the next boot rebuilds from the log`]
  const text = [
    `next authority ${address}`,
    ...fresh,
    `its ciphertexts are in ${paths.nextKeyFile}: back them up`,
    `send a little ether to ${address} for gas, then: anchorhold admin rotate-approval propose --new-authority ${address}`,
  ]
  const value = { authority: address, keyFile: paths.nextKeyFile, ...(logKey === undefined ? {} : { logKey }) }
  return { format: 'anchorhold-provision/1', value, text: text.join('\n') }
}
