/** An enclave process of our own, for the moments when the host's supervisor has none: drawing keys, and attacks. */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { firstLine, startChild } from './children.ts'

export type EnclaveProcess = {
  readonly client: EnclaveClient
  readonly pid: number
  stop(): Promise<void>
}

export type EnclaveFiles = { readonly config: string; readonly wrappingKey: string; readonly logFile: string }

/** Returns once it listens. `name` tells two enclaves of one folder apart. Refuses ENCLAVE_EXITED. */
export async function startEnclave(dataDir: string, name: string, files: EnclaveFiles): Promise<EnclaveProcess> {
  const path = socketPath(dataDir, name)
  const endpoint = `unix://${path}`
  const options = ['--listen', endpoint, '--config', files.config, '--wrapping-key', files.wrappingKey, '--with-parent']
  const child = startChild({
    name: `enclave ${name}`,
    words: ['enclave/main.ts', ...options],
    logFile: files.logFile,
    output: 'lines',
  })
  await firstLine(child, files.logFile)
  const client = openEnclaveClient(endpoint)
  const stop = async () => {
    client.close()
    await child.stop()
    rmSync(path, { force: true })
  }
  return { client, pid: child.pid, stop }
}

/** A short path wherever the data folder lies: the kernel takes about a hundred bytes. The same folder has the same. */
export function socketPath(dataDir: string, name: string): string {
  const digest = createHash('sha256').update(`${resolve(dataDir)}\0${name}`).digest('hex')
  return join(tmpdir(), `anchorhold-${digest.slice(0, 16)}.sock`)
}
