import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bytesToHex } from 'viem'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { type Authority, eventLines, SETTLED_MS_MAX, STAGES, said, startAuthority } from './authority-world.ts'
import { anchorhold } from './cli-run.ts'
import { chainOf, ether, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000

describe('A ledger that goes over to other keys', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: Authority
  let guardianKey: string
  let next: string
  let old: string
  const file = () => join(stage.world.dataDir, 'approval.json')
  const report = (lines: string) =>
    stage.ask('report', stage.put('events.jsonl', lines), '--batch', '--key-file', stage.people.reporter.keyFile)

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    stage = await startAuthority()
    const key = devAccount(DEV_ACCOUNTS.guardian) as unknown as { getHdKey(): { privateKey: Uint8Array } }
    guardianKey = stage.put('guardian.key', bytesToHex(key.getHdKey().privateKey))
    old = stage.world.authority
    await stage.world.start('supervisor')
    await until(
      'active',
      async () => ((await stage.world.status())?.phase === 'active' ? true : undefined),
      SETTLED_MS_MAX,
    )
    for (const name of STAGES) await stage.world.start(name)
    await report(eventLines(1, 6, '0.05'))
    await stage.paid(ether('0.3'))
  })
  after(async () => stage?.world.stop())

  it('lets a guardian prove a key without changing anything, and finds every other key out', async () => {
    const before = await chainOf(stage.world).facts(stage.world.authority)
    expect(await stage.ask('guardian', 'check', '--key-file', guardianKey)).to.include({ exit: 0, works: true })
    expect(await stage.ask('guardian', 'check', '--key-file', stage.people.other.keyFile)).to.include({
      exit: 1,
      works: false,
    })
    const { frozen, head } = await chainOf(stage.world).facts(stage.world.authority)
    expect([frozen, head]).to.deep.equal([false, before.head])
  })

  it('freezes and goes on by the guardian alone', async () => {
    expect((await stage.ask('guardian', 'freeze', '--key-file', stage.people.other.keyFile)).code).to.equal(
      'RPC_FAILED',
    )
    expect((await stage.ask('guardian', 'freeze', '--key-file', guardianKey)).exit).to.equal(0)
    expect((await chainOf(stage.world).facts(stage.world.authority)).frozen).to.equal(true)
    expect((await stage.ask('guardian', 'check', '--key-file', guardianKey)).works).to.equal(true)
    expect((await stage.ask('guardian', 'unfreeze', '--key-file', guardianKey)).exit).to.equal(0)
  })

  it('proves a balance that a stranger checks with one hash of the chain, and no other', async () => {
    const out = join(stage.world.dataDir, 'statement.json')
    const { headerHash, header } = await stage.ask('prove-balance', 'orch-0', '--out', out)
    const landing = await chainOf(stage.world).landingOf(header.sequence)
    expect(landing?.next).to.equal(headerHash)
    const { chainId, anchor } = stage.world.config
    const verify = (next: string, ...words: string[]) =>
      said(['verify-balance', out, '--next', next, '--anchor', anchor, '--chain-id', `${chainId}`, ...words])
    expect((await verify(headerHash)).value).to.include({
      verdict: 'proven',
      id: 'orch-0',
      creditedWei: ether('0.1').toString(),
    })
    expect((await verify(`0x${'ab'.repeat(32)}`)).value).to.include({ verdict: 'invalid', fault: 'NOT_LANDED' })
    expect((await verify(headerHash, '--id', 'orch-1')).value.fault).to.equal('OTHER_ACCOUNT')
    const honest = readFileSync(out, 'utf8')
    writeFileSync(out, honest.replace('"creditedWei":"100000000000000000"', '"creditedWei":"200000000000000000"'))
    expect((await verify(headerHash)).value.fault).to.equal('PROOF_INVALID')
  })

  it('signs nothing before the guardian has approved, and shows the call that is missing', async () => {
    const provisioned = await stage.ask('provision', '--next')
    next = provisioned.authority
    expect((await stage.ask('provision', '--next')).code).to.equal('CONFIG_INVALID')
    await fundGasFloat(stage.world.chain.url, { authority: next as never, amountWei: ether('1') })
    await stage.ask('admin', 'rotate-approval', 'propose', '--new-authority', next, '--out', file())
    await stage.sign(file(), 'admin1', 'admin3')
    const answer = await stage.ask('rotate', file())
    expect([answer.exit, answer.done, answer.call.to]).to.deep.equal([1, false, stage.world.config.anchor])
    expect((await stage.world.status())?.phase).to.equal('active')
  })

  it('goes over to the next keys, never two at once, and pays on', async () => {
    expect((await stage.ask('guardian', 'approve', next, '--key-file', guardianKey)).exit).to.equal(0)
    const answer = await stage.ask('rotate', file())
    expect(answer, JSON.stringify(answer)).to.include({ exit: 0, done: true, newAuthority: next })
    await until(
      'the next authority is active',
      async () => {
        const status = await stage.world.status()
        return status?.phase === 'active' && status.address === next ? true : undefined
      },
      SETTLED_MS_MAX,
    )
    const before = JSON.parse(readFileSync(join(stage.world.config.paths.keys, `before-${next}.json`), 'utf8'))
    expect(before.address).to.equal(old)
    await report(eventLines(7, 3, '0.05'))
    await stage.paid(ether('0.45'))
  })

  it('carries a stuck commit by an account of anybody’s', async () => {
    await stage.ask('pause', 'broadcast')
    const { sequence } = await chainOf(stage.world).facts(next as never)
    await report(eventLines(10, 3, '0.05'))
    await until(
      'a commit waits',
      async () => ((await stage.ask('relay', '--key-file', guardianKey)).exit === 0 ? true : undefined),
      SETTLED_MS_MAX,
    )
    expect((await chainOf(stage.world).facts(next as never)).sequence).to.equal(sequence + 1)
    await stage.paid(ether('0.6'))
    await stage.ask('resume', 'broadcast')
  })

  it('leaves a log of both authorities with which the auditor has no quarrel', async () => {
    const audit = await anchorhold(['audit', 'verify', '--json', '--data', stage.world.dataDir])
    expect(audit.code, audit.out + audit.err).to.equal(0)
  })
})
