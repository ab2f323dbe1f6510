import { expect } from 'chai'
import { type Hex, parseEther, parseEventLogs, zeroAddress, zeroHash } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { TICKET_BROKER_ABI, WORLD, WORLD_FIRST_ROUND } from '../../scripts/chain/world.ts'
import { refuses } from './refusal.ts'
import { type PayOptions, payees, RULES, type Stage, TREASURY_WEI, useStage } from './stage.ts'
import { addressOf, foldedHead, keyOf, type Payee, word } from './wire.ts'

const GWEI = 10n ** 9n

function ticketsOf(count: number, amountWei = GWEI): Payee[] {
  return Array.from({ length: count }, (_, i) => ({ recipient: payees[i % payees.length] ?? zeroAddress, amountWei }))
}

function transfersOf(count: number, amountWei = GWEI): Payee[] {
  return Array.from({ length: count }, (_, i) => ({ recipient: addressOf(`account ${i}`), amountWei }))
}

/** Asks the chain whether it would take this payment; nothing is sent. */
async function tryPay(stage: Stage, options: PayOptions) {
  const { args } = await stage.aPayment(options)
  return stage.anchor.simulate.commitAndPay(args, { account: stage.stranger.account.address })
}

const treasuryWei = (stage: Stage) => stage.publicClient.getBalance({ address: stage.anchor.address })

for (const rules of RULES) {
  describe(`commitAndPay under broker rules ${rules}`, () => {
    const at = useStage({ rules })

    it('pays tickets and transfers and folds both into the head', async () => {
      const [tickets, transfers] = [ticketsOf(3), transfersOf(2, 5n)]
      const { receipt, commit } = await at().pay({ tickets, transfers })
      const head = foldedHead(commit.next, 0b11111n)
      expect(await at().anchor.read.head()).to.equal(head)
      const events = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs })
      expect(events.map(({ eventName }) => eventName)).to.deep.equal(['Committed', 'Settled'])
      expect(events[1]?.args).to.deep.equal({ sequence: 1, bitmap: 0b11111n, head })
      expect(await treasuryWei(at())).to.equal(TREASURY_WEI - 3n * GWEI - 10n)
    })

    it('credits each transcoder with the whole face value, withdrawable as ether', async () => {
      const payee = await transcoderWithKey(at())
      await at().pay({ tickets: [{ recipient: payee, amountWei: parseEther('2') }] })
      const feesWei = await at().bonding.read.pendingFees([payee, WORLD_FIRST_ROUND])
      const roundingWei = 10n ** 6n
      expect(feesWei >= parseEther('2') - roundingWei && feesWei <= parseEther('2')).to.equal(true)
      const to = addressOf('cold wallet')
      await at().bonding.write.withdrawFees([to, feesWei], { account: payee })
      expect(await at().publicClient.getBalance({ address: to })).to.equal(feesWei)
    })

    it('builds the ticket of the protocol page: nonce, rand, face value, sender, full probability', async () => {
      const { receipt, tickets } = await at().pay({ tickets: ticketsOf(3), firstPayoutId: 41n })
      const redeemed = parseEventLogs({
        abi: TICKET_BROKER_ABI,
        logs: receipt.logs,
        eventName: 'WinningTicketRedeemed',
      })
      expect(redeemed.map(({ args }) => args)).to.deep.equal(
        tickets.map(({ ticket: { recipientRandHash: _, ...shown }, recipientRand }) => ({ ...shown, recipientRand })),
      )
      const session = BigInt(keyOf('session 1').address)
      expect(tickets[2]?.recipientRand).to.equal((session << 64n) | 43n)
    })

    it('leaves the deposit of the authority at zero', async () => {
      await at().pay({ tickets: ticketsOf(4) })
      expect(await at().depositWei()).to.equal(0n)
    })

    it('leaves a donation in the deposit exactly where it was', async () => {
      await at().broker.write.fundDepositAndReserveFor([at().authority.address, 77n, 5n], { value: 82n })
      await at().pay({ tickets: ticketsOf(2) })
      expect(await at().depositWei()).to.equal(77n)
    })

    it('pays every subset that skip leaves, and funds no more than that', async () => {
      for (let skip = 0n; skip < 16n; skip++) {
        const before = await treasuryWei(at())
        const options = { tickets: ticketsOf(2, 3n), transfers: transfersOf(2, 5n), firstPayoutId: 1n + 10n * skip }
        const { receipt } = await at().pay({ ...options, skip })
        const [settled] = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'Settled' })
        expect(settled?.args.bitmap).to.equal(15n & ~skip)
        const paidWei = [3n, 3n, 5n, 5n].reduce((sum, wei, i) => ((skip >> BigInt(i)) & 1n ? sum : sum + wei), 0n)
        expect(before - (await treasuryWei(at()))).to.equal(paidWei)
      }
    })

    it('pays the largest payout that fits, 2⁹⁶−1 wei', async () => {
      const amountWei = 2n ** 96n - 1n
      await at().tester.setBalance(at().anchor.address, 2n * amountWei)
      await at().pay({ tickets: ticketsOf(1, amountWei), transfers: transfersOf(1, amountWei) })
      expect(await treasuryWei(at())).to.equal(0n)
    })

    it('pays the same tickets again only under new payout ids: the broker knows the old hashes', async () => {
      const { args } = await at().pay({ tickets: ticketsOf(1) })
      const again = await at().aPayment({ tickets: ticketsOf(1) })
      expect(again.args[1]).to.equal(args[1])
      await refuses(at().anchor.simulate.commitAndPay(again.args), 'AnchorTicketFailed')
      await at().pay({ tickets: ticketsOf(1), firstPayoutId: 2n })
    })
  })
}

describe('commitAndPay, relayed', () => {
  const at = useStage()

  it('lands from a third party, and the copy that comes second names the sequence (G11)', async () => {
    const payment = await at().aPayment({ tickets: ticketsOf(2) })
    await at().anchor.write.commitAndPay(payment.args, { account: at().stranger.account })
    expect(await at().anchor.read.head()).to.equal(foldedHead(payment.commit.next, 3n))
    await refuses(at().anchor.simulate.commitAndPay(payment.args), 'AnchorWrongSequence', [2n, 1n])
  })

  it('refuses a relayer who changes the payouts or the skip', async () => {
    const { args } = await at().aPayment({ tickets: ticketsOf(1), transfers: transfersOf(1) })
    const [commit, payouts, skip, sig] = args
    const edited = `${payouts.slice(0, -1)}${payouts.endsWith('0') ? '1' : '0'}` as Hex
    const call = at().anchor.simulate.commitAndPay
    await refuses(call([commit, edited, skip, sig]), 'AnchorWrongPayouts')
    await refuses(call([commit, payouts, 1n, sig]), 'AnchorWrongPayouts')
    await refuses(call([{ ...commit, payoutsHash: zeroHash }, payouts, skip, sig]), 'AnchorBadSignature')
    await call(args)
  })

  it('refuses the payouts of a bare commit', async () => {
    const commit = await at().aCommit()
    const sig = await at().signCommit(commit)
    await refuses(at().anchor.simulate.commitAndPay([commit, '0x', 0n, sig]), 'AnchorWrongPayouts')
  })

  it('accepts donations to the treasury from anyone', async () => {
    await at().stranger.sendTransaction({ to: at().anchor.address, value: 9n })
    expect(await treasuryWei(at())).to.equal(TREASURY_WEI + 9n)
  })

  it('refuses ether that comes with a call', async () => {
    const sent = at().stranger.sendTransaction({ to: at().anchor.address, value: 9n, data: '0x12345678' })
    expect(
      await sent.then(
        () => 'passed',
        () => 'refused',
      ),
    ).to.equal('refused')
  })
})

describe('the form of payouts', () => {
  const at = useStage()

  it('takes 128 payouts of either kind and refuses 129 (F5)', async () => {
    await tryPay(at(), { tickets: ticketsOf(128) })
    await tryPay(at(), { transfers: transfersOf(128) })
    await tryPay(at(), { tickets: ticketsOf(1), transfers: transfersOf(127) })
    await refuses(tryPay(at(), { tickets: ticketsOf(129) }), 'AnchorPayoutCount', [128n, 129n])
    await refuses(tryPay(at(), { transfers: transfersOf(129) }), 'AnchorPayoutCount', [128n, 129n])
    await refuses(tryPay(at(), { tickets: ticketsOf(1), transfers: transfersOf(128) }), 'AnchorPayoutCount', [
      128n,
      129n,
    ])
  })

  it('refuses no payouts at all', async () => {
    await refuses(tryPay(at(), {}), 'AnchorPayoutCount', [128n, 0n])
  })

  it('refuses every length but the exact one', async () => {
    const options = { tickets: ticketsOf(1), transfers: transfersOf(1) }
    await tryPay(at(), options)
    const cut = (bytes: number) => (payouts: Hex) => payouts.slice(0, payouts.length - 2 * bytes) as Hex
    await refuses(tryPay(at(), { ...options, edit: cut(1) }), 'AnchorPayoutLength', [146n, 177n])
    await refuses(tryPay(at(), { ...options, edit: cut(33) }), 'AnchorPayoutLength', [146n, 145n])
    await refuses(tryPay(at(), { ...options, edit: (p) => `${p}00` }), 'AnchorPayoutLength', [146n, 179n])
    await refuses(tryPay(at(), { ...options, edit: () => '0x' }), 'AnchorPayoutLength', [50n, 0n])
    await refuses(tryPay(at(), { ...options, edit: (p) => p.slice(0, 2 + 98) as Hex }), 'AnchorPayoutLength', [
      50n,
      49n,
    ])
  })

  it('refuses a skip bit for a payout that is not there', async () => {
    await tryPay(at(), { transfers: transfersOf(2), skip: 3n })
    await refuses(tryPay(at(), { transfers: transfersOf(2), skip: 4n }), 'AnchorSkip', [3n, 4n])
    const last = 1n << 127n
    await tryPay(at(), { transfers: transfersOf(128), skip: last })
    await refuses(tryPay(at(), { transfers: transfersOf(127), skip: last }), 'AnchorSkip', [2n ** 127n - 1n, last])
  })

  it('counts payout ids from 1 and keeps them below 2³²', async () => {
    const transfers = transfersOf(2)
    await refuses(tryPay(at(), { transfers, firstPayoutId: 0n }), 'AnchorPayoutId', [1n, 0n])
    await tryPay(at(), { transfers, firstPayoutId: 2n ** 32n - 2n })
    const past = { transfers, firstPayoutId: 2n ** 32n - 1n }
    await refuses(tryPay(at(), past), 'AnchorPayoutId', [2n ** 32n - 1n, 2n ** 32n])
    await refuses(tryPay(at(), { transfers, firstPayoutId: 2n ** 64n - 1n }), 'AnchorPayoutId')
  })

  it('wants round fields with tickets and none without', async () => {
    const tickets = ticketsOf(1)
    const { round, roundHash } = await at().roundFields()
    await refuses(tryPay(at(), { tickets, round: 0n, roundHash: zeroHash }), 'AnchorRound', [1n, 0n, zeroHash])
    await refuses(tryPay(at(), { tickets, round: 0n }), 'AnchorRound', [1n, 0n, roundHash])
    await refuses(tryPay(at(), { tickets, roundHash: zeroHash }), 'AnchorRound', [1n, round, zeroHash])
    await refuses(tryPay(at(), { transfers: transfersOf(1), round: 1n }), 'AnchorRound', [0n, 1n, zeroHash])
    await refuses(tryPay(at(), { transfers: transfersOf(1), roundHash: word(1) }), 'AnchorRound', [0n, 0n, word(1)])
  })

  it('refuses zero, anchor, broker and authority as recipients of either kind', async () => {
    for (const recipient of [zeroAddress, at().anchor.address, WORLD.ticketBroker, at().authority.address]) {
      const bad = { recipient, amountWei: 1n }
      await refuses(tryPay(at(), { tickets: [...ticketsOf(1), bad] }), 'AnchorRecipient', [1n, recipient])
      const options = { tickets: ticketsOf(2), transfers: [...transfersOf(1), bad] }
      await refuses(tryPay(at(), options), 'AnchorRecipient', [3n, recipient])
      await tryPay(at(), { ...options, skip: 8n })
    }
  })

  it('refuses a payout of nothing', async () => {
    await refuses(tryPay(at(), { tickets: ticketsOf(1, 0n) }), 'AnchorAmount', [0n, 0n])
    await refuses(tryPay(at(), { tickets: ticketsOf(1), transfers: transfersOf(1, 0n) }), 'AnchorAmount', [1n, 0n])
  })

  it('refuses more than the treasury holds, counting what is not skipped', async () => {
    const options = { tickets: ticketsOf(1, TREASURY_WEI), transfers: transfersOf(1, 1n) }
    await refuses(tryPay(at(), options), 'AnchorUnderfunded', [TREASURY_WEI + 1n, TREASURY_WEI])
    await tryPay(at(), { ...options, skip: 1n })
    await tryPay(at(), { ...options, skip: 2n })
  })

  it('is judged only after session, sequence, head and signature', async () => {
    const junk = { edit: () => '0x' as Hex, transfers: transfersOf(1) }
    await refuses(tryPay(at(), { ...junk, commit: { epoch: 9 } }), 'AnchorWrongEpoch')
    await refuses(tryPay(at(), { ...junk, commit: { sequence: 9 } }), 'AnchorWrongSequence')
    await refuses(tryPay(at(), { ...junk, commit: { prev: word(9) } }), 'AnchorStaleHead')
    await refuses(tryPay(at(), { ...junk, signer: keyOf('nobody') }), 'AnchorBadSignature')
    await refuses(tryPay(at(), { ...junk, commit: { payoutsHash: word(9) } }), 'AnchorWrongPayouts')
    await refuses(tryPay(at(), junk), 'AnchorPayoutLength')
  })
})

/** A registered transcoder whose transactions the embedded chain sends. */
async function transcoderWithKey(stage: Stage) {
  const payee = payees[0] ?? zeroAddress
  await stage.tester.impersonateAccount(payee)
  await stage.tester.setBalance(payee, parseEther('1'))
  return payee
}
