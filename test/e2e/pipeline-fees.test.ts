import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { keccak256, numberToHex } from 'viem'
import { type CallId, openOutbox, type Story } from '../../host/outbox.ts'
import { STAGES } from '../../queues/names.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { chainOf, ether, PAYEES, startWorld, TREASURY_WEI, until, type World } from './pipeline-world.ts'
import { type Gate, openGate } from './rpc-gate.ts'

const SUITE_MS_MAX = 400_000
const CREDIT = '0.01'
const PAID_MS_MAX = 120_000
const SIGNATURES_MAX = 6
const BUMP_MS = 2_000

describe('commits that do not land at once', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World
  let gate: Gate
  let creditedWei = 0n

  before(async () => {
    world = await startWorld({
      settings: { resendMs: 400, bumpMs: BUMP_MS },
      policy: { signaturesPerSequenceMax: SIGNATURES_MAX },
      front: async (chainUrl) => {
        gate = await openGate(chainUrl)
        return gate.url
      },
    })
    for (const name of ['supervisor', ...STAGES] as const) await world.start(name)
    credit()
    await paid()
  })

  after(async () => {
    await world?.stop()
    await gate?.close()
  })

  function credit(): void {
    world.credit(1, CREDIT)
    creditedWei += BigInt(PAYEES) * ether(CREDIT)
  }

  async function paid() {
    const isPaid = async () => {
      const ledger = (await world.status())?.ledger
      return ledger?.paidWei === creditedWei && ledger.unlanded === null ? ledger : undefined
    }
    const ledger = await until(`${creditedWei} wei paid`, isPaid, PAID_MS_MAX)
    expect((await facts()).treasuryWei).to.equal(TREASURY_WEI - creditedWei)
    return ledger
  }

  const facts = () => chainOf(world).facts(world.authority)

  /** A commit of new credits that no broadcast of gets through, once so many attempts of it were sent. */
  async function stuck(attemptsMin: number): Promise<CallId> {
    gate.isShut = true
    gate.kept.length = 0
    credit()
    const isOnItsWay = async () => {
      const ledger = (await world.status())?.ledger
      return ledger?.unlanded == null ? undefined : { epoch: ledger.epoch, sequence: ledger.unlanded.sequence }
    }
    const id = await until('a commit on its way', isOnItsWay, PAID_MS_MAX)
    const isSent = async () => (new Set(gate.kept).size >= attemptsMin ? true : undefined)
    await until(`${attemptsMin} attempts`, isSent, PAID_MS_MAX)
    return id
  }

  const storyOf = (id: CallId): Promise<Story> => openOutbox(world.config.paths).read(id)

  /** The account has used its nonce for something that is not ours. */
  async function spendNonce(): Promise<void> {
    const { accountNonce } = await facts()
    await callRpc(world.chain.url, 'hardhat_setNonce', [world.authority, numberToHex(accountNonce + 1)])
  }

  it('sends the same bytes again while an endpoint loses them, then the same commit with a higher fee', async () => {
    const id = await stuck(2)
    const [first, second] = [...new Set(gate.kept)]
    expect(gate.kept.indexOf(second ?? '0x')).to.be.above(1)
    const attempts = (await storyOf(id)).attempts.filter(({ raw }) => gate.kept.includes(raw as `0x${string}`))
    expect(attempts.map(({ raw }) => raw).slice(0, 2)).to.deep.equal([first, second])
    const [before, after] = attempts
    expect(after?.header).to.equal(before?.header)
    expect(after?.accountNonce).to.equal(before?.accountNonce)
    expect((after?.maxFeeWei ?? 0n) * 8n >= (before?.maxFeeWei ?? 0n) * 9n).to.equal(true)
  })

  it('recognises the first attempt when that one lands after the bump, and pays once', async () => {
    const id = { epoch: (await world.status())?.ledger?.epoch ?? 0, sequence: await unlandedSequence() }
    const first = gate.kept[0] ?? '0x'
    await gate.pass(first)
    const ledger = await paid()
    gate.isShut = false
    const { landed, live } = await storyOf(id)
    expect(landed?.hash).to.equal(keccak256(first))
    expect(live?.hash).to.not.equal(landed?.hash)
    expect(ledger.sequence).to.equal(id.sequence)
  })

  it('goes on by itself when the authority has spent the nonce of a commit elsewhere', async () => {
    const id = await stuck(1)
    const before = (await storyOf(id)).live
    await spendNonce()
    gate.isShut = false
    await paid()
    const { landed, attempts } = await storyOf(id)
    const winner = attempts.find(({ hash }) => hash === landed?.hash)
    expect(winner?.accountNonce).to.equal((before?.accountNonce ?? 0) + 1)
    expect(winner?.header).to.equal(before?.header)
    expect((await world.status())?.ledger?.epoch).to.equal(id.epoch)
  })

  it('halts when no signature is left and the old bytes are dead, and pays once in a new session', async () => {
    const id = await stuck(2)
    const areAllSigned = async () => ((await storyOf(id)).attempts.length >= SIGNATURES_MAX ? true : undefined)
    await until('an attempt for each signature', areAllSigned, PAID_MS_MAX)
    await spendNonce()
    gate.isShut = false
    const ledger = await paid()
    expect(ledger.epoch).to.be.above(id.epoch)
    expect((await storyOf(id)).attempts).to.have.length(SIGNATURES_MAX)
    expect(readFileSync(join(world.config.paths.control, 'operators.log'), 'utf8')).to.contain('signatures spent')
  })

  async function unlandedSequence(): Promise<number> {
    return (await world.status())?.ledger?.unlanded?.sequence ?? 0
  }
})
