import { strict as assert } from 'node:assert'
import { concatHex, encodeFunctionData, type Hex, pad, slice } from 'viem'
import type { Address } from '../../enclave/protocol/ids.ts'
import { TICKET_BROKER_ABI } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import { aimed, deployed, reentries } from './payees.ts'
import { BROKER, movedWei, StolenSession } from './stolen-session.ts'
import { useStage } from './use-stage.ts'

const FACE_WEI = 1_000n
const STRAY_WEI = 400n
const WORD_BYTES = 32

for (const rules of ['v1', 'v2'] as const) {
  describe(`F6: a payee whose code brings a stray ticket to the broker under its rules ${rules}`, () => {
    const stage = useStage({ rules })

    it('finds the deposit empty again: tickets are redeemed before any transfer', async () => {
      const payee = await deployed(stage().node, 'ReenteringPayee')
      const session = await StolenSession.take(stage())
      const thief = stage().recipientOf('orch-1')
      const stray = await session.stray({ recipient: thief, amountWei: STRAY_WEI })
      await aimed(stage(), payee, BROKER, stray)
      const honest = { recipient: stage().recipientOf('orch-0'), amountWei: FACE_WEI }
      const call = await session.pay({ tickets: [honest], transfers: [{ recipient: payee, amountWei: 1n }] })
      const { bitmap, receipt } = await stage().relay(call)
      // His code runs out of gas on the way, which costs him his own transfer.
      assert.equal(bitmap, 0b01n)
      assert.deepEqual(reentries(receipt), [])
      assert.equal(movedWei(receipt.logs, thief), 0n)
      assert.equal(movedWei(receipt.logs, honest.recipient), FACE_WEI)
    })

    it('finds the deposit as it was before the call, whenever his code looks', async () => {
      const session = await StolenSession.take(stage())
      const payee = anAddress(0x7a72)
      await stage().node.request('hardhat_setCode', payee, refusesWhileHeld(stage().authority))
      const honest = { recipient: stage().recipientOf('orch-0'), amountWei: FACE_WEI }
      const call = await session.pay({ tickets: [honest], transfers: [{ recipient: payee, amountWei: 1n }] })
      const { bitmap } = await stage().relay(call)
      assert.equal(bitmap, 0b11n)
    })

    it('finds nothing there when the ticket comes alone', async () => {
      const session = await StolenSession.take(stage())
      const recipient = stage().recipientOf('orch-1')
      const { logs, status } = await stage().asStranger({
        to: BROKER,
        data: await session.stray({ recipient, amountWei: STRAY_WEI }),
      })
      assert.equal(status, '0x0')
      assert.equal(movedWei(logs, recipient), 0n)
    })
  })
}

/** The code of a payee who takes nothing while the broker holds a deposit of this sender. By hand: it has 30,000 gas. */
function refusesWhileHeld(sender: Address): Hex {
  const question = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'getSenderInfo', args: [sender] })
  return concatHex([
    // The question into memory: 36 bytes.
    '0x7f',
    slice(question, 0, WORD_BYTES),
    '0x600052',
    '0x7f',
    pad(slice(question, WORD_BYTES), { dir: 'right' }),
    '0x602052',
    // The first word of the answer over it, which is the deposit. A call that runs out of gas leaves the question there.
    '0x6020600060246000',
    '0x73',
    BROKER,
    '0x5afa50',
    // revert unless it is zero
    '0x600051',
    '0x606f57',
    '0x00',
    '0x5b60006000fd',
  ])
}
