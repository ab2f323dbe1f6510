/** An enclave process of our own, for the moments when the supervisor has none to give: drawing keys, and attacks. */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { destination } from 'pino'
import { hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave as startProcess } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'

export type LoneEnclave = {
  readonly client: EnclaveClient
  readonly pid: number
  stop(): Promise<void>
}

export type EnclavePlace = { readonly chainId: number; readonly anchor: string; readonly logFile: string }

/** Starts one on the files of a data folder. `name` tells two enclaves of one folder apart. Refuses ENCLAVE_EXITED. */
export async function startLoneEnclave(dataDir: string, name: string, place: EnclavePlace): Promise<LoneEnclave> {
  const path = socketPath(dataDir, name)
  const { chainId, anchor, logFile } = place
  const enclaveEndpoint = `unix://${path}`
  const config = hostConfigOf(dataDir, { chainId, anchor, enclaveEndpoint, rpcUrls: ['http://127.0.0.1'] })
  const to = destination({ dest: logFile, mkdir: true, sync: true })
  const process = await startProcess(config, openLog({ level: 'info', name, to }))
  const client = openEnclaveClient(enclaveEndpoint)
  const stop = async () => {
    client.close()
    await process.stop()
    to.end()
    rmSync(path, { force: true })
  }
  return { client, pid: process.pid, stop }
}

/** A short path wherever the data folder lies: the kernel takes about a hundred bytes. The same folder has the same. */
export function socketPath(dataDir: string, name: string): string {
  const digest = createHash('sha256')
    .update(`${resolve(dataDir)}\0${name}`)
    .digest('hex')
  return join(tmpdir(), `anchorhold-${digest.slice(0, 16)}.sock`)
}
