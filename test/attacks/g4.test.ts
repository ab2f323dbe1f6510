import { strict as assert } from 'node:assert'
import { toHex } from '../../enclave/protocol/ids.ts'
import { word } from '../contracts/wire.ts'
import { aimed, deployed, reentries } from './payees.ts'
import { StolenSession } from './stolen-session.ts'
import { useStage } from './use-stage.ts'

describe('G4: a payee whose code calls the anchor while it pays', () => {
  const stage = useStage()

  it('opens no session with the authority’s own signature', async () => {
    const payee = await deployed(stage().node, 'ReenteringPayee')
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 1)
    const opened = await boot.openSession()
    const session = await StolenSession.take(stage())
    assert.equal(await stage().refusalOf(opened), undefined, 'the session could open now')
    await aimed(stage(), payee, stage().anchor, toHex(opened.call))
    const { bitmap, receipt } = await stage().relay(
      await session.pay({ transfers: [{ recipient: payee, amountWei: 1n }] }),
    )
    assert.equal(bitmap, 1n)
    assert.deepEqual(reentries(receipt), [false])
    assert.equal((await stage().facts()).epoch, 1)
  })

  it('lands no second commit of the sequence that is running', async () => {
    const payee = await deployed(stage().node, 'ReenteringPayee')
    const session = await StolenSession.take(stage())
    // A first write to the head would cost more gas than a payee gets.
    assert.equal((await stage().relay(await session.commit())).landed, true)
    const twin = await session.commit({ next: word(66) })
    await aimed(stage(), payee, stage().anchor, toHex(twin.call))
    const { landed, receipt } = await stage().relay(
      await session.pay({ transfers: [{ recipient: payee, amountWei: 1n }], firstPayoutId: 2n }),
    )
    assert.equal(landed, true)
    assert.deepEqual(reentries(receipt), [false])
    assert.equal((await stage().facts()).sequence, 2)
  })
})
