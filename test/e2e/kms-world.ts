/** A ledger whose keys KMS releases: the world of the pipeline, an enclave that the operator started, the stand-in of KMS. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { type Hash, toHash } from '../../enclave/protocol/ids.ts'
import { imagePcrs } from '../stand-ins/kms/world.ts'
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
