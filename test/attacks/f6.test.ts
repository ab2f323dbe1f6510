import { strict as assert } from 'node:assert'
import { aimed, deployed, reentries } from './payees.ts'
import { BROKER, movedWei, StolenSession } from './stolen-session.ts'
import { useStage } from './use-stage.ts'

const FACE_WEI = 1_000n
const STRAY_WEI = 400n

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
