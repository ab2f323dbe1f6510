import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { bytesToHex } from 'viem'
import type { Address, Hex } from '../../enclave/protocol/ids.ts'
import { openOutbox } from '../../host/outbox.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { type Authority, eventLines, SETTLED_MS_MAX, STAGES, startAuthority } from './authority-world.ts'
import { answerOf } from './cli-run.ts'
import { chainOf, ether, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000
/** What the anchor demands between a freeze and a guardian's rotation. */
const FROZEN_SECONDS = 7 * 86_400
const MINUTE_SECONDS = 60

describe('A ledger whose guardian names the next authority', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: Authority
  let guardianKey: string
  let next: Address
  /** A commit that the old enclave has signed and nobody has sent. */
  let waiting: string

  const facts = () => chainOf(stage.world).facts(stage.world.authority)
  const guardian = (...words: string[]) => stage.ask('guardian', ...words, '--key-file', guardianKey)
  const report = (from: number, count: number) =>
    stage.ask(
      ...['report', stage.put('events.jsonl', eventLines(from, count, '0.05')), '--batch'],
      ...['--key-file', stage.people.reporter.keyFile],
    )
  async function activeAs(authority: Address): Promise<void> {
    const isActive = async () => {
      const status = await stage.world.status()
      return status?.phase === 'active' && status.address === authority ? true : undefined
    }
    await until(`${authority} is active`, isActive, SETTLED_MS_MAX)
  }

  /** Moves the chain's clock, and waits for a block that carries it. */
  async function pass(seconds: number): Promise<void> {
    const { url } = stage.world.chain
    const secondsOf = async () => {
      const block = (await callRpc(url, 'eth_getBlockByNumber', ['latest', false])) as { timestamp: string }
      return Number.parseInt(block.timestamp, 16)
    }
    const wantedSeconds = (await secondsOf()) + seconds
    await callRpc(url, 'evm_increaseTime', [seconds])
    await until('that time', async () => ((await secondsOf()) >= wantedSeconds ? true : undefined), SETTLED_MS_MAX)
  }

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    stage = await startAuthority()
    const key = devAccount(DEV_ACCOUNTS.guardian) as unknown as { getHdKey(): { privateKey: Uint8Array } }
    guardianKey = stage.put('guardian.key', bytesToHex(key.getHdKey().privateKey))
    await stage.world.start('supervisor')
    await activeAs(stage.world.authority)
    for (const name of STAGES) await stage.world.start(name)
    await report(1, 6)
    await stage.paid(ether('0.3'))
    next = (await stage.ask('provision', '--next')).authority
    await fundGasFloat(stage.world.chain.url, { authority: next, amountWei: ether('1') })
  })
  after(async () => stage?.world.stop())

  it('stays with its authority until it has been frozen for seven days', async () => {
    expect((await guardian('rotate', next)).code, 'not frozen').to.equal('RPC_FAILED')
    await stage.ask('pause', 'broadcast')
    await report(7, 3)
    const { epoch, sequence } = await facts()
    const live = async () => (await openOutbox(stage.world.config.paths).read({ epoch, sequence: sequence + 1 })).live
    waiting = (await until('a commit that waits', live, SETTLED_MS_MAX)).call
    expect((await guardian('freeze')).exit).to.equal(0)
    await pass(FROZEN_SECONDS - MINUTE_SECONDS)
    expect((await guardian('rotate', next)).code, 'a minute too early').to.equal('RPC_FAILED')
    expect((await facts()).authority).to.equal(stage.world.authority)
  })

  it('refuses what the old enclave has signed from the moment that the next one is named', async () => {
    const { epoch, sequence } = await facts()
    await pass(2 * MINUTE_SECONDS)
    expect((await guardian('rotate', next)).exit).to.equal(0)
    expect(await facts()).to.include({ authority: next, epoch: epoch + 1, sequence, frozen: false })
    const verdict = await chainOf(stage.world).simulate(stage.world.authority, waiting as Hex)
    expect(JSON.stringify(verdict)).to.match(/AnchorNoSession|AnchorWrongEpoch/)
  })

  it('goes on under the keys that wait, and pays once what the old enclave had prepared', async () => {
    await stage.ask('resume', 'broadcast')
    await stage.ask('halt')
    await activeAs(next)
    const { keyFile, keys } = stage.world.config.paths
    expect(JSON.parse(readFileSync(keyFile, 'utf8')).address).to.equal(next)
    expect(JSON.parse(readFileSync(`${keys}/before-${next}.json`, 'utf8')).address).to.equal(stage.world.authority)
    await stage.paid(ether('0.45'))
    await report(10, 3)
    await stage.paid(ether('0.6'))
    expect((await stage.ask('balance', 'orch-0')).paid_wei).to.equal(ether('0.2').toString())
  })

  it('leaves a log with which the auditor has no quarrel, and which names the rotation', async () => {
    const { value } = await answerOf(['audit', 'verify', '--data', stage.world.dataDir])
    expect(value, JSON.stringify(value)).to.include({ verdict: 'clean' })
    const acts: readonly { kind: string; text: string }[] = value.ledger.acts
    expect(acts.filter(({ kind }) => kind === 'rotate').map(({ text }) => text)).to.deep.equal([
      `epoch 2: authority ${next}`,
    ])
  })
})
