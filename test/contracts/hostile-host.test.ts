import { expect } from 'chai'
import { encodeFunctionData, type Hex, keccak256, parseEther, parseEventLogs, toHex, zeroAddress } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { TICKET_BROKER_ABI, WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { type CUTS, mutantBytecode } from './mutant.ts'
import { refuses, refusesSaying, refusesTicket } from './refusal.ts'
import { type PayOptions, payees, ROUND_LENGTH_BLOCKS, RULES, type Rules, type Stage, useStage } from './stage.ts'
import { addressOf, keyOf, type Payee, signTicket, ticketOf, word } from './wire.ts'

const FACE_WEI = 1_000n
const UNREGISTERED = addressOf('nobody bonded')
const BONDED = addressOf('bonded and never active')
const SHORT_OF_MONEY: Record<Rules, string> = {
  v1: 'sender deposit and reserve are zero',
  v2: 'sender deposit and reserve insufficient to cover ticket face value',
}

const payee = (i: number, amountWei = FACE_WEI): Payee => ({ recipient: payees[i] ?? zeroAddress, amountWei })

async function tryPay(stage: Stage, options: PayOptions) {
  return stage.anchor.simulate.commitAndPay((await stage.aPayment(options)).args)
}

type Payment = Awaited<ReturnType<Stage['aPayment']>>

/** The redemption of one ticket out of a signed payment, as a thief of the transaction would send it. */
function lifted(payment: Payment, index: number) {
  const ticket = payment.tickets[index]
  if (ticket === undefined) throw new Error('no such ticket')
  return [ticket.ticket, ticket.full, ticket.recipientRand] as const
}

async function bitmapOf(stage: Stage, payment: Payment): Promise<bigint | undefined> {
  const { logs } = await stage.send(payment)
  return parseEventLogs({ abi: ANCHOR_ABI, logs, eventName: 'Settled' })[0]?.args.bitmap
}

/** A face value that some other boot signed to another payee: a stray. */
async function aStray(stage: Stage, amountWei: bigint) {
  const fields = { sender: stage.authority.address, session: keyOf('old session').address, payoutId: 9n }
  const made = ticketOf({ ...fields, payee: payee(5, amountWei), ...(await stage.roundFields()) })
  return [made.ticket, (await signTicket(stage.authority, made.ticket)).full, made.recipientRand] as const
}

for (const rules of RULES) {
  describe(`the host under broker rules ${rules}`, () => {
    const at = useStage({ rules, bondedOnly: [BONDED] })

    it('moves nothing with a ticket lifted out of a commit that was not mined (A7)', async () => {
      const payment = await at().aPayment({ tickets: [payee(0), payee(1)] })
      await refusesSaying(at().broker.simulate.redeemWinningTicket(lifted(payment, 1)), SHORT_OF_MONEY[rules])
      expect(await bitmapOf(at(), payment)).to.equal(3n)
    })

    it('moves nothing with a stray ticket after a commit: no deposit is left behind (A26)', async () => {
      await at().pay({ tickets: [payee(0), payee(1)] })
      const stray = await aStray(at(), FACE_WEI)
      await refusesSaying(at().broker.simulate.redeemWinningTicket(stray), SHORT_OF_MONEY[rules])
    })

    it('can’t burn the ticket of a later boot with the stray of an earlier one (F27)', async () => {
      const payment = await at().aPayment({ tickets: [payee(0)], firstPayoutId: 9n })
      const stray = ticketOf({
        sender: at().authority.address,
        session: keyOf('old session').address,
        payoutId: 9n,
        payee: payee(0),
        ...(await at().roundFields()),
      })
      await at().broker.write.fundDepositAndReserveFor([at().authority.address, FACE_WEI, 0n], { value: FACE_WEI })
      const { full } = await signTicket(at().authority, stray.ticket)
      await at().broker.write.redeemWinningTicket([stray.ticket, full, stray.recipientRand])
      expect(await bitmapOf(at(), payment)).to.equal(1n)
    })

    it('fails the whole call when one ticket fails, naming it, and skip frees the others (S13)', async () => {
      const tickets = Array.from({ length: 50 }, (_, i) => payee(i % 20))
      tickets[17] = { recipient: UNREGISTERED, amountWei: FACE_WEI }
      await refusesTicket(tryPay(at(), { tickets }), 17n, 'transcoder must be registered')
      const payment = await at().aPayment({ tickets, skip: 1n << 17n })
      expect(await bitmapOf(at(), payment)).to.equal((2n ** 50n - 1n) & ~(1n << 17n))
      expect(await at().depositWei()).to.equal(0n)
    })

    it('pays a transcoder that was never active from the next round on', async () => {
      const tickets = [payee(0), { recipient: BONDED, amountWei: FACE_WEI }]
      await refusesTicket(tryPay(at(), { tickets }), 1n, 'Panic 0x12')
      await nextRound(at())
      await tryPay(at(), { tickets })
    })

    it('only delays a payout with a wrong, unknown, future or expired round (A24)', async () => {
      const { round, roundHash } = await at().roundFields()
      const tickets = [payee(0)]
      const unknown = 'ticket creationRound does not have a block hash'
      await refusesTicket(tryPay(at(), { tickets, round: round - 1n }), 0n, unknown)
      await refusesTicket(tryPay(at(), { tickets, round: round + 1n }), 0n, unknown)
      const wrong = 'ticket creationRoundBlockHash invalid for creationRound'
      await refusesTicket(tryPay(at(), { tickets, roundHash: word(1) }), 0n, wrong)
      await nextRound(at())
      await tryPay(at(), { tickets, round, roundHash })
      await nextRound(at())
      await refusesTicket(tryPay(at(), { tickets, round, roundHash }), 0n, 'ticket is expired')
      expect(await bitmapOf(at(), await at().aPayment({ tickets }))).to.equal(1n)
    })

    it('moves nothing with an expired ticket when governance revives it (S14)', async () => {
      const stray = await aStray(at(), FACE_WEI)
      await nextRound(at())
      await nextRound(at())
      await refusesSaying(at().broker.simulate.redeemWinningTicket(stray), 'ticket is expired')
      const data = encodeFunctionData({ abi: WORLD_ABI, functionName: 'setTicketValidityPeriod', args: [9n] })
      await at().deps.send({ to: WORLD.ticketBroker, data })
      await refusesSaying(at().broker.simulate.redeemWinningTicket(stray), SHORT_OF_MONEY[rules])
    })

    it('pays no ticket in the gap between rounds or in a pause, and transfers all the same', async () => {
      const transfers = [{ recipient: addressOf('someone'), amountWei: 1n }]
      const options = { tickets: [payee(0)], ...(await at().roundFields()) }
      await at().tester.mine(ROUND_LENGTH_BLOCKS)
      await refusesTicket(tryPay(at(), options), 0n, 'current round is not initialized')
      await tryPay(at(), { transfers })
      await tryPay(at(), { ...options, transfers, skip: 1n })
      await at().rounds.write.initializeRound()
      await at().controller.write.pause()
      await refusesSaying(tryPay(at(), { tickets: [payee(0)] }), 'system is paused')
      await tryPay(at(), { transfers })
    })

    it('refuses a broker that was upgraded to keep the money', async () => {
      const { address } = await at().viem.deployContract('IdleTicketBroker')
      const id = keccak256(toHex('TicketBrokerTarget'))
      await at().controller.write.setContractInfo([id, address, `0x${'00'.repeat(20)}`])
      await refuses(tryPay(at(), { tickets: [payee(0)] }), 'AnchorDepositChanged', [0n, FACE_WEI])
    })

    it('pays everything or reverts at every gas limit (A19, G10)', async () => {
      expect(await outcomesByGas(at(), 'FussyPayee')).to.deep.equal(['0b11111', 'reverted'])
    })
  })
}

describe('dust given to the authority (A25)', () => {
  const v1 = useStage({ rules: 'v1' })

  async function burn(stage: Stage) {
    const payment = await stage.aPayment({ tickets: [payee(0), payee(1)] })
    await stage.broker.write.fundDepositAndReserveFor([stage.authority.address, 1n, 0n], { value: 1n })
    await stage.broker.write.redeemWinningTicket(lifted(payment, 0), { account: stage.stranger.account })
    return payment
  }

  it('burns a ticket under v1 for one wei of the attacker’s; the treasury is untouched', async () => {
    const payment = await burn(v1())
    await refusesTicket(v1().anchor.simulate.commitAndPay(payment.args), 0n, 'ticket is used')
    expect(await v1().publicClient.getBalance({ address: v1().anchor.address })).to.equal(parseEther('100'))
  })

  it('costs the payee one cycle: skipped now, paid in full under the next payout id', async () => {
    await burn(v1())
    const tickets = [payee(0), payee(1)]
    expect(await bitmapOf(v1(), await v1().aPayment({ tickets, skip: 1n }))).to.equal(2n)
    const again = await v1().aPayment({ tickets: [payee(0)], firstPayoutId: 3n })
    const { logs } = await v1().send(again)
    const [moved] = parseEventLogs({ abi: TICKET_BROKER_ABI, logs, eventName: 'WinningTicketTransfer' })
    expect(moved?.args.amount).to.equal(FACE_WEI)
  })

  const v2 = useStage({ rules: 'v2' })

  it('burns nothing under v2', async () => {
    const payment = await v2().aPayment({ tickets: [payee(0)] })
    await v2().broker.write.fundDepositAndReserveFor([v2().authority.address, 1n, 0n], { value: 1n })
    await refusesSaying(v2().broker.simulate.redeemWinningTicket(lifted(payment, 0)), SHORT_OF_MONEY.v2)
    expect(await bitmapOf(v2(), payment)).to.equal(1n)
  })
})

describe('an anchor that lets a ticket fail', () => {
  const caught = useMutant(['ticketFailureReverts'])
  const open = useMutant(['ticketFailureReverts', 'depositCheck'])
  const tickets = [payee(0), { recipient: UNREGISTERED, amountWei: FACE_WEI }]

  it('is still stopped by the check of the deposit', async () => {
    await refuses(tryPay(caught(), { tickets }), 'AnchorDepositChanged', [0n, FACE_WEI])
  })

  it('loses the leftover to a stray ticket without that check too: the tests of A26 can fail', async () => {
    await open().pay({ tickets })
    expect(await open().depositWei()).to.equal(FACE_WEI)
    const data = encodeFunctionData({
      abi: TICKET_BROKER_ABI,
      functionName: 'redeemWinningTicket',
      args: await aStray(open(), FACE_WEI),
    })
    const receipt = await open().mined(await open().stranger.sendTransaction({ to: WORLD.ticketBroker, data }))
    const [moved] = parseEventLogs({ abi: TICKET_BROKER_ABI, logs: receipt.logs, eventName: 'WinningTicketTransfer' })
    expect(moved?.args).to.deep.include({ recipient: payees[5], amount: FACE_WEI })
  })
})

describe('an anchor without the gas floor', () => {
  const at = useMutant(['gasFloor'])

  it('marks a payout failed at some limit of the relayer’s choice: the sweep can fail', async () => {
    const outcomes = await outcomesByGas(at(), 'FussyPayee')
    expect(outcomes).to.not.deep.equal(['0b11111', 'reverted'])
    expect(outcomes).to.include('0b11111')
  })
})

const SWEEP_STEPS = 160n

/** Every outcome of one payment over a sweep of gas limits, sorted, each once. */
async function outcomesByGas(stage: Stage, payeeContract: string): Promise<string[]> {
  const { address } = await stage.viem.deployContract(payeeContract)
  const transfers = [1n, 2n, 3n].map((amountWei) => ({ recipient: address, amountWei }))
  const payment = await stage.aPayment({ tickets: [payee(0), payee(1)], transfers })
  const snapshot = await stage.tester.takeSnapshot()
  const { gasUsed } = await stage.send(payment)
  const outcomes = new Set<string>()
  const [from, to] = [(gasUsed * 70n) / 100n, (gasUsed * 140n) / 100n]
  for (let step = 0n; step <= SWEEP_STEPS; step++) {
    await snapshot.restore()
    outcomes.add(await outcomeAt(stage, payment, from + ((to - from) * step) / SWEEP_STEPS))
  }
  return [...outcomes].sort()
}

async function outcomeAt(stage: Stage, payment: Payment, gas: bigint): Promise<string> {
  const logs = await stage.send(payment, gas).then(
    (receipt) => receipt.logs,
    () => [],
  )
  const [settled] = parseEventLogs({ abi: ANCHOR_ABI, logs, eventName: 'Settled' })
  return settled === undefined ? 'reverted' : `0b${settled.args.bitmap.toString(2)}`
}

async function nextRound(stage: Stage): Promise<void> {
  await stage.tester.mine(ROUND_LENGTH_BLOCKS)
  await stage.rounds.write.initializeRound()
}

/** A stage whose anchor lacks the named protections. */
function useMutant(without: readonly (keyof typeof CUTS)[]) {
  const options = { anchorBytecode: '0x' as Hex }
  before(async () => {
    options.anchorBytecode = await mutantBytecode(...without)
  })
  return useStage(options)
}
