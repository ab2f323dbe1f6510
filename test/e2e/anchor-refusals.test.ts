/**
 * What the host concludes when the anchor refuses a commit of ours, each brought about on a real chain with a real enclave.
 * Two refusals are not among them, since no honest enclave signs what would earn them: AnchorRecipient (accounts whose
 * recipient the anchor would refuse are never due, `isPayable`) and AnchorPayoutCount (policy has at most 128 payouts a
 * commit, and a paying commit without one is NOTHING_DUE). The last test shows what a relayer gets who tries them.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { decodeFunctionData, encodeFunctionData, keccak256, parseAbi, stringToHex } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type Address, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { PAYOUTS_MAX } from '../../enclave/protocol/ticket.ts'
import type { Chain } from '../../host/chain.ts'
import { prepareCommit } from '../../host/commits.ts'
import { openContext } from '../../host/context.ts'
import { openLog } from '../../host/log.ts'
import { openOutbox } from '../../host/outbox.ts'
import { superviseEnclave } from '../../host/supervisor.ts'
import { DEV_ACCOUNTS } from '../../scripts/chain/accounts.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { readArtifact, WORLD } from '../../scripts/chain/world.ts'
import { openPrepare } from '../../workers/2-prepare/worker.ts'
import { openConfirm } from '../../workers/4-confirm/worker.ts'
import { anchorhold } from './cli-run.ts'
import { chainOf, ether, PAYEES, until } from './pipeline-world.ts'
import { RefusalStage } from './refusal-stage.ts'

const WORLD_MS_MAX = 600_000
const WAIT_MS_MAX = 150_000
const SEVEN_DAYS_SECONDS = 7 * 86_400
const DONOR = 8
const CONTROLLER_ABI = parseAbi([
  'function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash)',
  'function getContract(bytes32 id) view returns (address)',
])
const FUND_ABI = parseAbi(['function fundDepositAndReserveFor(address who, uint256 deposit, uint256 reserve) payable'])
const BROKER_TARGET = keccak256(stringToHex('TicketBrokerTarget'))

describe('the refusals of the anchor, end to end', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: RefusalStage
  /** Of what was owed, the part that went to the treasury's owner. */
  let drainedWei = 0n

  before(async () => {
    stage = await RefusalStage.start()
    stage.credit()
    await stage.allPaid()
  })
  after(() => stage?.stop())

  const epoch = async () => (await stage.facts()).epoch
  async function ledger(): Promise<LedgerStatus> {
    const { ledger } = await stage.world.enclave.call('status', {})
    if (ledger === undefined) throw new Error('expected a ledger')
    return ledger
  }
  const halts = () => readFileSync(join(stage.world.config.paths.control, 'operators.log'), 'utf8')

  it('waits while the guardian has it frozen (AnchorFrozen), and signs the same header again afterwards', async () => {
    const commit = await stage.stuck()
    await stage.guardian('freeze')
    await stage.fails(commit, 'AnchorFrozen')
    await stage.staysOut()
    await stage.guardian('unfreeze')
    expect(await stage.allPaid()).to.include(commit.id)
    const { landed, attempts } = await stage.story(commit.id)
    expect(new Set(attempts.map(({ header }) => header)).size).to.equal(1)
    expect(landed?.hash).to.not.equal(commit.live.hash)
  })

  it('waits while the treasury holds too little (AnchorUnderfunded), and pays when it is there again', async () => {
    const commit = await stage.stuck()
    const { treasuryWei } = await stage.facts()
    // What a reorg does that takes the funding back.
    const setTo = (amountWei: bigint) =>
      callRpc(stage.world.chain.url, 'hardhat_setBalance', [stage.anchor, `0x${amountWei.toString(16)}`])
    await setTo(1n)
    await stage.fails(commit, 'AnchorUnderfunded')
    await stage.staysOut()
    await setTo(treasuryWei)
    expect(await stage.allPaid()).to.include(commit.id)
  })

  it('takes AnchorWrongSequence for success when a stranger’s copy of the call was first', async () => {
    const commit = await stage.stuck()
    const relayed = await stage.relay(commit.live.call)
    expect(relayed.succeeded).to.equal(true)
    await stage.fails(commit, 'AnchorWrongSequence')
    expect(await stage.allPaid()).to.include(commit.id)
    expect((await stage.story(commit.id)).landed?.hash).to.equal(relayed.hash)
  })

  it('is unmoved by a relayer who brings too little gas for a transfer (AnchorGas), and lands the same bytes', async () => {
    const drainWei = ether('0.02')
    const commit = await stage.stuck(async () => {
      const file = join(stage.world.dataDir, 'drain.json')
      await stage.authority.ask('admin', 'drain', 'propose', '--ether', '0.02', '--out', file)
      await stage.authority.sign(file, 'admin1', 'admin2')
      expect((await stage.authority.ask('admin', 'submit', file)).exit).to.equal(0)
      stage.owedWei += drainWei
      drainedWei += drainWei
    })
    let gas = 60_000n
    while (gas < 300_000n && !(await stage.lacksGas(commit.live.call, gas))) gas += 2_500n
    expect((await stage.relay(commit.live.call, gas)).succeeded, `with ${gas} gas`).to.equal(false)
    expect(await stage.refusalOf(commit.live.call)).to.equal('passes')
    await stage.lands(commit)
    expect(await stage.allPaid()).to.include(commit.id)
  })

  it('pays past a donor’s deposit, and waits while a broker keeps the money (AnchorDepositChanged)', async () => {
    const { authority, chain } = stage.world
    await stage.send(DONOR, WORLD.ticketBroker, FUND_ABI, 'fundDepositAndReserveFor', [authority, 5n, 0n], 5n)
    stage.credit()
    await stage.allPaid()
    const data = encodeFunctionData({ abi: CONTROLLER_ABI, functionName: 'getContract', args: [BROKER_TARGET] })
    const honest = `0x${((await callRpc(chain.url, 'eth_call', [{ to: WORLD.controller, data }, 'latest'])) as string).slice(26)}`
    const commit = await stage.stuck()
    const { deployedBytecode } = (await readArtifact('IdleTicketBroker')) as unknown as { deployedBytecode: string }
    const idle = `0x${'1d'.repeat(20)}` as Address
    await callRpc(chain.url, 'hardhat_setCode', [idle, deployedBytecode])
    const upgrade = (target: string) =>
      stage.send(DEV_ACCOUNTS.owner, WORLD.controller, CONTROLLER_ABI, 'setContractInfo', [
        BROKER_TARGET,
        target,
        ZERO_ADDRESS,
      ])
    await upgrade(idle)
    await stage.fails(commit, 'AnchorDepositChanged')
    await stage.staysOut()
    await upgrade(honest)
    expect(await stage.allPaid()).to.include(commit.id)
  })

  it('halts and loads again when the enclave was told a settlement that is not the chain’s (AnchorStaleHead)', async () => {
    const before = await epoch()
    await stage.authority.ask('pause', 'confirm')
    const commit = await stage.stuck()
    await stage.lands(commit)
    // From here on this host lies: the first payout is said to have failed, so that it would be paid again.
    const { config, enclave } = stage.world
    const liar = openContext(config, openLog({ level: 'silent', name: 'liar' }))
    const session = (await stage.world.status())?.session ?? ZERO_ADDRESS
    const bitmap = `0x${((1n << BigInt(PAYEES)) - 2n).toString(16).padStart(64, '0')}` as const
    const told = await enclave.call('confirm_payout', { sequence: commit.id.sequence ?? 0, bitmap })
    await liar.records.store(session, told.records)
    stage.credit()
    await until('others are due', async () => ((await ledger()).dueAccounts > 0 ? true : undefined), WAIT_MS_MAX)
    const facts = { anchor: await stage.facts(), round: await chainOf(stage.world).round(), session }
    const ready = await prepareCommit(liar, facts, { mode: 'pay', budgetWei: wei(10n ** 18n), payouts: 1 })
    await liar.close()
    expect(ready).to.include({ kind: 'refused', error: 'AnchorStaleHead' })
    const { attempts } = await stage.story({ epoch: before, sequence: (commit.id.sequence ?? 0) + 1 })
    const call = attempts[0]?.call ?? ''
    expect(await stage.refusalOf(call)).to.equal('AnchorStaleHead')
    expect((await stage.relay(call)).succeeded).to.equal(false)
    stage.gate.isShut = false
    await stage.authority.ask('resume', 'confirm')
    expect((await stage.allPaid()).epoch).to.be.at.least(before + 1)
    expect(halts()).to.contain('another head')
  })

  it('halts a copy whose host said that its session landed, at AnchorBadSignature, and pays on in the real one', async () => {
    const before = await epoch()
    await stage.authority.ask('pause', 'prepare')
    stage.credit()
    const isDue = async () => ((await ledger()).dueAccounts === PAYEES ? true : undefined)
    await until('accounts that are due', isDue, WAIT_MS_MAX)
    const copy = stage.copy('told', tellsLanded)
    const clone = superviseEnclave(copy)
    await clone.active
    await stage.authority.ask('halt')
    const isReal = async () => ((await epoch()) > before ? true : undefined)
    await until('the real session of that epoch', isReal, WAIT_MS_MAX)
    const own = (await copy.enclave.call('status', {})).ledger
    expect(own?.epoch).to.equal(before + 1)
    const call = await until('a commit of the copy', () => signedOf(copy, own?.sequence), WAIT_MS_MAX)
    expect(await stage.refusalOf(call)).to.equal('AnchorBadSignature')
    expect((await stage.relay(call)).succeeded).to.equal(false)
    const confirm = openConfirm({ ...copy, chain: chainOf(stage.world) }, async () => true)
    const isHalted = async () => {
      await confirm.run().catch(() => undefined)
      return readLog(copy.config.paths.control).includes('another session holds the epoch') ? true : undefined
    }
    await until('the copy is halted', isHalted, WAIT_MS_MAX)
    await clone.stop()
    await copy.close()
    await stage.authority.ask('resume', 'prepare')
    expect((await stage.allPaid()).epoch).to.be.at.least(before + 1)
  })

  it('halts and loads again when a copy has taken the session (AnchorWrongEpoch)', async () => {
    const commit = await stage.stuck()
    const copy = stage.copy('thief')
    const clone = superviseEnclave(copy)
    await clone.active
    await clone.stop()
    await copy.close()
    // The opening used the nonce of our bytes, so somebody else has to carry the call.
    expect(await stage.refusalOf(commit.live.call)).to.equal('AnchorWrongEpoch')
    expect((await stage.relay(commit.live.call)).succeeded).to.equal(false)
    expect((await stage.allPaid()).epoch).to.be.at.least(commit.id.epoch + 2)
    expect(halts()).to.contain('another session is open')
  })

  it('gives a relayer who changes the payouts AnchorWrongPayouts, whether recipient or count, and signs no such commit', async () => {
    const commit = await stage.stuck()
    const { functionName, args } = decodeFunctionData({ abi: ANCHOR_ABI, data: commit.live.call as `0x${string}` })
    if (functionName !== 'commitAndPay') throw new Error(`expected a paying commit, got ${functionName}`)
    const [message, payouts, skip, signature] = args
    const changed = (to: string) =>
      encodeFunctionData({
        abi: ANCHOR_ABI,
        functionName,
        args: [message, to as `0x${string}`, skip, signature],
      })
    expect(await stage.refusalOf(changed(payouts))).to.equal('passes')
    const first = (stage.world.payees[0] as Address).slice(2)
    expect(payouts).to.contain(first)
    const own = stage.anchor.slice(2)
    for (const other of [payouts.replace(first, own), payouts.slice(0, 2 + 2 * 50), `${payouts}${'00'.repeat(32)}`])
      expect(await stage.refusalOf(changed(other))).to.equal('AnchorWrongPayouts')
    await stage.allPaid()
    expect(PAYOUTS_MAX).to.equal(128)
    const request = { round: await chainOf(stage.world).round(), accountNonce: (await stage.facts()).accountNonce }
    const fees = { gas: 1_000_000, maxFeePerGasWei: '1000000000', maxPriorityFeePerGasWei: '0' }
    const { number, hash } = request.round
    const empty = { mode: 'pay' as const, budgetWei: '1', round: { number, hash }, fees }
    const error = await stage.world.enclave
      .call('prepare_commit', { ...empty, accountNonce: request.accountNonce })
      .catch((caught: unknown) => caught)
    expect(isCoded(error, 'NOTHING_DUE')).to.equal(true)
  })

  it('goes on under the next keys when the guardian has ended the session (AnchorNoSession)', async () => {
    const next = (await stage.authority.ask('provision', '--next')).authority as Address
    await fundGasFloat(stage.world.chain.url, { authority: next, amountWei: ether('1') })
    const commit = await stage.stuck()
    await stage.guardian('freeze')
    await stage.pass(SEVEN_DAYS_SECONDS)
    await stage.guardian('guardianRotate', [next])
    await stage.fails(commit, 'AnchorNoSession')
    const ledger = await stage.allPaid(next)
    expect(ledger.epoch).to.be.at.least(commit.id.epoch + 2)
    expect((await stage.world.status())?.address).to.equal(next)
  })

  it('has paid each account once after all that, and leaves a log with which the auditor has no quarrel', async () => {
    for (let at = 0; at < PAYEES; at++) {
      const { paid_wei, balance_wei } = await stage.world.enclave.call('balance', { orchestrator_id: `orch-${at}` })
      expect([paid_wei * BigInt(PAYEES), balance_wei]).to.deep.equal([stage.owedWei - drainedWei, 0n])
    }
    const isClean = async () => {
      const audit = await anchorhold(['audit', 'verify', '--json', '--data', stage.world.dataDir])
      return audit.code === 0 ? true : undefined
    }
    await until('a clean audit', isClean, WAIT_MS_MAX)
  })
})

/** A host that swallows the opening of its enclave and then says that it landed. */
function tellsLanded(chain: Chain): Chain {
  let session: Address | undefined
  let isTold = false
  return {
    ...chain,
    send: async () => {
      isTold = true
      return 'sent'
    },
    facts: async (authority) => {
      const facts = await chain.facts(authority)
      return isTold && session !== undefined ? { ...facts, session } : facts
    },
    simulate: async (authority, call) => {
      session ??= sessionIn(call)
      return chain.simulate(authority, call)
    },
  }
}

function sessionIn(call: string): Address | undefined {
  const { functionName, args } = decodeFunctionData({ abi: ANCHOR_ABI, data: call as `0x${string}` })
  return functionName === 'openSession' ? (args[0].session.toLowerCase() as Address) : undefined
}

/** The call of the next commit of a copy, which its own prepare stage has signed against what its host says. */
async function signedOf(copy: ReturnType<RefusalStage['copy']>, sequence = 0): Promise<string | undefined> {
  await openPrepare(copy, async () => true)
    .run()
    .catch(() => undefined)
  const { ledger } = await copy.enclave.call('status', {})
  const id = { epoch: ledger?.epoch ?? 0, sequence: sequence + 1 }
  return (await openOutbox(copy.config.paths).read(id)).attempts[0]?.call
}

function readLog(folder: string): string {
  try {
    return readFileSync(join(folder, 'operators.log'), 'utf8')
  } catch {
    // Nothing was written yet.
    return ''
  }
}
