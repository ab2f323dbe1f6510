import { expect } from 'chai'
import type { FaultPlan } from '../../scripts/chain/faults.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import {
  aTransfer,
  balanceOf,
  chainWorkshop,
  heightOf,
  killHard,
  OTHER,
  PAYEE,
  sendMined,
  until,
} from './chain-harness.ts'

const DROP_SECOND: FaultPlan = { to: PAYEE, dropAt: 2 }

describe('embedded chain: faults of a demonstration', function () {
  this.timeout(180_000)
  const workshop = chainWorkshop()
  afterEach(() => workshop.clear())

  it('loses nothing and repeats nothing unless asked to', async () => {
    const chain = await workshop.start({ dataDir: await workshop.folder() })
    for (let nonce = 0; nonce < 3; nonce++) await sendMined(chain.url, await aTransfer({ nonce }))
    expect(await callRpc(chain.url, 'anchorhold_faults')).to.deep.equal([])
    expect(await balanceOf(chain.url, PAYEE)).to.equal(3n)
  })

  it('answers the hash of the broadcast that it drops, and never mines it', async () => {
    const chain = await workshop.start({ dataDir: await workshop.folder(), faults: DROP_SECOND })
    await sendMined(chain.url, await aTransfer({ nonce: 0 }))
    const raw = await aTransfer({ nonce: 1 })
    const hash = await callRpc(chain.url, 'eth_sendRawTransaction', [raw])
    await pass(chain.url, 5)
    expect(await callRpc(chain.url, 'eth_getTransactionByHash', [hash])).to.equal(null)
    expect(await balanceOf(chain.url, PAYEE)).to.equal(1n)
    expect(await callRpc(chain.url, 'anchorhold_faults')).to.deep.equal([{ fault: 'drop', hash, said: 'answer' }])
  })

  it('takes the same bytes when they are sent again after the drop', async () => {
    const chain = await workshop.start({ dataDir: await workshop.folder(), faults: { to: PAYEE, dropAt: 1 } })
    const raw = await aTransfer({ nonce: 0 })
    await callRpc(chain.url, 'eth_sendRawTransaction', [raw])
    expect(await sendMined(chain.url, raw)).to.have.property('status', '0x1')
  })

  it('counts broadcasts to the named address alone', async () => {
    const chain = await workshop.start({ dataDir: await workshop.folder(), faults: DROP_SECOND })
    for (let nonce = 0; nonce < 3; nonce++) await sendMined(chain.url, await aTransfer({ nonce, to: OTHER }))
    await sendMined(chain.url, await aTransfer({ from: 6, nonce: 0 }))
    expect(await callRpc(chain.url, 'anchorhold_faults')).to.deep.equal([])
  })

  it('ends the connection instead, when that is the way to drop', async () => {
    const chain = await workshop.start({
      dataDir: await workshop.folder(),
      faults: { to: PAYEE, dropAt: 1, dropBy: 'cut' },
    })
    const raw = await aTransfer({ nonce: 0 })
    const answer = await callRpc(chain.url, 'eth_sendRawTransaction', [raw]).then(
      () => 'answered',
      () => 'cut',
    )
    expect(answer).to.equal('cut')
    expect(await sendMined(chain.url, raw)).to.have.property('status', '0x1')
  })

  it('repeats a broadcast as a stranger would, and the money moves once', async () => {
    const chain = await workshop.start({ dataDir: await workshop.folder(), faults: { to: PAYEE, doubleAt: 1 } })
    await sendMined(chain.url, await aTransfer({ nonce: 0 }))
    await pass(chain.url, 3)
    const played = (await callRpc(chain.url, 'anchorhold_faults')) as { said: string }[]
    expect(played.map(({ said }) => said)).to.deep.equal(['already known', 'nonce too low: next nonce 1, tx nonce 0'])
    expect(await balanceOf(chain.url, PAYEE)).to.equal(1n)
  })

  it('fires each fault once in the life of a chain, whatever restarts lie between', async () => {
    const dataDir = await workshop.folder()
    const first = await workshop.start({ dataDir, faults: DROP_SECOND })
    await sendMined(first.url, await aTransfer({ nonce: 0 }))
    await killHard(first)
    const second = await workshop.start({ dataDir, faults: DROP_SECOND })
    const raw = await aTransfer({ nonce: 1 })
    await callRpc(second.url, 'eth_sendRawTransaction', [raw])
    expect(await callRpc(second.url, 'anchorhold_faults')).to.have.length(1)
    await killHard(second)
    const third = await workshop.start({ dataDir, faults: { to: PAYEE, dropAt: 3 } })
    await sendMined(third.url, raw)
    expect(await callRpc(third.url, 'anchorhold_faults')).to.deep.equal([])
  })
})

async function pass(url: string, blocks: number): Promise<void> {
  const goal = (await heightOf(url)) + blocks
  await until(`${blocks} blocks pass`, async () => (await heightOf(url)) >= goal)
}
