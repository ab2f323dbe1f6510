import { expect } from 'chai'
import {
  type Address,
  concat,
  type Hex,
  numberToHex,
  parseAbi,
  parseEther,
  parseEventLogs,
  zeroAddress,
  zeroHash,
} from 'viem'
import { setRules, TICKET_BROKER_ABI, WORLD, WORLD_FIRST_ROUND } from '../../scripts/chain/world.ts'
import { refusesSaying } from './refusal.ts'
import { payees, ROUND_LENGTH_BLOCKS, RULES, type Stage, useStage } from './stage.ts'
import { addressOf, highS, keyOf, signTicket, type Ticket, ticketOf, word } from './wire.ts'

const FACE_WEI = 1_000n
const PAYER = keyOf('a payer')
const BONDED = addressOf('bonded and never active')

const FEES_ABI = parseAbi(['function updateTranscoderWithFees(address transcoder, uint256 fees, uint256 round)'])

type Redemption = readonly [ticket: Ticket, sig: Hex, recipientRand: bigint]

async function aRedemption(stage: Stage, change: Partial<Ticket> = {}, payoutId = 1n): Promise<Redemption> {
  const payee = { recipient: payees[0] ?? zeroAddress, amountWei: FACE_WEI }
  const fields = { sender: PAYER.address, session: keyOf('session 1').address, payee, payoutId }
  const made = ticketOf({ ...fields, ...(await stage.roundFields()) })
  const ticket = { ...made.ticket, ...change }
  return [ticket, (await signTicket(PAYER, ticket)).full, made.recipientRand]
}

async function fund(stage: Stage, depositWei: bigint, reserveWei = 0n): Promise<void> {
  const value = depositWei + reserveWei
  await stage.broker.write.fundDepositAndReserveFor([PAYER.address, depositWei, reserveWei], { value })
}

const tryRedeem = (stage: Stage, redemption: Redemption) => stage.broker.simulate.redeemWinningTicket(redemption)

async function redeem(stage: Stage, redemption: Redemption) {
  const receipt = await stage.mined(await stage.broker.write.redeemWinningTicket(redemption))
  return parseEventLogs({ abi: TICKET_BROKER_ABI, logs: receipt.logs })
}

/** Makes the payer able to send its own transactions on the embedded chain. */
async function payerOf(stage: Stage): Promise<{ account: Address }> {
  await stage.tester.impersonateAccount(PAYER.address)
  await stage.tester.setBalance(PAYER.address, parseEther('1'))
  return { account: PAYER.address }
}

async function nextRound(stage: Stage): Promise<void> {
  await stage.tester.mine(ROUND_LENGTH_BLOCKS)
  await stage.rounds.write.initializeRound()
}

for (const rules of RULES) {
  describe(`the broker of the embedded chain under rules ${rules}`, () => {
    const at = useStage({ rules, bondedOnly: [BONDED] })

    it('pays the face value once and tells of it in two events', async () => {
      await fund(at(), FACE_WEI)
      const redemption = await aRedemption(at())
      const events = await redeem(at(), redemption)
      expect(events.map(({ eventName }) => eventName)).to.deep.equal(['WinningTicketTransfer', 'WinningTicketRedeemed'])
      await refusesSaying(tryRedeem(at(), redemption), 'ticket is used')
    })

    it('pays one senderNonce twice when the face value differs', async () => {
      await fund(at(), 3n * FACE_WEI)
      await redeem(at(), await aRedemption(at()))
      await redeem(at(), await aRedemption(at(), { faceValue: 2n * FACE_WEI }))
    })

    it('names the failing check of a redemption, in the order of the deployed contract', async () => {
      const { round, roundHash } = await at().roundFields()
      const aux = (r: bigint, hash: Hex) => concat([numberToHex(r, { size: 32 }), hash])
      const auxData = '0x11' as Hex
      const flaws: readonly [Partial<Ticket>, string][] = [
        [{ recipient: zeroAddress, sender: zeroAddress, auxData }, 'ticket recipient is null address'],
        [{ sender: zeroAddress, auxData }, 'ticket sender is null address'],
        [{ auxData, recipientRandHash: zeroHash }, 'invalid length for ticket auxData: must be 64 bytes'],
        [{ auxData: aux(round + 9n, word(1)) }, 'ticket creationRound does not have a block hash'],
        [{ auxData: aux(round, word(1)) }, 'ticket creationRoundBlockHash invalid for creationRound'],
        [
          { auxData: aux(round, roundHash), recipientRandHash: zeroHash },
          'recipientRand does not match recipientRandHash',
        ],
      ]
      for (const [change, text] of flaws) await refusesSaying(tryRedeem(at(), await aRedemption(at(), change)), text)
    })

    it('names the flaw of a signature', async () => {
      const [ticket, sig, rand] = await aRedemption(at())
      const attempt = (form: Hex) => tryRedeem(at(), [ticket, form, rand])
      await refusesSaying(attempt('0x'), 'INVALID_SIGNATURE_LENGTH')
      await refusesSaying(attempt(`${sig}00`), 'INVALID_SIGNATURE_LENGTH')
      await refusesSaying(attempt(`${sig.slice(0, -2)}1d` as Hex), "ECDSA: invalid signature 'v' value")
      await refusesSaying(attempt(highS(sig)), "ECDSA: invalid signature 's' value")
      await refusesSaying(
        attempt((await signTicket(keyOf('nobody'), ticket)).full),
        'invalid signature over ticket hash',
      )
    })

    it('refuses a ticket that lost', async () => {
      await refusesSaying(tryRedeem(at(), await aRedemption(at(), { winProb: 1n })), 'ticket did not win')
    })

    it('refuses a payee who never bonded or was never active, until the next round', async () => {
      await fund(at(), FACE_WEI)
      const unknown = await aRedemption(at(), { recipient: addressOf('nobody bonded') })
      await refusesSaying(tryRedeem(at(), unknown), 'transcoder must be registered')
      const bonded = await aRedemption(at(), { recipient: BONDED })
      await refusesSaying(tryRedeem(at(), bonded), 'Panic 0x12')
      await nextRound(at())
      await tryRedeem(at(), bonded)
    })

    it('takes the order of pause, round gap and the rest', async () => {
      const bad = await aRedemption(at(), { recipient: zeroAddress })
      await at().tester.mine(ROUND_LENGTH_BLOCKS)
      await refusesSaying(tryRedeem(at(), bad), 'current round is not initialized')
      await at().controller.write.pause()
      await refusesSaying(tryRedeem(at(), bad), 'system is paused')
    })

    it('burns a ticket of nothing in silence, and asks nothing about its payee', async () => {
      await fund(at(), 1n)
      const redemption = await aRedemption(at(), { faceValue: 0n, recipient: addressOf('nobody bonded') })
      const events = await redeem(at(), redemption)
      expect(events.map(({ eventName }) => eventName)).to.deep.equal(['WinningTicketRedeemed'])
    })

    it('swallows every failure in a batch and reports status 1', async () => {
      await fund(at(), FACE_WEI)
      const good = await aRedemption(at())
      const bad = await aRedemption(at(), { recipient: addressOf('nobody bonded') }, 2n)
      const list = [bad, good, good]
      const args = [list.map(([t]) => t), list.map(([, s]) => s), list.map(([, , r]) => r)] as const
      const receipt = await at().mined(await at().broker.write.batchRedeemWinningTickets(args, { gas: 5_000_000n }))
      expect(receipt.status).to.equal('success')
      const events = parseEventLogs({ abi: TICKET_BROKER_ABI, logs: receipt.logs, eventName: 'WinningTicketRedeemed' })
      expect(events).to.have.length(1)
    })

    it('panics over a batch with fewer signatures than tickets, and takes an empty one', async () => {
      const [ticket, , rand] = await aRedemption(at())
      await refusesSaying(at().broker.simulate.batchRedeemWinningTickets([[ticket], [], [rand]]), 'Panic 0x32')
      await at().broker.simulate.batchRedeemWinningTickets([[], [], []])
    })

    it('lets the sender unlock and withdraw after two rounds, and not be held by others’ gifts', async () => {
      await fund(at(), FACE_WEI, 7n)
      const payer = await payerOf(at())
      await at().broker.write.unlock(payer)
      await fund(at(), 1n)
      await refusesSaying(at().broker.simulate.withdraw(payer), 'account is locked')
      await nextRound(at())
      await nextRound(at())
      await refusesSaying(tryRedeem(at(), await aRedemption(at())), 'sender is unlocked')
      const { logs } = await at().mined(await at().broker.write.withdraw(payer))
      expect(logs).to.have.length(1)
      const [sender, reserve] = await at().broker.read.getSenderInfo([PAYER.address])
      expect([sender.deposit, reserve.fundsRemaining]).to.deep.equal([0n, 0n])
    })

    it('cancels an unlock when the sender funds himself', async () => {
      await fund(at(), FACE_WEI)
      const payer = await payerOf(at())
      await at().broker.write.unlock(payer)
      await at().broker.write.fundDeposit({ ...payer, value: 1n })
      expect(await at().broker.read.isUnlockInProgress([PAYER.address])).to.equal(false)
      await refusesSaying(at().broker.simulate.withdraw(payer), 'no unlock request in progress')
    })

    it('pays short out of the payee’s share of the reserve, and burns the ticket', async () => {
      const size = await at().bonding.read.getTranscoderPoolSize()
      await fund(at(), 10n, 100n * size)
      const events = await redeem(at(), await aRedemption(at(), { faceValue: 300n }))
      expect(events.map(({ eventName }) => eventName)).to.deep.equal([
        'ReserveClaimed',
        'WinningTicketTransfer',
        'WinningTicketRedeemed',
      ])
      expect(events[1]?.args).to.deep.include({ amount: 110n })
    })

    it('runs the other rules from the moment the controller names them', async () => {
      await fund(at(), 1n)
      const redemption = await aRedemption(at())
      await setRules(at().deps, 'v1')
      await tryRedeem(at(), redemption)
      await setRules(at().deps, 'v2')
      const text = 'sender deposit and reserve insufficient to cover ticket face value'
      await refusesSaying(tryRedeem(at(), redemption), text)
    })
  })
}

describe('the world of the embedded chain', () => {
  const at = useStage()

  it('stands in its first round with every transcoder registered, active and listed', async () => {
    expect(await at().rounds.read.currentRound()).to.equal(WORLD_FIRST_ROUND)
    expect(await at().rounds.read.currentRoundInitialized()).to.equal(true)
    let listed = await at().bonding.read.getFirstTranscoderInPool()
    for (const payee of payees) {
      expect(listed).to.equal(payee)
      expect(await at().bonding.read.isActiveTranscoder([payee])).to.equal(true)
      expect(await at().bonding.read.isRegisteredTranscoder([payee])).to.equal(true)
      listed = await at().bonding.read.getNextTranscoderInPool([payee])
    }
    expect(await at().bonding.read.getTranscoderPoolSize()).to.equal(BigInt(payees.length))
  })

  it('lets anyone open a round, once', async () => {
    await refusesSaying(at().rounds.simulate.initializeRound(), 'round already initialized')
    await at().tester.mine(ROUND_LENGTH_BLOCKS)
    await at().rounds.write.initializeRound({ account: at().stranger.account })
    expect(await at().rounds.read.currentRound()).to.equal(WORLD_FIRST_ROUND + 1n)
  })

  it('books fees for the broker alone, and obeys the controller’s owner alone', async () => {
    const account = at().stranger.account.address
    await refusesSaying(at().controller.simulate.pause({ account }), 'Ownable: caller is not the owner')
    const fees = { address: WORLD.bondingManager, abi: FEES_ABI, functionName: 'updateTranscoderWithFees' } as const
    const booked = at().publicClient.simulateContract({ ...fees, args: [payees[0] ?? zeroAddress, 1n, 1n], account })
    await refusesSaying(booked, 'caller must be TicketBroker')
    const setLength = at().rounds.simulate.setRoundLength([1n], { account })
    await refusesSaying(setLength, 'caller must be Controller owner')
  })

  it('keeps a transcoder registered and payable after he leaves the active set', async () => {
    const leaver = payees[0] ?? zeroAddress
    await at().bonding.write.deactivate([leaver])
    await nextRound(at())
    expect(await at().bonding.read.isActiveTranscoder([leaver])).to.equal(false)
    await fund(at(), FACE_WEI)
    await redeem(at(), await aRedemption(at()))
    expect(await at().bonding.read.getFirstTranscoderInPool()).to.equal(payees[1])
    expect(await at().broker.read.claimableReserve([PAYER.address, leaver])).to.equal(0n)
  })

  it('holds all ether of the broker at the Minter', async () => {
    await fund(at(), FACE_WEI)
    expect(await at().publicClient.getBalance({ address: WORLD.ticketBroker })).to.equal(0n)
    expect(await at().publicClient.getBalance({ address: WORLD.minter })).to.equal(FACE_WEI)
  })
})
