/** A guardian at the command line, before there is a ledger and when endpoints are down. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { wei, ZERO_WEI } from '../../enclave/protocol/money.ts'
import { readKey } from '../../reporter/key.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { CHAIN_ID } from '../../scripts/chain/evm.ts'
import { fundGasFloat, setupChain } from '../../scripts/chain/setup.ts'
import { chainWorkshop } from './chain-harness.ts'
import { type Said, typed } from './cli-run.ts'

const SUITE_MS_MAX = 180_000
/** Nothing listens there. */
const DEAD_URL = 'http://127.0.0.1:1'
const AUTHORITY = `0x${'a7'.repeat(20)}`
const GUARDIAN_KEY = '07'.repeat(32)
const STRANGER_KEY = '08'.repeat(32)

describe('A guardian who types', function () {
  this.timeout(SUITE_MS_MAX)
  const workshop = chainWorkshop()
  let folder: string
  let url: string
  let anchor: string

  /** A data folder with nothing but settings: a guardian has no more. */
  function dataWith(name: string, rpcUrls: readonly string[], chainId = CHAIN_ID): string {
    const data = join(folder, name)
    mkdirSync(data)
    const settings = { chainId, anchor, rpcUrls, enclaveEndpoint: 'unix:///nowhere.sock' }
    writeFileSync(join(data, 'host.json'), JSON.stringify(settings))
    for (const [owner, key] of Object.entries({ guardian: GUARDIAN_KEY, stranger: STRANGER_KEY }))
      writeFileSync(join(data, `${owner}.key`), key, { mode: 0o600 })
    return data
  }

  const guardian = (data: string, words: string, owner = 'guardian'): Promise<Said> =>
    typed(['guardian', ...words.split(' '), '--key-file', join(data, `${owner}.key`), '--data', data])

  before(async () => {
    folder = await workshop.folder()
    url = (await workshop.start({ dataDir: await workshop.folder() })).url
    const { address } = await readKey({ file: undefined, text: GUARDIAN_KEY })
    const transcoders = [devAccount(12).address]
    anchor = (
      await setupChain(url, { guardian: address, transcoders, roundLengthBlocks: 15n, treasuryWei: ZERO_WEI })
    ).anchor.toLowerCase()
  })
  after(() => workshop.clear())

  it('is told which endpoint said what when none serves the chain, and nothing is signed', async () => {
    const dead = dataWith('dead', [DEAD_URL])
    const other = dataWith('other', [url], CHAIN_ID + 1)
    for (const words of ['check', 'freeze', `appoint ${AUTHORITY}`]) {
      expect((await guardian(dead, words)).err, words).to.match(/^RPC_FAILED: .*failed from 127\.0\.0\.1:1\./)
      expect((await guardian(other, words)).err, words).to.contain(`got chain ${CHAIN_ID} from 127.0.0.1`)
    }
  })

  it('is served by the next endpoint when the first is down', async () => {
    const data = dataWith('second', [DEAD_URL, url])
    expect((await guardian(data, 'check')).code).to.equal(0)
    expect((await guardian(data, 'check', 'stranger')).code).to.equal(1)
  })

  it('is refused by the node, and told so, while the account has no ether', async () => {
    const { code, err } = await guardian(dataWith('poor', [url]), 'freeze')
    expect(code).to.equal(1)
    expect(err).to.match(/^RPC_FAILED: expected the node to take the transaction/)
  })

  it('appoints the first authority, once, and nobody else does', async () => {
    for (const key of [GUARDIAN_KEY, STRANGER_KEY]) {
      const { address } = await readKey({ file: undefined, text: key })
      await fundGasFloat(url, { authority: address, amountWei: wei(10n ** 18n) })
    }
    const data = dataWith('rich', [url])
    expect((await guardian(data, `appoint ${AUTHORITY}`, 'stranger')).err).to.contain('AnchorNotGuardian')
    expect((await guardian(data, `appoint ${AUTHORITY}`)).out).to.match(/^appoint landed in block \d+/)
    expect((await guardian(data, `appoint 0x${'a8'.repeat(20)}`)).err).to.contain('AnchorAuthoritySet')
  })
})
