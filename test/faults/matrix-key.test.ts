import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { aGenesis, anAddress } from '../builders/boot.ts'
import { kill, ROOT, until } from '../e2e/pipeline-world.ts'
import { CELL_MS_MAX, died, onLyingDisk } from './disk/child.ts'
import type { Order } from './disk/orders.ts'
import { FAULTS, type Fault, KEY_STEP, orderOf } from './disk/steps.ts'

const ANSWER_MS_MAX = 120_000
const KEY_BYTES = 32

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `opens with one key what it sealed when the first try dies before ${name}`,
  after: (name) => `opens with one key what it sealed when the first try dies right after ${name}`,
  torn: (name) => `opens with one key what it sealed when the first try dies half way through ${name}`,
  lost: (name) => `opens with one key what it sealed when the power fails before the disk has ${name}`,
  repeated: (name) => `opens with one key what it sealed when two tries die right after ${name}`,
}

describe('an enclave that draws its key on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let root = ''

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'matrix-key-'))
    mkdirSync(join(root, 'keys'))
    const genesis = aGenesis()
    const { chainId, anchor, broker } = genesis.policy
    const bound = {
      chainId,
      anchor,
      broker,
      guardian: anAddress(0xd1),
      role: 'core',
      genesisHash: genesisHash(genesis),
    }
    writeFileSync(join(root, 'enclave.json'), JSON.stringify(bound))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const endpoint = () => `unix://${join(root, 'enclave.sock')}`
  const keyFile = () => join(root, 'keys', 'wrapping.key')

  function start(order?: Order) {
    rmSync(join(root, 'enclave.sock'), { force: true })
    const options = ['--listen', endpoint(), '--config', join(root, 'enclave.json'), '--wrapping-key', keyFile()]
    return onLyingDisk(root, [join(ROOT, 'enclave', 'development', 'main.ts'), ...options], order)
  }

  async function strike(fault: Fault): Promise<void> {
    const child = start(orderOf(KEY_STEP, fault, []))
    const client = openEnclaveClient(endpoint())
    const isDead = async () => {
      await client.call('generate', {}).catch(() => undefined)
      return child.signalCode ?? undefined
    }
    await until('a dead enclave', isDead, ANSWER_MS_MAX)
    client.close()
    await died(child, TITLES[fault](KEY_STEP.name))
  }

  /** What one enclave process answers; it is killed afterwards. */
  async function ask<T>(question: (client: ReturnType<typeof openEnclaveClient>) => Promise<T>): Promise<T> {
    const child = start()
    const client = openEnclaveClient(endpoint())
    await until('an enclave', () => client.call('status', {}).catch(() => undefined), ANSWER_MS_MAX)
    const answer = await question(client)
    client.close()
    await kill(child)
    return answer
  }

  for (const fault of FAULTS) {
    it(TITLES[fault](KEY_STEP.name), async () => {
      await strike(fault)
      const left = fault === 'after' || fault === 'repeated' ? readFileSync(keyFile()) : undefined
      if (fault === 'repeated') rmSync(keyFile())
      if (fault === 'repeated') await strike(fault)
      const made = await ask((client) => client.call('generate', {}))
      const key = readFileSync(keyFile())
      expect(key).to.have.length(KEY_BYTES)
      expect(statSync(keyFile()).mode & 0o777).to.equal(0o600)
      if (fault === 'after') expect(key).to.deep.equal(left)
      const { ciphertext_b64, state_ciphertext_b64, address } = made
      const opened = await ask((client) =>
        client.call('provision', { ciphertext_b64, state_ciphertext_b64, expected_address: address }),
      )
      expect(opened.address).to.equal(address)
    })
  }
})
