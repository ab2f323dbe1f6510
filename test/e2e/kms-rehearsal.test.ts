import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createPublicClient, http } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { attestationDigestOf, imageDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { type Address, type Hash, toAddress } from '../../enclave/protocol/ids.ts'
import type { HostConfig } from '../../host/config.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { configureEnclave, lentForRelease } from '../../host/key-release.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { KEY_ID, type KmsProcess, REGION } from '../stand-ins/kms/start.ts'
import { imagePcrs } from '../stand-ins/kms/world.ts'
import { answerOf } from './cli-run.ts'
import { kmsFor, lendAws, type Machine, openMachine, type RunningEnclave } from './kms-world.ts'
import { ether, startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000
const STEP_MS_MAX = 60_000
const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const
const [OLD_IMAGE, NEW_IMAGE, STRANGE_IMAGE] = [0x11, 0x31, 0x51]

describe('A ledger whose keys KMS releases under attestation', function () {
  this.timeout(WORLD_MS_MAX)
  let takeBack = () => {}
  let machine: Machine
  let kms: KmsProcess
  let enclave: RunningEnclave
  let world: World
  let laid: { readonly policy: string; readonly roster: string; readonly before: string }
  const refusals = new Map<string, string>()

  const command = (...words: string[]) => answerOf([...words, '--data', world.dataDir])

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    takeBack = lendAws()
    machine = openMachine()
    world = await startWorld({
      settings: { enclaveProcess: 'none' },
      keyRelease: { keyId: KEY_ID, region: REGION, keyVersion: 1 },
      drawKeys: async (config) => {
        kms = await kmsFor(machine, config, { images: [OLD_IMAGE] }, undefined)
        enclave = await machine.start({ endpoint: config.enclaveEndpoint, image: OLD_IMAGE, kms })
        for (const [name, [words, environment]] of Object.entries(wrongWays(config))) {
          const answer = await answerOf(['provision', ...words, '--data', config.paths.root], environment)
          refusals.set(name, answer.value.code)
        }
        laid = layFiles(config)
        const words = ['--prepare', '--policy', laid.policy, '--roster', laid.roster]
        expect((await answerOf(['provision', ...words, '--data', config.paths.root])).code).to.equal(0)
        const { code, value } = await answerOf([
          ...['provision', '--generate', '--kms-key-id', KEY_ID],
          ...['--data', config.paths.root],
        ])
        expect(code, JSON.stringify(value)).to.equal(0)
        return toAddress(value.authority) as Address
      },
    })
  })
  after(async () => {
    await world?.stop()
    await machine?.stop()
    await kms?.stop()
    takeBack()
  })

  async function paid(total: string): Promise<void> {
    await until(
      `${total} ether paid`,
      async () => ((await world.status())?.ledger?.paidWei === ether(total) ? true : undefined),
      STEP_MS_MAX,
    )
  }

  /** The documents that the host kept, by epoch. */
  function documents(): readonly Uint8Array[] {
    const folder = world.config.paths.attestations
    const byEpoch = (left: string, right: string) => Number.parseInt(left, 10) - Number.parseInt(right, 10)
    return readdirSync(folder)
      .sort(byEpoch)
      .map((name) => readFileSync(join(folder, name)))
  }

  /** What the anchor's event says of the document behind a session. */
  async function digestOnChain(epoch: number): Promise<string | undefined> {
    const [address, toBlock] = [world.config.anchor, 'latest'] as const
    const rpc = createPublicClient({ transport: http(world.chain.url) })
    const event = { address, abi: ANCHOR_ABI, eventName: 'SessionOpened', args: { epoch } } as const
    const [opened] = await rpc.getContractEvents({ ...event, fromBlock: 0n, toBlock })
    return opened?.args.attestationDigest
  }

  function judged(document: Uint8Array, image: number) {
    const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(image).get(index) as Uint8Array) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const measurements = [{ name: 'expected', pcr0, pcr1, pcr2 }]
    return verifyUnder(
      document,
      { mode: 'archived', measurements, nonce: 'unchecked', binding: 'unchecked' },
      machine.rootPin,
    )
  }

  it('says what is wrong with a provisioning, and leaves the enclave as cold as it was', () => {
    expect(Object.fromEntries(refusals)).to.deep.equal({
      'no credentials': 'AWS_CREDENTIALS',
      'credentials of somebody else': 'KMS_REFUSED',
      'another key': 'CONFIG_INVALID',
      'an alias': 'CONFIG_INVALID',
      'another region': 'CONFIG_INVALID',
      'a key from outside': 'CONFIG_INVALID',
      'an enclave that is not there': 'ENCLAVE_GONE',
      'a setting of the old script': 'CONFIG_INVALID',
    })
  })

  it('lays the ledger that its policy and roster describe, and no other one over it', async () => {
    expect(readFileSync(world.config.enclaveConfig, 'utf8')).to.equal(laid.before)
    const again = await command('provision', '--generate', '--policy', laid.policy, '--kms-key-id', KEY_ID)
    expect(again.value.code).to.equal('CONFIG_INVALID')
  })

  it('draws its keys in an enclave that KMS knows by its image, and never over keys that are there', async () => {
    expect((await command('provision', '--generate')).value.code).to.equal('CONFIG_INVALID')
    const keys = readFileSync(world.config.paths.keyFile, 'utf8')
    expect(JSON.parse(keys).address).to.equal(world.authority)
  })

  it('boots, opens a session whose document the chain names, and pays', async () => {
    await world.start('supervisor')
    for (const name of STAGES) await world.start(name)
    world.credit(1, '0.1')
    await paid('0.3')
    const [first] = documents()
    expect(first).to.not.equal(undefined)
    expect(judged(first as Uint8Array, OLD_IMAGE).mode).to.equal('archived')
    expect(await digestOnChain(1)).to.equal(attestationDigestOf(first as Uint8Array))
  })

  it('refuses to be provisioned a second time', async () => {
    const client = openEnclaveClient(world.config.enclaveEndpoint)
    const { ciphertext_b64, state_ciphertext_b64 } = JSON.parse(readFileSync(world.config.paths.keyFile, 'utf8'))
    const lent = await lentForRelease(world.config)
    const again = client.call('provision', { ciphertext_b64, state_ciphertext_b64, ...lent })
    expect(await codeOfCall(again)).to.equal('PHASE_FORBIDS')
    client.close()
  })

  it('gives its keys to no image that the key policy does not name', async () => {
    expect(await released(STRANGE_IMAGE)).to.equal('KMS_REFUSED')
  })

  it('goes over to the next image in the steps of the runbook, and the old one is left without keys', async () => {
    kms = await kmsFor(machine, world.config, { images: [OLD_IMAGE, NEW_IMAGE] }, kms)
    const { epoch } = (await world.status())?.ledger ?? { epoch: 0 }
    await enclave.kill()
    enclave = await machine.start({ endpoint: world.config.enclaveEndpoint, image: NEW_IMAGE, kms })
    await until(
      'the next image is active',
      async () =>
        (await world.status())?.ledger?.epoch === epoch + 1 && (await world.status())?.phase === 'active'
          ? true
          : undefined,
      STEP_MS_MAX,
    )
    world.credit(1, '0.1')
    await paid('0.6')
    expect(judged(documents().at(-1) as Uint8Array, NEW_IMAGE).imageDigest).to.equal(digestOf(NEW_IMAGE))
    const audited = await command('audit', 'verify')
    expect(audited.value).to.include({ verdict: 'clean' })
    expect(audited.value.ledger.imageDigest).to.equal(digestOf(NEW_IMAGE))
    kms = await kmsFor(machine, world.config, { images: [NEW_IMAGE] }, kms)
    expect(await released(OLD_IMAGE)).to.equal('KMS_REFUSED')
    expect(await released(NEW_IMAGE)).to.equal('accepted')
  })

  /** What another enclave of this image hears when it asks for the ledger's keys. */
  async function released(image: number): Promise<string> {
    const endpoint = `unix://${join(machine.folder, `image-${image}.sock`)}`
    const other = await machine.start({ endpoint, image, kms })
    const client = openEnclaveClient(endpoint)
    try {
      await configureEnclave(client, world.config.enclaveConfig, await client.call('status', {}))
      const { ciphertext_b64, state_ciphertext_b64 } = JSON.parse(readFileSync(world.config.paths.keyFile, 'utf8'))
      const lent = await lentForRelease(world.config)
      return await codeOfCall(client.call('provision', { ciphertext_b64, state_ciphertext_b64, ...lent }))
    } finally {
      client.close()
      await other.kill()
    }
  }
})

const OTHER_KEY = KEY_ID.replace(/.$/, '2')

/** Each differs from the right way in one thing. */
function wrongWays(config: HostConfig): { readonly [name: string]: readonly [readonly string[], NodeJS.ProcessEnv?] } {
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...bare } = process.env
  const generate = ['--generate']
  const nowhere = `unix://${config.paths.root}/nowhere.sock`
  return {
    'no credentials': [generate, { ...bare, AWS_EC2_METADATA_DISABLED: 'true' }],
    'credentials of somebody else': [generate, { ...process.env, AWS_SECRET_ACCESS_KEY: 'a guess' }],
    'another key': [[...generate, '--kms-key-id', OTHER_KEY]],
    'an alias': [[...generate, '--kms-key-id', 'alias/anchorhold']],
    'another region': [[...generate, '--region', 'us-east-1']],
    'a key from outside': [['--ciphertext-b64', 'AAAA']],
    'an enclave that is not there': [[...generate, '--endpoint', nowhere]],
    'a setting of the old script': [[...generate, '--credit-reporter', `0x${'11'.repeat(20)}`]],
  }
}

/** The policy and the roster of the world's genesis, as an operator writes them; its own files are taken away. */
function layFiles(config: HostConfig) {
  const { policy, roster } = JSON.parse(readFileSync(config.genesis, 'utf8'))
  const files = { policy: `${config.paths.root}/policy.json`, roster: `${config.paths.root}/roster.json` }
  const byId = Object.fromEntries(roster.map(({ id, recipient }: { id: string; recipient: string }) => [id, recipient]))
  writeFileSync(files.policy, JSON.stringify(policy))
  writeFileSync(files.roster, JSON.stringify(byId))
  const before = readFileSync(config.enclaveConfig, 'utf8')
  rmSync(config.genesis)
  rmSync(config.enclaveConfig)
  return { ...files, before }
}

function digestOf(image: number): Hash {
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(image).get(index) as Uint8Array)
  return imageDigestOf(pcr0 as Uint8Array, pcr1 as Uint8Array, pcr2 as Uint8Array)
}
