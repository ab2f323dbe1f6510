/** `anchorhold provision --role signer`: the one key of a signer, drawn inside or brought by its owner, and what it signs for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import type { HostConfig } from '../../../host/config.ts'
import { readIfThere, writeDurably } from '../../../host/durable-file.ts'
import { credentialsLent } from '../../../host/key-release.ts'
import { openSignerClient, type SignerClient } from '../../../host/signer-client.ts'
import { decoded } from '../../kms/ciphertext.ts'
import type { Answer } from '../answer.ts'
import type { ProvisionOptions } from './options.ts'

type SignerOptions = Extract<ProvisionOptions, { readonly role: 'signer' }>
const CIPHERTEXT_BYTES_MAX = 65_536

/**
 * The ciphertext of a key that is drawn is stored before the signer gets it back: no one else has it [S6]. Refuses
 * CONFIG_INVALID, AWS_CREDENTIALS, and what the signer refuses.
 */
export async function provisionSignerAnswer(config: HostConfig, options: SignerOptions): Promise<Answer> {
  const endpoint = options.endpoint ?? config.signerEndpoint
  if (endpoint === undefined) refuse('CONFIG_INVALID', '--endpoint, or signerEndpoint in host.json', 'neither')
  const file = join(config.paths.keys, 'signer.json')
  const client = openSignerClient(endpoint)
  try {
    const common = { ...termsOf(options), ...(await lent(options)) }
    const ciphertext = await ciphertextOf(client, options, common, file)
    const expected = options.expectedAddress === undefined ? {} : { expected_address: options.expectedAddress }
    const { address } = await client.call('provision', { ...common, ...expected, ciphertext_b64: ciphertext })
    const text = [`signer ${address}`, 'after each start of its enclave: the same command with --ciphertext FILE']
    return { format: 'anchorhold-provision/1', value: { role: 'signer', address }, text: text.join('\n') }
  } finally {
    client.close()
  }
}

function termsOf({ terms }: SignerOptions) {
  return terms === undefined ? {} : { ...terms, allowed_recipients: [...terms.allowed_recipients] }
}

/** Without a key ARN no KMS is asked: a signer of a development machine. */
async function lent({ region, keyId, proxyPort }: SignerOptions) {
  if (region === undefined && keyId === undefined) return {}
  return {
    ...(region === undefined ? {} : { region }),
    ...(keyId === undefined ? {} : { key_id: keyId }),
    ...(await credentialsLent(proxyPort)),
  }
}

async function ciphertextOf(
  client: SignerClient,
  { key }: SignerOptions,
  common: object,
  file: string,
): Promise<string> {
  if (key.kind === 'base64') return key.text
  if (key.kind === 'file') return readCiphertext(key.path)
  if ((await readIfThere(file)) !== undefined)
    refuse('CONFIG_INVALID', `--ciphertext ${file}: a key that is there is never drawn over`, '--generate')
  const { address, ciphertext_b64 } = await client.call('generate', common)
  await writeDurably(file, `${JSON.stringify({ address, ciphertext_b64 })}\n`)
  return ciphertext_b64
}

/** Our own JSON, base64 text, or the bytes as KMS gave them. */
function readCiphertext(path: string): string {
  const bytes = bytesOf(path)
  const text = bytes.toString('latin1').trim()
  return text.startsWith('{') ? stored(path, text) : Buffer.from(decoded(bytes)).toString('base64')
}

function stored(path: string, text: string): string {
  try {
    const { ciphertext_b64: ciphertext } = JSON.parse(text) as { ciphertext_b64?: unknown }
    if (typeof ciphertext === 'string') return ciphertext
  } catch {
    // The refusal below says what was expected.
  }
  throw new CodedError('CONFIG_INVALID', `expected ciphertext_b64 in ${path}`)
}

function bytesOf(path: string): Buffer {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > 0 && bytes.length <= CIPHERTEXT_BYTES_MAX) return bytes
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected to read ${path}`, { cause })
  }
  throw new CodedError('CONFIG_INVALID', `expected a ciphertext of 1 to ${CIPHERTEXT_BYTES_MAX} bytes in ${path}`)
}
