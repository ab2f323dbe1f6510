import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bytesToHex } from 'viem'
import type { Address } from '../../enclave/protocol/ids.ts'
import { isRebuildAsked } from '../../host/rebuild.ts'
import { readOwnKeys } from '../../host/rotation.ts'
import { readKey } from '../../reporter/key.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { said } from '../e2e/authority-world.ts'
import { ether, until } from '../e2e/pipeline-world.ts'
import { arm, CELL_MS_MAX, died, onLyingDisk } from './disk/child.ts'
import { Machine, SETTLED_MS_MAX } from './disk/machine.ts'
import { ROTATION_GIVEN_UP, ROTATION_NOTE, TAKEOVER_STEPS } from './disk/rotation-steps.ts'
import { FAULTS, type Fault, faultsAt, orderOf, REBUILD_STEPS, type Step } from './disk/steps.ts'

const ROTATE_PROGRAM = join(import.meta.dirname, 'disk', 'rotate-process.ts')
const ADMIN_KEY = '7'.repeat(64)

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `goes over to one authority, and pays each credit once, after a death before ${name}`,
  after: (name) => `goes over to one authority, and pays each credit once, after a death right after ${name}`,
  torn: (name) => `goes over to one authority, and pays each credit once, after a death half way through ${name}`,
  lost: (name) => `goes over to one authority, and pays each credit once, after a power cut before ${name} is safe`,
  repeated: (name) => `goes over to one authority, and pays each credit once, after two deaths right after ${name}`,
}
/** A removal has no half, and nothing on the disk undoes it: a power cut is like a death. */
const REMOVAL_FAULTS = ['before', 'after', 'repeated'] as const

/** Under an approval: it is good for one epoch, so a boot must never need it twice. */
const APPROVED_STEPS = REBUILD_STEPS.slice(-2)

/** A boot passes again only what it writes anew: a name that was given, and what was rebuilt, stay. */
function takeoverFaults(step: Step): readonly Fault[] {
  if (step.isOutOfHand === true) return ['before', 'after']
  const isAgain = TAKEOVER_STEPS.includes(step) && step.begins.operation === 'write'
  return FAULTS.filter((fault) => isAgain || fault !== 'repeated')
}

describe('a rotation on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine
  const keyFiles = { admin: '', guardian: '' }

  before(async () => {
    const admin = await readKey({ file: undefined, text: ADMIN_KEY })
    machine = await Machine.start({}, { admins: [admin.address], quorum: 1 })
    const guardian = devAccount(DEV_ACCOUNTS.guardian) as unknown as { getHdKey(): { privateKey: Uint8Array } }
    keyFiles.admin = put('admin.key', ADMIN_KEY)
    keyFiles.guardian = put('guardian.key', bytesToHex(guardian.getHdKey().privateKey))
    await machine.start('supervisor')
    await machine.start('stages')
    machine.credit()
    await machine.expectExact()
  })
  after(() => machine?.stop())

  const paths = () => machine.world.config.paths
  const file = (name: string) => join(machine.world.dataDir, name)
  function put(name: string, text: string): string {
    writeFileSync(file(name), text, { mode: 0o600 })
    return file(name)
  }

  async function done(...words: string[]): Promise<{ readonly [name: string]: string }> {
    const { code, value } = await said([...words, '--data', machine.world.dataDir])
    if (code !== 0) throw new Error(`${words.join(' ')}: ${JSON.stringify(value)}`)
    return value
  }

  /** Everything before the old enclave signs: next keys with a fresh state key, the quorum's word and the guardian's. */
  async function readyToRotate(): Promise<Address> {
    // Those of a rotation that was given up are there still.
    const drawn = await readOwnKeys(paths().nextKeyFile)
    const authority = drawn?.authority ?? ((await done('provision', '--next', '--fresh-state'))['authority'] as Address)
    await fundGasFloat(machine.chain.url, { authority, amountWei: ether('1') })
    const act = file('approval.json')
    await done('admin', 'rotate-approval', 'propose', '--new-authority', authority, '--out', act)
    await said(['admin', 'sign', act, '--key-file', keyFiles.admin, '--yes'])
    await done('guardian', 'approve', authority, '--key-file', keyFiles.guardian)
    return authority
  }

  const rotateProcess = (words: readonly string[], order?: Parameters<typeof onLyingDisk>[2]) =>
    onLyingDisk(machine.world.dataDir, [ROTATE_PROGRAM, 'rotate', ...words, '--data', machine.world.dataDir], order)

  async function strikeCommand(step: Step, fault: Fault, ...words: string[]): Promise<void> {
    const times = fault === 'repeated' ? 2 : 1
    for (let time = 0; time < times; time++)
      await died(rotateProcess(words, orderOf(step, fault, [])), TITLES[fault](step.name))
  }

  async function expectTakenOver(authority: Address): Promise<void> {
    const isActive = async () => {
      const status = await machine.world.status()
      return status?.phase === 'active' && status.address === authority ? true : undefined
    }
    await until(`${authority} is active`, isActive, SETTLED_MS_MAX)
    expect((await machine.facts.facts(authority)).authority).to.equal(authority)
    expect((await readOwnKeys(paths().keyFile))?.authority).to.equal(authority)
    expect(existsSync(paths().nextKeyFile)).to.equal(false)
    await until('no request is left', async () => !(await isRebuildAsked(paths())) || undefined, SETTLED_MS_MAX)
    await machine.expectNextCommit()
    await machine.expectExact()
  }

  for (const [at, step] of [...TAKEOVER_STEPS, ...APPROVED_STEPS].entries()) {
    for (const fault of faultsAt(takeoverFaults(step), at)) {
      it(TITLES[fault](step.name), async () => {
        const authority = await readyToRotate()
        const supervisor = machine.child('supervisor')
        const order = orderOf(step, fault, [machine.child('stages').pid ?? 0])
        await arm(supervisor, order)
        await done('rotate', file('approval.json'))
        await died(supervisor, TITLES[fault](step.name))
        if (fault === 'lost') await machine.restart('stages')
        if (fault === 'repeated') await died(await machine.start('supervisor', order), 'a second boot')
        await machine.restart('supervisor')
        await expectTakenOver(authority)
      })
    }
  }

  for (const fault of faultsAt(FAULTS, 1)) {
    it(TITLES[fault](ROTATION_NOTE.name), async () => {
      // Rotations come months apart: within one process the pause between boots would grow from cell to cell.
      await machine.restart('supervisor')
      const authority = await readyToRotate()
      await strikeCommand(ROTATION_NOTE, fault, file('approval.json'))
      expect((await machine.world.status())?.phase, 'nothing was signed').to.equal('active')
      await done('rotate', file('approval.json'))
      await expectTakenOver(authority)
    })
  }

  for (const fault of faultsAt(REMOVAL_FAULTS, 0)) {
    it(`keeps its old keys when a rotation is given up: ${TITLES[fault](ROTATION_GIVEN_UP.name)}`, async () => {
      const before = (await machine.world.status())?.address
      await readyToRotate()
      await strikeCommand(ROTATION_NOTE, 'after', file('approval.json'))
      await strikeCommand(ROTATION_GIVEN_UP, fault, '--give-up')
      await done('rotate', '--give-up')
      await machine.restart('supervisor')
      expect((await machine.world.status())?.address).to.equal(before)
      await machine.expectNextCommit()
      await machine.expectExact()
    })
  }
})
