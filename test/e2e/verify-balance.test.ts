import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { STAGES } from '../../queues/names.ts'
import { WORLD } from '../../scripts/chain/world.ts'
import { said } from './authority-world.ts'
import { chainOf, ether, PAYEES, startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 120_000
const WAIT_MS_MAX = 60_000
const CREDIT = '0.01'

describe('a balance statement against the chain, in one command', function () {
  this.timeout(WORLD_MS_MAX)
  let world: World
  let file: string
  const paid = (wei: bigint) =>
    until(
      `${wei} wei paid`,
      async () => {
        const ledger = (await world.status())?.ledger
        return ledger?.paidWei === wei && ledger.unlanded === null ? true : undefined
      },
      WAIT_MS_MAX,
    )
  const verify = async (...words: string[]) =>
    (await said(['verify-balance', file, '--anchor', world.config.anchor, ...words])).value
  const onChain = (...words: string[]) => verify('--rpc', world.chain.url, ...words)

  before(async () => {
    world = await startWorld()
    file = join(world.dataDir, 'statement.json')
    for (const name of ['supervisor', ...STAGES] as const) await world.start(name)
    world.credit(1, CREDIT)
    await paid(BigInt(PAYEES) * ether(CREDIT))
    const { code } = await said(['prove-balance', 'orch-1', '--out', file, '--data', world.dataDir])
    expect(code).to.equal(0)
  })
  after(() => world?.stop())

  it('is final once the block of its header is, and says how many commits are newer', async () => {
    const isFinal = async () => ((await onChain()).landing === 'final' ? true : undefined)
    await until('a final block', isFinal, WAIT_MS_MAX)
    const proven = { verdict: 'proven', id: 'orch-1', landing: 'final', creditedWei: ether(CREDIT).toString() }
    expect(await onChain()).to.include({ ...proven, newerCommits: 0 })
    expect((await onChain('--depth', '100000')).landing).to.equal('provisional')
    world.credit(1, CREDIT)
    await paid(2n * BigInt(PAYEES) * ether(CREDIT))
    expect(await onChain()).to.include({ ...proven, newerCommits: 1 })
  })

  it('is refused for another account, another anchor, a changed amount, and a header that never landed', async () => {
    expect((await onChain('--id', 'orch-0')).fault).to.equal('OTHER_ACCOUNT')
    const elsewhere = ['verify-balance', file, '--rpc', world.chain.url, '--anchor', WORLD.ticketBroker.toLowerCase()]
    expect((await said(elsewhere)).code).to.equal(1)
    const honest = readFileSync(file, 'utf8')
    const landing = await chainOf(world).landingOf(JSON.parse(honest).header.sequence)
    expect((await onChain('--from-block', `${(landing?.blockNumber ?? 0) + 1}`)).fault).to.equal('NOT_LANDED')
    const amount = ether(CREDIT).toString()
    writeFileSync(file, honest.replace(`"creditedWei":"${amount}"`, `"creditedWei":"1${amount}"`))
    expect((await onChain()).fault).to.equal('PROOF_INVALID')
    writeFileSync(file, honest)
    expect((await onChain()).verdict).to.equal('proven')
  })

  it('wants an endpoint or a hash, and not both; offline it says whose word it goes by', async () => {
    const next = JSON.parse(readFileSync(file, 'utf8')).headerHash
    const offline = ['--next', next, '--chain-id', `${world.config.chainId}`]
    expect(await verify(...offline)).to.include({ verdict: 'proven', landing: 'given', newerCommits: null })
    expect((await verify()).code).to.equal('CONFIG_INVALID')
    expect((await onChain(...offline)).code).to.equal('CONFIG_INVALID')
    expect((await verify('--next', next)).code).to.equal('CONFIG_INVALID')
  })
})
