/** A ledger whose keys KMS releases: the world of the pipeline, an enclave that the operator started, the stand-in of KMS. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { type Hash, toHash } from '../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import type { HostConfig } from '../../host/config.ts'
import { keyPolicy } from '../../scripts/kms/policy.ts'
import { ADMIN_ROLE, type KmsProcess, PARENT, PARENT_ROLE, startKms } from '../stand-ins/kms/start.ts'
import { contextValues, imagePcrs } from '../stand-ins/kms/world.ts'
import { kill, ROOT } from './pipeline-world.ts'

const MAIN = join(ROOT, 'enclave', 'development', 'main.ts')

/** Where a development NSM has its root, and what it says of an image. */
export type Machine = {
  readonly folder: string
  readonly rootFile: string
  readonly rootPin: Hash
  /** The measurements of image `fill` as a file for --measurements. */
  measurements(fill: number): string
  start(options: EnclaveOptions): Promise<RunningEnclave>
  stop(): Promise<void>
}
export type EnclaveOptions = {
  readonly endpoint: string
  readonly image: number
  readonly kms: { readonly endpoint: string; readonly caFile: string }
}
export type RunningEnclave = { kill(): Promise<void> }

export function openMachine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'machine-'))
  const rootFile = join(folder, 'root')
  const { certificate } = readDevelopmentRoot(rootFile, randomBytes)
  const children = new Set<ChildProcess>()
  const measurements = (fill: number): string => {
    const hex = (index: number): string => Buffer.from(imagePcrs(fill).get(index) ?? []).toString('hex')
    const path = join(folder, `image-${fill}.json`)
    writeFileSync(path, JSON.stringify({ pcr0: hex(0), pcr1: hex(1), pcr2: hex(2), pcr3: hex(3) }))
    return path
  }
  return {
    folder,
    rootFile,
    rootPin: toHash(sha256(certificate)),
    measurements,
    start: async ({ endpoint, image, kms }) => {
      const words = ['--listen', endpoint, '--wrapping-key', join(folder, 'unused.key'), '--nsm-root', rootFile]
      const told = ['--measurements', measurements(image), '--kms', kms.endpoint, '--kms-ca', kms.caFile]
      const child = spawn(process.execPath, [MAIN, ...words, ...told, '--with-parent'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      children.add(child)
      await ready(child)
      return { kill: () => kill(child) }
    },
    stop: async () => {
      await Promise.all([...children].map(kill))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('the enclave has an output')
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(() => {
    throw new Error('the enclave ended before it was ready')
  })
  await Promise.race([once(lines, 'line'), ended])
  ended.catch(() => undefined)
}

/** The host's role lends its credentials to every process that a test starts. Gives the way back. */
export function lendAws(): () => void {
  const lent = {
    AWS_ACCESS_KEY_ID: PARENT.accessKeyId,
    AWS_SECRET_ACCESS_KEY: PARENT.secretAccessKey,
    AWS_SESSION_TOKEN: PARENT.sessionToken ?? '',
  }
  const before = Object.keys(lent).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, lent)
  return () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
}

const MASTER_KEY = '5a'.repeat(32)
type Admitted = { readonly images: readonly number[]; readonly versions?: readonly number[] }

/** KMS with the policy that the generator makes for these images and key versions. What `former` sealed still opens. */
export async function kmsFor(
  machine: Machine,
  config: HostConfig,
  { images, versions = [1] }: Admitted,
  former: KmsProcess | undefined,
): Promise<KmsProcess> {
  const hex = (image: number, index: number) => Buffer.from(imagePcrs(image).get(index) ?? []).toString('hex')
  const configuration = parseConfiguration(JSON.parse(readFileSync(config.enclaveConfig, 'utf8')))
  const [ledgerId, hash] = [ledgerIdOf(configuration), configHash(configuration)]
  const context = contextValues({ ledgerId, config: hash, role: 'core', keyVersion: 1 })
  const policy = keyPolicy({
    images: images.map((image) => ({
      name: `image ${image}`,
      pcr0: hex(image, 0),
      pcr1: hex(image, 1),
      pcr2: hex(image, 2),
    })),
    roleArn: PARENT_ROLE,
    adminArns: [ADMIN_ROLE],
    context: { ...context, keyVersion: versions.map(String) },
  })
  await former?.stop()
  const identity = former === undefined ? {} : { identity: former.identity }
  const listen = `unix://${join(machine.folder, 'kms.sock')}`
  return startKms({ policy, rootPin: machine.rootPin, masterKey: MASTER_KEY, listen, ...identity })
}
