import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { bytesToHex } from 'viem'
import { imageDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { type Address, type Hash, toAddress } from '../../enclave/protocol/ids.ts'
import { bootEnclave } from '../../host/boot.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { openContext } from '../../host/context.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { configureEnclave, lentForRelease } from '../../host/key-release.ts'
import { openLog } from '../../host/log.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { KEY_ID, type KmsProcess, REGION } from '../stand-ins/kms/start.ts'
import { imagePcrs } from '../stand-ins/kms/world.ts'
import { type Authority, eventLines, STAGES, said, startAuthority } from './authority-world.ts'
import { answerOf } from './cli-run.ts'
import { kmsFor, lendAws, type Machine, openMachine, type RunningEnclave } from './kms-world.ts'
import { chainOf, ether, kill, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 300_000
const STEP_MS_MAX = 60_000
const [IMAGE, OTHER_IMAGE] = [0x11, 0x51]

describe('Keys of KMS that are rotated', function () {
  this.timeout(WORLD_MS_MAX)
  let takeBack = () => {}
  let machine: Machine
  let kms: KmsProcess
  let enclave: RunningEnclave
  let stage: Authority
  let supervisor: ChildProcess
  let guardianKey: string
  let first: Address
  let second: Address
  let third: Address

  const ask: Authority['ask'] = (...words) => stage.ask(...words)
  const paths = () => stage.world.config.paths
  const file = (name: string) => join(stage.world.dataDir, name)
  const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
  const report = (from: number, count: number) =>
    ask('report', stage.put('events.jsonl', eventLines(from, count, '0.05')), '--batch', '--key-file', reporterKey())
  const reporterKey = () => stage.people.reporter.keyFile
  const right = () => file('right.json')
  const facts = () => chainOf(stage.world).facts(first)

  /** KMS knows one image and these versions. */
  async function admit(config: HostConfig, ...versions: readonly number[]): Promise<void> {
    kms = await kmsFor(machine, config, { images: [IMAGE], versions }, kms)
  }

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    takeBack = lendAws()
    machine = openMachine()
    stage = await startAuthority({
      settings: { enclaveProcess: 'none' },
      keyRelease: { keyId: KEY_ID, region: REGION, keyVersion: 1 },
      drawKeys: async (config) => {
        await admit(config, 1)
        enclave = await machine.start({ endpoint: config.enclaveEndpoint, image: IMAGE, kms })
        const { value } = await said(['provision', '--generate', '--data', config.paths.root])
        return toAddress(value.authority) as Address
      },
    })
    first = stage.world.authority
    const key = devAccount(DEV_ACCOUNTS.guardian) as unknown as { getHdKey(): { privateKey: Uint8Array } }
    guardianKey = stage.put('guardian.key', bytesToHex(key.getHdKey().privateKey))
    supervisor = await stage.world.start('supervisor')
    await activeAs(first)
    for (const name of STAGES) await stage.world.start(name)
    await report(1, 6)
    await stage.paid(ether('0.3'))
  })
  after(async () => {
    await stage?.world.stop()
    await machine?.stop()
    await kms?.stop()
    takeBack()
  })

  async function activeAs(authority: Address): Promise<void> {
    const isActive = async () => {
      const status = await stage.world.status()
      return status?.phase === 'active' && status.address === authority ? true : undefined
    }
    await until(`${authority} is active`, isActive, STEP_MS_MAX)
  }

  /** A process of its own takes the place of the one that signed itself away. */
  async function restartEnclave(): Promise<void> {
    await enclave.kill()
    enclave = await machine.start({ endpoint: stage.world.config.enclaveEndpoint, image: IMAGE, kms })
  }

  /** `provision --next` in a second enclave, which is gone afterwards. */
  async function provisionNext(...words: string[]) {
    const endpoint = `unix://${join(machine.folder, 'next.sock')}`
    const beside = await machine.start({ endpoint, image: IMAGE, kms })
    const answer = await ask('provision', '--next', '--endpoint', endpoint, ...words)
    await beside.kill()
    return answer
  }

  async function proposed(name: string, authority: Address, ...words: string[]): Promise<string> {
    const answer = await ask(
      ...['admin', 'rotate-approval', 'propose', '--new-authority', authority, '--out', file(name), ...words],
    )
    expect(answer, JSON.stringify(answer)).to.include({ exit: 0 })
    return file(name)
  }

  /** What another enclave hears that asks for the keys in `keyFile` under the configuration in `configFile`. */
  async function released(keyFile: string, configFile: string): Promise<string> {
    const endpoint = `unix://${join(machine.folder, 'other.sock')}`
    const other = await machine.start({ endpoint, image: IMAGE, kms })
    const client = openEnclaveClient(endpoint)
    try {
      await configureEnclave(client, configFile, await client.call('status', {}))
      const { ciphertext_b64, state_ciphertext_b64 } = json(keyFile)
      const lent = await lentForRelease({ ...stage.world.config, enclaveConfig: configFile })
      return await codeOfCall(client.call('provision', { ciphertext_b64, state_ciphertext_b64, ...lent }))
    } finally {
      client.close()
      await other.kill()
    }
  }

  /** How a boot under the present folder ends, where no supervisor runs. */
  async function bootCode(config: HostConfig = stage.world.config): Promise<string> {
    const context = openContext(config, openLog({ level: 'silent', name: 'boot' }))
    try {
      return await codeOfCall(bootEnclave(context))
    } finally {
      await context.close()
    }
  }

  it('draws next keys in no enclave that has keys, and takes no version for a state key that stays', async () => {
    const endpoint = stage.world.config.enclaveEndpoint
    const wrong: readonly (readonly string[])[] = [
      ['--next'],
      ['--next', '--endpoint', endpoint],
      ['--next', '--endpoint', 'unix:///nowhere.sock', '--key-version', '2'],
      ['--next', '--endpoint', 'unix:///nowhere.sock', '--fresh-state', '--key-version', '0'],
      ['--next', '--endpoint', 'unix:///nowhere.sock', '--fresh-state', '--kms-key-id', 'alias/anchorhold'],
      ['--next', '--role', 'signer', '--endpoint', 'unix:///nowhere.sock'],
      ['--generate', '--fresh-state'],
    ]
    for (const words of wrong)
      expect((await ask('provision', ...words)).code, words.join(' ')).to.equal('CONFIG_INVALID')
    const nowhere = await ask('provision', '--next', '--endpoint', `unix://${machine.folder}/nowhere.sock`)
    expect(nowhere.code).to.equal('ENCLAVE_GONE')
  })

  it('goes over to another authority under the same state key, by quorum and guardian together', async () => {
    second = (await provisionNext()).authority
    await fundGasFloat(stage.world.chain.url, { authority: second, amountWei: ether('1') })
    const approval = await proposed('second.json', second)
    expect(json(approval).fields.imageDigest).to.equal(digestOf(IMAGE))
    await stage.sign(approval, 'admin1')
    expect((await ask('rotate', approval)).done, 'without the guardian').to.equal(false)
    expect((await ask('guardian', 'approve', second, '--key-file', guardianKey)).exit).to.equal(0)
    expect((await ask('rotate', approval)).code, 'without a quorum').to.equal('ACT_INVALID')
    await stage.sign(approval, 'admin3')
    expect(await ask('rotate', approval)).to.include({ exit: 0, done: true, newAuthority: second })
    await restartEnclave()
    await activeAs(second)
    await report(7, 3)
    await stage.paid(ether('0.45'))
    expect((await facts()).authority).to.equal(second)
  })

  it('leaves the old keys with a session that the anchor refuses', async () => {
    const clone = cloneOf(stage.world.config, machine.folder)
    renameSync(join(clone.paths.keys, `before-${second}.json`), clone.paths.keyFile)
    const other = await machine.start({ endpoint: clone.enclaveEndpoint, image: IMAGE, kms })
    const context = openContext(clone, openLog({ level: 'silent', name: 'clone' }))
    const verdicts: string[] = []
    const simulate: typeof context.chain.simulate = async (from, call) => {
      const verdict = await context.chain.simulate(from, call)
      verdicts.push(JSON.stringify(verdict))
      throw new Stopped()
    }
    const boot = bootEnclave({ ...context, chain: { ...context.chain, simulate } })
    expect(await boot.catch((error: unknown) => error)).to.be.instanceOf(Stopped)
    expect(verdicts[0]).to.match(/AnchorBadSignature/)
    await context.close()
    await other.kill()
  })

  it('draws no key of a version that the key policy does not admit', async () => {
    const refused = await provisionNext('--fresh-state', '--key-version', '2')
    expect(refused.code).to.equal('KMS_REFUSED')
    await admit(stage.world.config, 1, 2)
    const drawn = await provisionNext('--fresh-state', '--key-version', '2')
    expect(drawn, JSON.stringify(drawn)).to.include({ exit: 0 })
    third = drawn.authority
    const [now, next] = [json(file('enclave.json')), json(file('enclave.next.json'))]
    expect(next).to.deep.equal({ ...now, keyRelease: { ...now.keyRelease, keyVersion: 2 } })
    expect(json(paths().nextKeyFile).log_key).to.equal(drawn.logKey)
    await fundGasFloat(stage.world.chain.url, { authority: third, amountWei: ether('1') })
  })

  it('signs nothing over for a log key that is not that of the waiting keys', async () => {
    const { logKey } = json(await proposed('third.json', third)).fields
    expect(logKey).to.equal(json(paths().nextKeyFile).log_key)
    const other = await proposed('other-log.json', third, '--log-key', `0x${'ab'.repeat(32)}`)
    await stage.sign(other, 'admin1', 'admin3')
    expect((await ask('guardian', 'approve', third, '--key-file', guardianKey)).exit).to.equal(0)
    expect((await ask('rotate', other)).code).to.equal('ACT_INVALID')
    expect((await stage.world.status())?.phase).to.equal('active')
  })

  it('rebuilds under keys of the next version for no approval but the quorum’s own for log key and image', async () => {
    const wrong = await proposed('other-image.json', third, '--image', digestOf(OTHER_IMAGE))
    await stage.sign(wrong, 'admin1', 'admin3')
    expect(await ask('rotate', wrong)).to.include({ exit: 0, done: true, newAuthority: third })
    await kill(supervisor)
    await restartEnclave()
    expect(await bootCode(), 'for another image').to.equal('ROTATION_INVALID')
    const note = join(paths().control, 'rotation.json')
    const kept = json(note)
    for (const [why, over] of Object.entries({
      'for another log key': { logKey: `0x${'ab'.repeat(32)}` },
      'with fields that were not signed': { imageDigest: digestOf(IMAGE) },
      'by one of the quorum': { signatures: kept.approval.signatures.slice(0, 1) },
    })) {
      writeFileSync(note, JSON.stringify({ ...kept, approval: { ...kept.approval, ...over } }))
      expect(await bootCode(), why).to.be.oneOf(['ROTATION_INVALID', 'QUORUM_INVALID'])
    }
    rmSync(note)
    expect(await bootCode(), 'without one').to.equal('ROTATION_INVALID')
  })

  it('goes on with every balance kept once the right approval is there', async () => {
    await proposed('right.json', third)
    expect(json(right()).fields).to.include({ epoch: (await facts()).epoch, imageDigest: digestOf(IMAGE) })
    await stage.sign(right(), 'admin2', 'admin3')
    expect(await ask('rotate', right())).to.include({ exit: 0, done: true, newAuthority: third })
    supervisor = await stage.world.start('supervisor')
    await activeAs(third)
    expect(json(file('enclave.json')).keyRelease.keyVersion).to.equal(2)
    for (const at of [0, 1, 2])
      expect(await ask('balance', `orch-${at}`)).to.include({
        credited_wei: ether('0.15').toString(),
        paid_wei: ether('0.15').toString(),
        balance_wei: '0',
      })
    await report(1, 12)
    await stage.paid(ether('0.6'))
  })

  it('opens no old ciphertext once the policy names the new version alone, and boots again', async () => {
    const old = {
      keys: join(paths().keys, `before-${third}.json`),
      config: file(`enclave.before-${third}.json`),
    }
    expect(await released(old.keys, old.config), 'while both versions are admitted').to.equal('accepted')
    await admit(stage.world.config, 2)
    expect(await released(old.keys, old.config)).to.equal('KMS_REFUSED')
    expect(await released(old.keys, file('enclave.json')), 'under the new version').to.equal('KEY_CIPHERTEXT')
    const { epoch } = await facts()
    await restartEnclave()
    await until('another session', async () => ((await facts()).epoch > epoch ? true : undefined), STEP_MS_MAX)
    await activeAs(third)
    await report(13, 3)
    await stage.paid(ether('0.75'))
  })

  it('leaves a log of three authorities and two log keys with which the auditor has no quarrel', async () => {
    const { value } = await answerOf(['audit', 'verify', '--data', stage.world.dataDir])
    expect(value, JSON.stringify(value)).to.include({ verdict: 'clean' })
    const { logKey } = json(right()).fields
    expect(value.ledger).to.include({ authority: third, logKey, imageDigest: digestOf(IMAGE) })
    const rotations = value.ledger.acts.filter(({ kind }: { kind: string }) => kind === 'rotate')
    expect(rotations.map(({ text }: { text: string }) => text.replace(/^epoch \d+: /, ''))).to.deep.equal([
      `authority ${second}`,
      `authority ${third}, logKey ${logKey}`,
    ])
  })
})

class Stopped extends Error {}

/** The folder as somebody kept it, with an enclave of its own and no note of a rotation. */
function cloneOf({ paths }: HostConfig, folder: string): HostConfig {
  const root = mkdtempSync(join(tmpdir(), 'clone-'))
  for (const name of ['keys', 'sealed', 'audit', 'genesis.json', 'enclave.json', 'host.json'])
    cpSync(join(paths.root, name), join(root, name), { recursive: true })
  const settings = JSON.parse(readFileSync(join(root, 'host.json'), 'utf8'))
  return hostConfigOf(root, { ...settings, enclaveEndpoint: `unix://${join(folder, 'clone.sock')}` })
}

function digestOf(image: number): Hash {
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(image).get(index)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  return imageDigestOf(pcr0, pcr1, pcr2)
}
