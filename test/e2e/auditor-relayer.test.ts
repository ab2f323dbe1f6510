import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from 'chai'
import { encodeFunctionData, type Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { main } from '../../auditor/main.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { awaitReceipt, sendTransaction } from '../../scripts/chain/rpc.ts'
import { TICKET_BROKER_ABI } from '../../scripts/chain/world.ts'
import { keyOf, signTicket, ticketOf } from '../contracts/wire.ts'
import { Stage, TRANSCODERS } from './auditor-stage.ts'
import { chainWorkshop } from './chain-harness.ts'
import { type RelayedCall, relayerCode } from './relayer.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'
const STRAY_WEI = 400n
const RELAY_GAS = 10_000_000n
const RELAYER = devAccount(7)

/**
 * Tickets of the authority that never landed are no secret: calldata of a commit holds each that it skipped. Whoever
 * gives a deposit can redeem them, and whoever relays a commit can do so in that very transaction.
 */
describe('auditor: a commit brought by a contract that redeems tickets beside it', function () {
  this.timeout(120_000)
  const workshop = chainWorkshop()
  let stage: Stage
  let folder: string

  before(async function () {
    if (!existsSync(ARTIFACT)) {
      process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
      return this.skip()
    }
    folder = await mkdtemp(join(tmpdir(), 'anchorhold-relayer-'))
    const chain = await workshop.start({ dataDir: await workshop.folder() })
    stage = await Stage.start(chain.url)
    await stage.open('first session')
    for (const id of ['orch-0', 'orch-1', 'orch-2']) stage.log.lineOf(id, '0.1')
    await stage.bare()
  })

  after(async () => {
    await workshop.clear()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  /** A ticket of `sender` that another session, a clone's, signed: brought to the broker with or without its money. */
  async function stray(payoutId: bigint, sender: PrivateKeyAccount = stage.authority): Promise<RelayedCall> {
    const { number, hash } = await stage.round()
    const payee = { recipient: TRANSCODERS[1] as Address, amountWei: STRAY_WEI }
    const session = keyOf('clone').address
    const fields = { sender: sender.address, session, payee, payoutId, round: BigInt(number), roundHash: hash }
    const { ticket, recipientRand } = ticketOf(fields)
    const { full } = await signTicket(sender, ticket)
    return brokerCall('redeemWinningTicket', [ticket, full, recipientRand])
  }

  function gift(sender: Hex, tickets: bigint): RelayedCall {
    const amountWei = STRAY_WEI * tickets
    return { ...brokerCall('fundDepositAndReserveFor', [sender, amountWei, 0n]), valueWei: amountWei }
  }

  function brokerCall(functionName: 'redeemWinningTicket' | 'fundDepositAndReserveFor', args: readonly unknown[]) {
    const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName, args } as never) as Hex
    return { to: stage.deployment.broker, data }
  }

  /** Lands the anchor's call between others, all of them in one transaction. */
  const relay = (before: readonly RelayedCall[], after: readonly RelayedCall[]) => async (data: Hex) => {
    const calls = [...before, { to: stage.deployment.anchor, data }, ...after]
    const value = calls.reduce((sum, { valueWei = 0n }) => sum + valueWei, 0n)
    const hash = await sendTransaction(stage.url, RELAYER, { data: relayerCode(calls), value, gas: RELAY_GAS })
    await awaitReceipt(stage.url, hash)
  }

  async function audit(): Promise<{ exit: number; told: string[] }> {
    await stage.publish(folder)
    let text = ''
    const say = (part: string): void => {
      text += part
    }
    const words = ['--rpc', stage.url, '--anchor', stage.anchor, '--log', folder, '--depth', '0', '--json']
    const exit = await main(words, { out: say, err: say })
    const { findings, notices } = JSON.parse(text) as { [list: string]: { code: string; subject: string }[] }
    const told = [...(findings ?? []), ...(notices ?? [])].map(({ code, subject }) => `${code} ${subject}`)
    return { exit, told: told.filter((line) => /PAYMENT|STRAY|CALL_|TREASURY/.test(line)) }
  }

  it('lists strays of ours before and after the commit, one of them with the number of a payout, and finds no fault', async () => {
    const before = [gift(stage.authority.address, 3n), await stray(2n), await stray(77n)]
    await stage.pay(0n, relay(before, [await stray(78n)]))
    const { exit, told } = await audit()
    assert.deepEqual(told, [
      'CALL_INDIRECT sequence 2',
      'STRAY_TICKET nonce 2',
      'STRAY_TICKET nonce 77',
      'STRAY_TICKET nonce 78',
    ])
    assert.equal(exit, 0)
  })

  it('lists one beside a commit that pays nobody', async () => {
    await stage.bare(relay([gift(stage.authority.address, 1n), await stray(79n)], []))
    const { exit, told } = await audit()
    assert.include(told, 'STRAY_TICKET nonce 79')
    assert.equal(exit, 0)
  })

  it('says nothing of a ticket of another sender', async () => {
    const other = keyOf('another sender')
    stage.log.lineOf('orch-0', '0.3')
    await stage.pay(0n, relay([gift(other.address, 1n), await stray(80n, other)], []))
    const { exit, told } = await audit()
    assert.include(told, 'CALL_INDIRECT sequence 4')
    assert.notInclude(told, 'STRAY_TICKET nonce 80')
    assert.equal(exit, 0)
  })
})
