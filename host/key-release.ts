/** The host's part in a key release: it says what the enclave is for, and lends credentials. It decides nothing. */
import { readFile } from 'node:fs/promises'
import { parseConfiguration } from '../enclave/protocol/configuration.ts'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { StatusResult } from '../enclave/protocol/method-results.ts'
import type { Params } from '../enclave/protocol/methods.ts'
import { parseStrictJson } from '../enclave/protocol/strict-json.ts'
import { awsCredentials } from './aws-credentials.ts'
import { type HostConfig, ownEnvironment } from './config.ts'
import type { EnclaveClient } from './enclave-client.ts'

/** Tells an enclave that was started without a configuration what it is for. Refuses CONFIG_INVALID, CONFIG_LOCKED. */
export async function configureEnclave(
  enclave: EnclaveClient,
  path: string,
  { configured }: Pick<StatusResult, 'configured'>,
): Promise<void> {
  if (!configured) await enclave.call('configure', { configuration: await readConfiguration(path) })
}

type Lent = Pick<
  Params<'provision'>,
  'region' | 'key_id' | 'proxy_port' | 'aws_access_key_id' | 'aws_secret_access_key' | 'aws_session_token'
>

/** What `generate` and `provision` need besides ciphertexts: nothing where no KMS releases the keys. Refuses AWS_CREDENTIALS. */
export async function lentForRelease(config: HostConfig): Promise<Lent> {
  const { keyRelease } = parseConfiguration(await readConfiguration(config.enclaveConfig))
  if (keyRelease === undefined) return {}
  return { region: keyRelease.region, key_id: keyRelease.keyId, ...(await credentialsLent(config.kmsProxyPort)) }
}

/** Credentials of this machine and the port of its pipe to KMS, under the names of the wire. Refuses AWS_CREDENTIALS. */
export async function credentialsLent(proxyPort: number): Promise<Lent> {
  const { accessKeyId, secretAccessKey, sessionToken } = await awsCredentials(ownEnvironment())
  return {
    proxy_port: proxyPort,
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    ...(sessionToken === undefined ? {} : { aws_session_token: sessionToken }),
  }
}

async function readConfiguration(path: string): Promise<unknown> {
  const read = parseStrictJson(await bytesOf(path))
  if (read.kind === 'object') return read.value
  throw new CodedError('CONFIG_INVALID', `expected the enclave's configuration as a JSON object in ${path}`)
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected the enclave's configuration in ${path}`, { cause })
  }
}
