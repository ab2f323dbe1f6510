import { expect } from 'chai'
import { type Address, encodeFunctionData, type Hex, parseAbi, parseEventLogs, zeroAddress } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { readArtifact, TICKET_BROKER_ABI, WORLD } from '../../scripts/chain/world.ts'
import { type CUTS, mutantBytecode } from './mutant.ts'
import { payees, RULES, type Rules, type Stage, useStage } from './stage.ts'
import { addressOf, keyOf, signTicket, ticketOf, word } from './wire.ts'

const PAYEE_ABI = parseAbi([
  'function aim(address target_, address payload_)',
  'event Reentered(bool passed, bytes4 answer)',
  'event Given(uint256 gasLeft)',
])
const STRAY_PAYEE = payees[5] ?? zeroAddress
const STRAY_WEI = 400n
const FACE_WEI = 1_000n

async function deploy(stage: Stage, name: string): Promise<Address> {
  const { address } = await stage.viem.deployContract(name)
  return address
}

/** A payee that, when paid, sends `payload` to `target`. */
async function reentering(stage: Stage, target: Address, payload: Hex): Promise<Address> {
  const payee = await deploy(stage, 'ReenteringPayee')
  const store = addressOf(`payload ${payload.slice(0, 10)}`)
  await stage.tester.setCode(store, payload)
  const data = encodeFunctionData({ abi: PAYEE_ABI, functionName: 'aim', args: [target, store] })
  await stage.mined(await stage.owner.sendTransaction({ to: payee, data }))
  return payee
}

/** A ticket that this authority once signed in another session, as a call of the broker. */
async function strayCall(stage: Stage): Promise<Hex> {
  const fields = { sender: stage.authority.address, session: keyOf('old session').address, payoutId: 9n }
  const made = ticketOf({
    ...fields,
    payee: { recipient: STRAY_PAYEE, amountWei: STRAY_WEI },
    ...(await stage.roundFields()),
  })
  const { full } = await signTicket(stage.authority, made.ticket)
  const args = [made.ticket, full, made.recipientRand] as const
  return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'redeemWinningTicket', args })
}

/** What the broker moved to the stray's payee in these logs. */
function strayWei(logs: Parameters<typeof parseEventLogs>[0]['logs']): bigint {
  const moved = parseEventLogs({ abi: TICKET_BROKER_ABI, logs, eventName: 'WinningTicketTransfer' })
  return moved.filter(({ args }) => args.recipient === STRAY_PAYEE).reduce((sum, { args }) => sum + args.amount, 0n)
}

/** Pays a re-entering payee whose code holds another commit of the same sequence, and counts what was committed. */
async function commitsPerSequence(stage: Stage): Promise<number> {
  // A first write to `head` would cost the twin more gas than a payee gets.
  await stage.pay({ transfers: [{ recipient: addressOf('quiet'), amountWei: 1n }] })
  const twin = await stage.aCommit({ next: word(66) })
  const args = [twin, await stage.signCommit(twin)] as const
  const payload = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commit', args })
  const payee = await reentering(stage, stage.anchor.address, payload)
  const { receipt } = await stage.pay({ transfers: [{ recipient: payee, amountWei: 1n }], firstPayoutId: 2n })
  return parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'Committed' }).length
}

describe('a payee that re-enters the anchor (G4)', () => {
  const at = useStage()

  it('opens no session with the authority’s own signature', async () => {
    const open = await at().anOpen(keyOf('session 2'))
    const args = [open, await at().signOpen(open)] as const
    const payload = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'openSession', args })
    const payee = await reentering(at(), at().anchor.address, payload)
    const { receipt } = await at().pay({ transfers: [{ recipient: payee, amountWei: 1n }] })
    const [told] = parseEventLogs({ abi: PAYEE_ABI, logs: receipt.logs, eventName: 'Reentered' })
    expect(told?.args.passed).to.equal(false)
    expect(await at().anchor.read.epoch()).to.equal(1)
    await at().anchor.simulate.commitAndPay(
      (await at().aPayment({ transfers: [{ recipient: payee, amountWei: 1n }] })).args,
    )
  })

  it('lands no second commit of the sequence that is running', async () => {
    expect(await commitsPerSequence(at())).to.equal(1)
  })

  it('reads the old head while the commit runs', async () => {
    const before = await at().anchor.read.head()
    const { receipt } = await at().pay({ transfers: [{ recipient: addressOf('quiet'), amountWei: 1n }] })
    const [committed] = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'Committed' })
    expect(committed?.args.prev).to.equal(before)
  })
})

const GUARDS: readonly { without: readonly (keyof typeof CUTS)[]; commits: number }[] = [
  { without: ['reentrancyGuard'], commits: 1 },
  { without: ['earlySequence'], commits: 1 },
  { without: ['reentrancyGuard', 'earlySequence'], commits: 2 },
]

for (const { without, commits } of GUARDS) {
  describe(`an anchor without ${without.join(' and ')}`, () => {
    const at = useMutant(without)

    it(`lands ${commits} commit${commits === 1 ? '' : 's'} of one sequence for a re-entering payee`, async () => {
      expect(await commitsPerSequence(at())).to.equal(commits)
    })
  })
}

for (const rules of RULES) {
  describe(`a payee that re-enters the broker with a stray ticket under rules ${rules} (F6)`, () => {
    const at = useStage({ rules })

    it('moves nothing, since the deposit is spent before its code runs', async () => {
      expect(await strayGain(at())).to.equal(0n)
    })

    it('moves nothing by redeeming the stray before and after the commit', async () => {
      await at().pay({ tickets: [{ recipient: payees[0] ?? zeroAddress, amountWei: FACE_WEI }] })
      const data = await strayCall(at())
      const sent = at().stranger.sendTransaction({ to: WORLD.ticketBroker, data })
      expect(
        await sent.then(
          () => 'redeemed',
          () => 'refused',
        ),
      ).to.equal('refused')
    })
  })
}

describe('an anchor that pays transfers while the deposit stands, with more gas', () => {
  const at = useMutant(['ticketsFirst', 'transferGas'], 'v1')

  it('loses a payee’s money to a stray ticket: the test above can fail', async () => {
    expect(await strayGain(at())).to.equal(STRAY_WEI)
  })
})

async function strayGain(stage: Stage): Promise<bigint> {
  const payee = await reentering(stage, WORLD.ticketBroker, await strayCall(stage))
  const { receipt } = await stage.pay({
    tickets: [{ recipient: payees[0] ?? zeroAddress, amountWei: FACE_WEI }],
    transfers: [{ recipient: payee, amountWei: 1n }],
  })
  return strayWei(receipt.logs)
}

describe('a payee of a transfer', () => {
  const at = useStage()

  for (const name of ['RefusingPayee', 'GreedyPayee']) {
    it(`that is a ${name} loses its own bit and nobody else’s (G9)`, async () => {
      const bad = await deploy(at(), name)
      const transfers = [bad, addressOf('one'), bad, addressOf('two')].map((recipient) => ({
        recipient,
        amountWei: 3n,
      }))
      const { receipt } = await at().pay({ transfers })
      const [settled] = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'Settled' })
      expect(settled?.args.bitmap).to.equal(0b1010n)
    })
  }

  it('gets 30,000 gas and the stipend of 2,300, whatever the transaction’s limit', async () => {
    const payee = await deploy(at(), 'MeteredPayee')
    for (const gas of [1_000_000n, 30_000_000n]) {
      const payment = await at().aPayment({ transfers: [{ recipient: payee, amountWei: 1n }] })
      const { logs } = await at().send(payment, gas)
      const [given] = parseEventLogs({ abi: PAYEE_ABI, logs, eventName: 'Given' })
      const gasLeft = given?.args.gasLeft ?? 0n
      expect(gasLeft > 32_000n && gasLeft <= 32_300n).to.equal(true)
    }
  })

  it('can’t make the anchor pay for copying its answer', async () => {
    const gasOf = async (name: string) => {
      const recipient = await deploy(at(), name)
      const { receipt } = await at().pay({ transfers: [{ recipient, amountWei: 1n }] })
      return receipt.gasUsed
    }
    const idle = await gasOf('MeteredPayee')
    const chatty = await gasOf('ChattyPayee')
    const memoryGas = 5_000n
    expect(chatty < idle + memoryGas).to.equal(true)
  })
})

/** A stage whose anchor lacks the named protections. */
function useMutant(without: readonly (keyof typeof CUTS)[], rules: Rules = 'v2') {
  const options = { rules, anchorBytecode: '0x' as Hex }
  before(async () => {
    options.anchorBytecode = await mutantBytecode(...without)
    expect(options.anchorBytecode).to.not.equal((await readArtifact('LedgerAnchor')).bytecode)
  })
  return useStage(options)
}
