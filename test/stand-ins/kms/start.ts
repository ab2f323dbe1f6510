/** Starts the stand-in as a process of its own, and opens byte pipes to it as the parent's vsock-proxy would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { kmsHost } from '../../../enclave/shell/kms-tls.ts'
import { issueServer, type ServerIdentity } from './certificates.ts'
import type { PolicyDocument } from './policy.ts'
import type { Settings } from './settings.ts'
import type { Credential } from './signature.ts'

export const REGION = 'eu-central-1'
export const KEY_ID = `arn:aws:kms:${REGION}:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001`
export const PARENT_ROLE = 'arn:aws:iam::111122223333:role/enclave-parent'
export const ADMIN_ROLE = 'arn:aws:iam::111122223333:role/key-admin'

/** Of the parent's instance role: what the host lends to the enclave. */
export const PARENT: Credential = {
  accessKeyId: 'TESTPARENTACCESSKEY',
  secretAccessKey: 'a secret of the parent',
  sessionToken: 'a token of the parent',
  principal: PARENT_ROLE,
}
/** Of whoever imports a key. */
export const ADMIN: Credential = {
  accessKeyId: 'TESTADMINACCESSKEY',
  secretAccessKey: 'a secret of the admin',
  principal: ADMIN_ROLE,
}

export type KmsProcess = {
  /** tcp://127.0.0.1:port, or unix:///path. */
  readonly endpoint: string
  /** The authority above its certificate: PEM, and the same as a file. */
  readonly ca: string
  readonly caFile: string
  /** What another process with the same name would need. */
  readonly identity: ServerIdentity
  readonly openPipe: () => Promise<Duplex>
  readonly stop: () => Promise<void>
}

export type StartOptions = {
  readonly policy: PolicyDocument
  readonly rootPin: Hash
  readonly listen?: string
  readonly identity?: ServerIdentity
  readonly aheadMs?: number
  /** 64 hex digits, where blobs of another process are to open. */
  readonly masterKey?: string
}

const MAIN = join(import.meta.dirname, 'main.ts')
const MASTER_KEY_BYTES = 32

export async function startKms(options: StartOptions): Promise<KmsProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'kms-'))
  const identity = options.identity ?? issueServer(kmsHost(REGION))
  const settings = settingsOf(options, identity)
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings), { mode: 0o600 })
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, identity.ca)
  const child = spawn(process.execPath, [MAIN, join(folder, 'settings.json')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const endpoint = await readyOf(child)
  return {
    endpoint,
    ca: identity.ca,
    caFile,
    identity,
    openPipe: () => openPipeTo(endpoint),
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function settingsOf(options: StartOptions, { cert, key }: ServerIdentity): Settings {
  return {
    listen: options.listen ?? 'tcp://127.0.0.1:0',
    keyId: KEY_ID,
    region: REGION,
    masterKey: options.masterKey ?? randomBytes(MASTER_KEY_BYTES).toString('hex'),
    policy: options.policy,
    credentials: [PARENT, ADMIN],
    rootPin: options.rootPin,
    cert,
    key,
    ...(options.aheadMs === undefined ? {} : { aheadMs: options.aheadMs }),
  }
}

async function readyOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the stand-in of KMS has an output')
  for await (const line of createInterface({ input: child.stdout }))
    return (JSON.parse(line) as { listen: string }).listen
  throw new Error('the stand-in of KMS ended before it was ready')
}

/** A plain byte pipe: it knows nothing of what it carries. */
export async function openPipeTo(endpoint: string): Promise<Duplex> {
  const { protocol, pathname, port } = new URL(endpoint)
  const socket = protocol === 'unix:' ? connect(pathname) : connect(Number.parseInt(port, 10), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
