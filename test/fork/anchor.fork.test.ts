/**
 * The whole road on a fork: a real enclave process, our anchor, and the upstream's own TicketBroker. With ARBITRUM_RPC_URL
 * the upstream is Arbitrum (ARBITRUM_FORK_BLOCK pins another block than its newest); without it, a local process carries
 * the small Livepeer world at the same addresses, under each of the broker's two rules.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Address as Checksummed, encodeFunctionData, getAddress, type Hex, parseEther } from 'viem'
import { foldHead } from '../../enclave/protocol/header.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
import type { Claim } from '../../host/prefix.ts'
import { TICKET_BROKER_ABI } from '../../scripts/chain/world.ts'
import { upstreams } from '../../scripts/fork/upstream.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { audit, publish } from './audit.ts'
import {
  activate,
  type Boot,
  begin,
  broadcast,
  credit,
  ledgerOf,
  load,
  openSession,
  prepare,
  type StoredRecord,
  startBoot,
  tellLanded,
  tellResult,
} from './boot.ts'
import { depositOf, movedIn, pendingFees, sendAs, withdrawFees } from './livepeer.ts'
import { openStage, refusalOf, STRANGER, type Stage } from './stage.ts'
import { extract, redeem } from './stray.ts'

/** The first fork of a cold upstream reads thousands of slots over the network. */
const SETUP_MS_MAX = 300_000
const TEST_MS_MAX = 120_000
const CREDIT_ETHER = '0.05'
const CREDIT_WEI = parseEther(CREDIT_ETHER)
const DONATION_WEI = parseEther('1')

for (const [name, start] of upstreams()) {
  describe(`A fork of ${name}`, function () {
    this.timeout(TEST_MS_MAX)
    let close: (() => Promise<void>)[] = []
    let stage: Stage
    let live: Live
    let snapshot: Hex
    let boots: Boot[] = []

    before(async function () {
      this.timeout(SETUP_MS_MAX)
      const upstream = await start()
      close = [upstream.stop]
      stage = await openStage(upstream)
      close.unshift(stage.close)
      process.stdout.write(
        `    forks block ${upstream.blockNumber}, pays ${stage.roster.map(({ recipient }) => recipient).join(' ')}\n`,
      )
      live = await liveLedger(stage)
      snapshot = await stage.client.snapshot()
    })

    // Each test takes the chain as the first commit left it, and enclaves of its own.
    afterEach(async () => {
      for (const boot of boots) await boot.stop()
      boots = []
      await stage.client.revert({ id: snapshot })
      snapshot = await stage.client.snapshot()
    })

    after(async () => {
      for (const step of close) await step()
    })

    const cloneOf = async (records: readonly StoredRecord[], claim: Claim): Promise<Boot> => {
      const boot = await startBoot(stage)
      boots.push(boot)
      await load(boot, records, claim)
      return boot
    }
    const honest = () => cloneOf(live.records, live.claim)
    const honestAndActive = async (): Promise<Boot> => {
      const boot = await honest()
      await activate(boot)
      return boot
    }

    it('moves each credited wei to its payee through the broker, out of the treasury and nothing else', async () => {
      const receipt = await stage.client.getTransactionReceipt({ hash: live.commit.hash })
      const expected = stage.roster.map(({ recipient }) => ({
        sender: getAddress(stage.authority()),
        recipient: getAddress(recipient),
        amount: CREDIT_WEI,
      }))
      expect(movedIn(receipt, stage.livepeer)).to.deep.equal(expected)
      expect(live.treasuryBeforeWei - live.treasuryAfterWei).to.equal(CREDIT_WEI * BigInt(expected.length))
      expect(await depositOf(stage.client, stage.livepeer, stage.authority())).to.equal(0n)
    })

    it('folds what was paid into the head, and the enclave settles to that very head', async () => {
      const { head, sequence } = await stage.facts()
      expect(head).to.equal(foldHead(live.commit.headerHash, allOf(live.commit)))
      expect(live.settled.head).to.equal(head)
      expect(sequence).to.equal(live.commit.sequence)
      expect([live.settled.paidWei, live.settled.returnedWei]).to.deep.equal([
        CREDIT_WEI * BigInt(live.commit.payouts.length),
        0n,
      ])
    })

    it('is found clean by an auditor process, which a flipped byte in the log turns into findings', async () => {
      const folder = await publish(stage, live.records, live.logSize, live.settled.checkpoint)
      const { exitCode, report } = await audit(stage, folder)
      expect(report.findings).to.deep.equal([])
      expect([exitCode, report.verdict, report.commits]).to.deep.equal([0, 'clean', 1])
      expect(report.treasury?.outflowWei).to.equal((CREDIT_WEI * BigInt(live.commit.payouts.length)).toString())
      flipLastByte(folder)
      expect((await audit(stage, folder)).exitCode).to.equal(1)
    })

    it('lets a payee withdraw what the commit booked for him', async () => {
      const { client, livepeer } = stage
      const { payee, bookedWei } = live.bestBooked
      expect(bookedWei > 0n).to.equal(true)
      const target = '0x00000000000000000000000000000000fee5a11d'
      const before = await client.getBalance({ address: target })
      const receipt = await withdrawFees(client, livepeer, payee, target, bookedWei)
      expect(receipt.status).to.equal('success')
      expect((await client.getBalance({ address: target })) - before).to.equal(bookedWei)
    })

    it('pays again after a restart from sealed records', async () => {
      const boot = await honestAndActive()
      await credit(boot, ['orch-a', 'orch-c'], CREDIT_ETHER)
      const commit = await prepare(boot)
      expect(commit.payouts.map(({ orchestratorId }) => orchestratorId)).to.deep.equal(['orch-a', 'orch-c'])
      expect((await broadcast(boot, commit)).landed).to.equal(true)
    })

    it('refuses an enclave that was restarted from before the payout: its claim, its session and its commit', async () => {
      const older = live.records.slice(0, live.recordsAtGenesis)
      const epoch = live.claim.epoch
      expect(await codeOfCall(cloneOf(older, live.claim))).to.equal('CLAIM_MISMATCH')
      const stale = await cloneOf(older, { head: ZERO_HASH, epoch, bitmap: null })
      const opening = await openSession(stale)
      expect([opening.landed, opening.error]).to.deep.equal([false, 'AnchorStaleHead'])
      await tellLanded(stale, opening.epoch)
      await credit(stale, ['orch-a'], CREDIT_ETHER)
      await movesNothing(async () => {
        const commit = await broadcast(stale, await prepare(stale))
        expect([commit.landed, commit.error]).to.deep.equal([false, 'AnchorWrongEpoch'])
      })
    })

    it('refuses the session of an enclave that was told its last payout never landed', async () => {
      const boot = await honestAndActive()
      await credit(boot, ['orch-a'], CREDIT_ETHER)
      expect((await broadcast(boot, await prepare(boot))).landed).to.equal(true)
      const lied = await cloneOf(boot.records, { head: live.claim.head, epoch: live.claim.epoch + 1, bitmap: null })
      await movesNothing(async () => {
        const opening = await openSession(lied)
        expect([opening.landed, opening.error]).to.deep.equal([false, 'AnchorStaleHead'])
      })
    })

    it('refuses a second clone: its session for the same epoch, and its payout', async () => {
      const [first, second] = [await honest(), await honest()]
      await activate(first)
      const opening = await openSession(second)
      expect([opening.landed, opening.error]).to.deep.equal([false, 'AnchorWrongEpoch'])
      await tellLanded(second, opening.epoch)
      await credit(second, ['orch-a'], CREDIT_ETHER)
      await movesNothing(async () => {
        const commit = await broadcast(second, await prepare(second))
        expect([commit.landed, commit.error]).to.deep.equal([false, 'AnchorBadSignature'])
      })
    })

    it('refuses a payout that was signed under the session before', async () => {
      const old = await honestAndActive()
      await credit(old, ['orch-a'], CREDIT_ETHER)
      const signed = await prepare(old)
      const later = await cloneOf(live.records, { ...live.claim, epoch: live.claim.epoch + 1 })
      await activate(later)
      await movesNothing(async () => {
        const relayed = await relay(signed)
        expect([relayed.landed, relayed.error]).to.deep.equal([false, 'AnchorWrongEpoch'])
      })
    })

    it('pays nothing for an extracted ticket before its commit, and nothing more after it', async () => {
      const boot = await honestAndActive()
      await credit(boot, ['orch-b'], CREDIT_ETHER)
      const commit = await prepare(boot)
      const stray = extract(boot, commit, 0)
      expect(await redeem(boot, stray)).to.deep.include(NOTHING)
      const before = await stage.treasuryWei()
      expect((await broadcast(boot, commit)).landed).to.equal(true)
      expect(before - (await stage.treasuryWei())).to.equal(CREDIT_WEI)
      expect(await redeem(boot, stray)).to.deep.include(NOTHING)
    })

    it('pays nothing for the ticket of a commit that never landed, and its payee once by the next', async () => {
      const lost = await honestAndActive()
      await credit(lost, ['orch-b'], CREDIT_ETHER)
      const stray = extract(lost, await prepare(lost), 0)
      const next = await cloneOf(lost.records, { ...live.claim, epoch: live.claim.epoch + 1, bitmap: null })
      await activate(next)
      const commit = await prepare(next)
      expect(commit.payouts.map(({ amountWei }) => amountWei)).to.deep.equal([CREDIT_WEI])
      expect(await redeem(lost, stray)).to.deep.include(NOTHING)
      const before = await stage.treasuryWei()
      expect((await broadcast(next, commit)).landed).to.equal(true)
      expect(before - (await stage.treasuryWei())).to.equal(CREDIT_WEI)
      expect(await redeem(lost, stray)).to.deep.include(NOTHING)
    })

    it('lets a donor pay a stray ticket out of his own deposit, and keeps the treasury out of it', async () => {
      const boot = await honestAndActive()
      await credit(boot, ['orch-b'], CREDIT_ETHER)
      const commit = await prepare(boot)
      const { client, livepeer } = stage
      const donation = encodeFunctionData({
        abi: TICKET_BROKER_ABI,
        functionName: 'fundDepositAndReserveFor',
        args: [stage.authority(), DONATION_WEI, 0n],
      })
      expect((await sendAs(client, STRANGER.address, livepeer.broker, donation, DONATION_WEI)).status).to.equal(
        'success',
      )
      const { treasuryWei, moved } = await redeem(boot, extract(boot, commit, 0))
      expect([treasuryWei, moved.map(({ amount }) => amount)]).to.deep.equal([0n, [CREDIT_WEI]])
      // The ticket is used: the whole commit would fail on it, and moves nothing.
      await movesNothing(async () => {
        const late = await broadcast(boot, commit)
        expect([late.landed, late.error]).to.deep.equal([false, 'AnchorTicketFailed'])
      })
      expect(await depositOf(client, livepeer, stage.authority())).to.equal(DONATION_WEI - CREDIT_WEI)
    })

    it('refuses the next payout after a lied result, even one false bit', async () => {
      const boot = await honestAndActive()
      await credit(boot, ['orch-a', 'orch-b'], CREDIT_ETHER)
      const commit = await prepare(boot)
      expect((await broadcast(boot, commit)).landed).to.equal(true)
      const lie = allOf(commit) & ~1n
      const { returnedWei } = await tellResult(boot, commit.sequence, bitmapOf(lie))
      expect(returnedWei).to.equal(CREDIT_WEI)
      await credit(boot, ['orch-d'], CREDIT_ETHER)
      await movesNothing(async () => {
        const next = await broadcast(boot, await prepare(boot))
        expect([next.landed, next.error]).to.deep.equal([false, 'AnchorStaleHead'])
      })
    })

    async function movesNothing(attack: () => Promise<void>): Promise<void> {
      const before = [await stage.treasuryWei(), (await stage.facts()).head]
      await attack()
      expect([await stage.treasuryWei(), (await stage.facts()).head]).to.deep.equal(before)
    }

    /** Somebody else carries the signed call, so that no nonce stands in its way. */
    async function relay({ call }: CommitResult): Promise<{ landed: boolean; error: string | undefined }> {
      const error = await refusalOf(stage, hexOf(call))
      const { status } = await sendAs(stage.client, STRANGER.address, stage.anchor, hexOf(call))
      return { landed: status === 'success', error }
    }
  })
}

/** A stray redemption that changed nothing: the broker refused it. */
const NOTHING = { moved: [], treasuryWei: 0n, feesWei: 0n }

type Live = {
  /** Everything released up to the settlement of the first commit. */
  readonly records: readonly StoredRecord[]
  readonly recordsAtGenesis: number
  readonly claim: Claim
  readonly commit: CommitResult
  readonly settled: Awaited<ReturnType<typeof tellResult>>
  readonly logSize: number
  readonly treasuryBeforeWei: bigint
  readonly treasuryAfterWei: bigint
  /** The payee that most was booked for, net of what his delegators get. */
  readonly bestBooked: { readonly payee: Checksummed; readonly bookedWei: bigint }
}

/** Genesis, session, credits, one payout through the broker, settlement: the honest case that every test starts from. */
async function liveLedger(stage: Stage): Promise<Live> {
  const { client, livepeer } = stage
  const boot = await startBoot(stage)
  try {
    await begin(boot)
    const recordsAtGenesis = boot.records.length
    await activate(boot)
    await credit(
      boot,
      stage.roster.map(({ id }) => id),
      CREDIT_ETHER,
    )
    const payees = [...new Set(stage.roster.map(({ recipient }) => getAddress(recipient)))]
    const feesOf = () => Promise.all(payees.map((payee) => pendingFees(client, livepeer, payee)))
    const [feesBefore, treasuryBeforeWei] = [await feesOf(), await stage.treasuryWei()]
    const commit = await prepare(boot)
    const { landed, error } = await broadcast(boot, commit)
    if (!landed) throw new Error(`expected the honest payout to land, got ${error ?? 'a revert'}`)
    const feesAfter = await feesOf()
    const facts = await stage.facts()
    const bitmap = await stage.chain.bitmapOf(commit.sequence, facts.head)
    if (bitmap === null) throw new Error('expected the bitmap of the payout in the events of the anchor')
    const settled = await tellResult(boot, commit.sequence, bitmap)
    const booked = payees.map((payee, at) => ({ payee, bookedWei: (feesAfter[at] ?? 0n) - (feesBefore[at] ?? 0n) }))
    const [bestBooked] = booked.sort((left, right) => (left.bookedWei < right.bookedWei ? 1 : -1))
    if (bestBooked === undefined) throw new Error('expected a payee')
    return {
      records: [...boot.records],
      recordsAtGenesis,
      claim: { head: facts.head, epoch: facts.epoch, bitmap: null },
      commit,
      settled,
      logSize: (await ledgerOf(boot)).logSizeCommitted,
      treasuryBeforeWei,
      treasuryAfterWei: facts.treasuryWei,
      bestBooked,
    }
  } finally {
    await boot.stop()
  }
}

function allOf({ payouts }: CommitResult): bigint {
  return 2n ** BigInt(payouts.length) - 1n
}

function bitmapOf(bits: bigint): Hash {
  return `0x${bits.toString(16).padStart(64, '0')}` as Hash
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes).toString('hex')}`
}

function flipLastByte(folder: string): void {
  const tiles = readdirSync(join(folder, 'tile', 'entries'), { recursive: true, encoding: 'utf8' })
  const path = join(folder, 'tile', 'entries', tiles.sort().at(-1) ?? '')
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  writeFileSync(path, bytes)
}
