/** `anchorhold provision --generate`: a new ledger's keys, drawn inside an enclave that ends right after. */
import { join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { readKeyFile } from '../../host/boot.ts'
import { type HostConfig, loadHostConfig } from '../../host/config.ts'
import { openControl } from '../../host/control.ts'
import { readIfThere, writeDurably } from '../../host/durable-file.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { configureEnclave, lentForRelease } from '../../host/key-release.ts'
import { openLog } from '../../host/log.ts'
import type { Answer, Terminal } from './answer.ts'
import { recordCommand } from './context.ts'

/** Writes DATA/keys/keys.json. Refuses CONFIG_INVALID where there are keys: they may be the only way to a treasury. */
export async function provisionAnswer(dataDir: string, { environment }: Terminal): Promise<Answer> {
  const config = loadHostConfig(dataDir, environment)
  const { keyFile } = config.paths
  if ((await readIfThere(keyFile)) !== undefined) {
    throw new CodedError('CONFIG_INVALID', `expected no keys yet, got ${keyFile}; they are never drawn over`)
  }
  await recordCommand({ control: openControl(config.paths), now: Date.now }, 'provision', { keyFile })
  const { address, ...ciphertexts } = await drawKeys(config)
  await writeDurably(keyFile, `${JSON.stringify({ address, ...ciphertexts })}\n`)
  const next = [
    `authority ${address}`,
    `its ciphertexts are in ${keyFile}: back them up`,
    `the guardian of ${config.anchor} checks the enclave and calls appointAuthority(${address})`,
    `send a little ether to ${address} for gas`,
  ]
  return { format: 'anchorhold-provision/1', value: { authority: address, keyFile }, text: next.join('\n') }
}

/**
 * Keys of the next authority, beside those in use: a rotation or the guardian puts them in their place. The state key stays,
 * so the sealed records open under both. Refuses CONFIG_INVALID where next keys wait already.
 */
export async function provisionNextAnswer(dataDir: string, { environment }: Terminal): Promise<Answer> {
  const config = loadHostConfig(dataDir, environment)
  const { nextKeyFile, keyFile, root } = config.paths
  if ((await readIfThere(nextKeyFile)) !== undefined)
    throw new CodedError('CONFIG_INVALID', `expected no next keys yet, got ${nextKeyFile}`)
  await recordCommand({ control: openControl(config.paths), now: Date.now }, 'provision', { nextKeyFile })
  const { state_ciphertext_b64 } = await readKeyFile(keyFile)
  // The enclave in use keeps its endpoint.
  const apart = { ...config, enclaveEndpoint: `unix://${join(root, 'next.sock')}` }
  const { address, ciphertext_b64 } = await drawKeys(apart)
  await writeDurably(nextKeyFile, `${JSON.stringify({ address, ciphertext_b64, state_ciphertext_b64 })}\n`)
  const text = [
    `next authority ${address}`,
    `its ciphertext is in ${nextKeyFile}: back it up`,
    `send a little ether to ${address} for gas, then: anchorhold admin rotate-approval propose --new-authority ${address}`,
  ]
  return {
    format: 'anchorhold-provision/1',
    value: { authority: address, keyFile: nextKeyFile },
    text: text.join('\n'),
  }
}

/** The enclave that draws them forgets them. It is a child of ours, or the cold one that the operator started. */
async function drawKeys(config: HostConfig) {
  const process = config.enclaveProcess === 'ours' ? await startEnclave(config, SILENT) : undefined
  const client = openEnclaveClient(config.enclaveEndpoint)
  try {
    await configureEnclave(client, config.enclaveConfig, await client.call('status', {}))
    const { address, ciphertext_b64, state_ciphertext_b64 } = await client.call(
      'generate',
      await lentForRelease(config),
    )
    return { address, ciphertext_b64, state_ciphertext_b64 }
  } finally {
    client.close()
    await process?.stop()
  }
}

const SILENT = openLog({ level: 'silent', name: 'provision' })
