/**
 * Real enclave processes before the stand-in of KMS, in the hands of whoever starts them: he chooses the configuration and
 * brings the ciphertexts. Unless told otherwise the key policy demands a whole encryption context of the image and allows
 * any values in it, so that what refuses is the ciphertext and not the policy.
 */
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import type { Configuration } from '../../enclave/protocol/configuration.ts'
import { CodedError, type ErrorCode } from '../../enclave/protocol/errors.ts'
import { decodeMessage, encodeFrame, encodeMessage, FrameReader, type Message } from '../../enclave/protocol/frame.ts'
import { randomBytes } from '../../enclave/shell/entropy.ts'
import { anAddress } from '../builders/boot.ts'
import type { PolicyDocument } from '../stand-ins/kms/policy.ts'
import { KEY_ID, PARENT, REGION } from '../stand-ins/kms/start.ts'
import { aHash, imagePcrs, imagePolicy, KmsWorld } from '../stand-ins/kms/world.ts'
import { rawSocket } from './raw.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'enclave', 'development', 'main.ts')
const TERMS = { keyId: KEY_ID, region: REGION, keyVersion: 1 }
/** Enclaves start one after the other, on machines that do other things as well. */
const OPEN_MS_MAX = 120_000

/** What the honest operator starts his ledger's enclave with. */
export const HONEST: Configuration = {
  chainId: 42_161,
  anchor: anAddress(0xa1),
  broker: anAddress(0xb1),
  guardian: anAddress(0xd1),
  role: 'core',
  genesisHash: aHash(0x61),
  keyRelease: TERMS,
}

/** A signer of the broker that stands where the honest ledger has its anchor: both are bound to one ledger id. */
export const SIGNER = {
  role: 'signer',
  chainId: HONEST.chainId,
  broker: HONEST.anchor,
  policy: {
    allowedRecipients: [],
    requireAllowlist: false,
    allowFundDeposit: true,
    maxFundDepositWei: '1000000000000000000000',
    maxFaceValueWei: '1000000000000000000000',
    maxTotalFaceValueWei: '1000000000000000000000',
    batchMax: 50,
    maxFeePerGasWei: '100000000000',
    maxPriorityFeePerGasWei: '0',
    gasMax: 16_000_000,
  },
  keyRelease: TERMS,
}

export type Ciphertexts = { readonly ciphertext_b64: string; readonly state_ciphertext_b64: string }
type Enclave = { call(method: string, params: object): Promise<Message> }

export class KmsStage {
  readonly world: KmsWorld
  readonly #folder: string
  readonly #children: ChildProcess[] = []
  #drawn: Ciphertexts | undefined

  private constructor(world: KmsWorld, folder: string) {
    this.world = world
    this.#folder = folder
  }

  static async open(policy: PolicyDocument): Promise<KmsStage> {
    const folder = mkdtempSync(join(tmpdir(), 'release-'))
    const root = readDevelopmentRoot(join(folder, 'root'), randomBytes)
    const pcrs = [...imagePcrs()].map(([index, value]) => [`pcr${index}`, Buffer.from(value).toString('hex')])
    writeFileSync(join(folder, 'image.json'), JSON.stringify(Object.fromEntries(pcrs)))
    return new KmsStage(await KmsWorld.start({ root, policy }), folder)
  }

  /** The genuine image, started for this. */
  async enclave(configuration: object): Promise<Enclave> {
    const name = `enclave-${this.#children.length}`
    const endpoint = `unix://${join(this.#folder, `${name}.sock`)}`
    const told = join(this.#folder, `${name}.json`)
    writeFileSync(told, JSON.stringify(configuration))
    const { endpoint: kms, caFile } = this.world.kms
    const words = ['--listen', endpoint, '--config', told, '--wrapping-key', join(this.#folder, 'unused.key')]
    const module = ['--nsm-root', join(this.#folder, 'root'), '--measurements', join(this.#folder, 'image.json')]
    const child = spawn(process.execPath, [
      MAIN,
      ...words,
      ...module,
      '--kms',
      kms,
      '--kms-ca',
      caFile,
      '--with-parent',
    ])
    this.#children.push(child)
    const said: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
    const ready = once(createInterface({ input: child.stdout }), 'line')
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the enclave ended: ${said.join(' ')}`)))
    await Promise.race([ready, ended])
    ended.catch(() => undefined)
    return { call: (method, params) => callOver(endpoint, method, params) }
  }

  /** What an honest boot of HONEST draws, and another one opens again: once for all tests of a stage. */
  async drawn(): Promise<Ciphertexts> {
    if (this.#drawn !== undefined) return this.#drawn
    const { ciphertext_b64, state_ciphertext_b64, address } = await (await this.enclave(HONEST)).call('generate', LENT)
    const keys = { ciphertext_b64, state_ciphertext_b64 } as Ciphertexts
    const again = await (await this.enclave(HONEST)).call('provision', { ...LENT, ...keys })
    assert.equal(again['address'], address, 'the honest configuration opens its own keys')
    this.#drawn = keys
    return keys
  }

  /** How a boot of this configuration answers to these ciphertexts: the code, or `accepted`. */
  async provisionOf(configuration: object, keys: object): Promise<ErrorCode | 'accepted'> {
    const { code } = await answerOf((await this.enclave(configuration)).call('provision', { ...LENT, ...keys }))
    return code
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(end))
    await this.world.kms.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A stage for a file. */
export function useKmsStage(policy: PolicyDocument = imagePolicy({})): () => KmsStage {
  let stage: KmsStage | undefined
  before(async function () {
    this.timeout(OPEN_MS_MAX)
    stage = await KmsStage.open(policy)
  })
  beforeEach(function () {
    this.currentTest?.timeout(OPEN_MS_MAX)
  })
  after(() => stage?.close())
  return () => {
    assert(stage !== undefined, 'the stage stands inside tests only')
    return stage
  }
}

/** What the host lends to each request. */
export const LENT = {
  aws_access_key_id: PARENT.accessKeyId,
  aws_secret_access_key: PARENT.secretAccessKey,
  aws_session_token: PARENT.sessionToken,
}

/** The code and text of a refusal; `accepted` for none. Whatever else goes wrong is not an answer. */
export async function answerOf(call: Promise<unknown>): Promise<{ code: ErrorCode | 'accepted'; message: string }> {
  try {
    await call
    return { code: 'accepted', message: '' }
  } catch (error) {
    if (error instanceof CodedError) return { code: error.code, message: error.message }
    throw error
  }
}

async function callOver(endpoint: string, method: string, params: object): Promise<Message> {
  const socket = await rawSocket(endpoint)
  const reader = new FrameReader()
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  socket.on('data', (chunk) => {
    for (const frame of reader.push(chunk)) resolve(frame)
  })
  socket.once('close', () => reject(new Error('the enclave closed without an answer')))
  socket.write(encodeFrame(encodeMessage({ method, params } as Message, 'json')))
  const { message } = decodeMessage(await promise)
  socket.destroy()
  const { error, result } = message as { error?: { code: ErrorCode; message: string }; result?: Message }
  if (error !== undefined) throw new CodedError(error.code, error.message)
  assert(result !== undefined, 'a result or an error')
  return result
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
