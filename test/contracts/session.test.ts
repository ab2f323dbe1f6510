import { expect } from 'chai'
import { parseEventLogs, zeroAddress, zeroHash } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { refuses, same } from './refusal.ts'
import { openBareStage, type Stage, useStage } from './stage.ts'
import { highS, keyOf, type Open, word } from './wire.ts'

const NEXT = keyOf('session 2')

/** Asks the chain whether it would take this opening; nothing is sent. */
async function tryOpen(stage: Stage, open: Open, sig?: `0x${string}`) {
  return stage.anchor.simulate.openSession([open, sig ?? (await stage.signOpen(open))], {
    account: stage.stranger.account.address,
  })
}

describe('openSession before the appointment', () => {
  const at = useStage({}, openBareStage)

  it('refuses a garbage signature while no authority stands that it could recover to (G3)', async () => {
    const open = await at().anOpen(NEXT)
    await refuses(tryOpen(at(), open, `0x${'11'.repeat(65)}`), 'AnchorNoAuthority')
    await refuses(tryOpen(at(), open, `0x${'00'.repeat(65)}`), 'AnchorNoAuthority')
  })

  it('refuses the coming authority too: it has to be appointed first', async () => {
    await refuses(tryOpen(at(), await at().anOpen(NEXT)), 'AnchorNoAuthority')
  })
})

describe('openSession', () => {
  const at = useStage()

  it('starts the next epoch with the named key and leaves head and sequence alone', async () => {
    const { anchor, open } = at()
    const [head, sequence] = [await anchor.read.head(), await anchor.read.sequence()]
    const receipt = await open(NEXT)
    const [event] = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'SessionOpened' })
    expect(event?.args).to.deep.equal({ epoch: 2, head, session: NEXT.address, attestationDigest: word(7) })
    expect(await anchor.read.epoch()).to.equal(2)
    expect(await anchor.read.session()).to.equal(NEXT.address)
    expect([await anchor.read.head(), await anchor.read.sequence()]).to.deep.equal([head, sequence])
  })

  it('takes the call from whoever relays it', async () => {
    const open = await at().anOpen(NEXT)
    await tryOpen(at(), open)
  })

  it('stays possible while the anchor is frozen', async () => {
    await at().anchor.write.freeze({ account: at().guardian.account })
    await at().open(NEXT)
    expect(same(await at().anchor.read.session())).to.equal(same(NEXT.address))
  })

  it('refuses an epoch below or above the next', async () => {
    const open = await at().anOpen(NEXT)
    await refuses(tryOpen(at(), { ...open, epoch: 1 }), 'AnchorWrongEpoch', [2n, 1n])
    await refuses(tryOpen(at(), { ...open, epoch: 3 }), 'AnchorWrongEpoch', [2n, 3n])
  })

  it('refuses a head that is not the stored one: the freshness challenge', async () => {
    const open = { ...(await at().anOpen(NEXT)), head: word(5) }
    await refuses(tryOpen(at(), open), 'AnchorStaleHead', [zeroHash, word(5)])
  })

  it('refuses the zero session and the stored session', async () => {
    const open = await at().anOpen(NEXT)
    const stored = await at().anchor.read.session()
    await refuses(tryOpen(at(), { ...open, session: zeroAddress }), 'AnchorNoSession')
    await refuses(tryOpen(at(), { ...open, session: stored }), 'AnchorSessionUsed', [stored, stored])
  })

  it('refuses a replay of the opening that just landed', async () => {
    const open = await at().anOpen(NEXT)
    const sig = await at().signOpen(open)
    await at().anchor.write.openSession([open, sig])
    await refuses(tryOpen(at(), open, sig), 'AnchorWrongEpoch', [3n, 2n])
  })

  it('refuses a signature of another key, the session key among them', async () => {
    const open = await at().anOpen(NEXT)
    for (const key of [NEXT, keyOf('session 1'), keyOf('nobody')]) {
      const sig = await at().signOpen(open, key)
      await refuses(tryOpen(at(), open, sig), 'AnchorBadSignature', [at().authority.address, key.address])
    }
  })

  it('refuses a signature over a single changed field', async () => {
    const open = await at().anOpen(NEXT)
    const sig = await at().signOpen(open)
    await tryOpen(at(), open, sig)
    const changed = [
      { ...open, session: keyOf('session 3').address },
      { ...open, attestationDigest: word(8) },
    ]
    for (const other of changed) await refuses(tryOpen(at(), other, sig), 'AnchorBadSignature')
  })

  it('refuses a signature made for another anchor or chain', async () => {
    const open = await at().anOpen(NEXT)
    const domains = [
      { ...at().domain, verifyingContract: NEXT.address },
      { ...at().domain, chainId: 1 },
      { ...at().domain, version: '2' },
      { ...at().domain, name: 'Other' },
    ]
    for (const domain of domains) {
      const sig = await at().signOpenIn(domain, open)
      await refuses(tryOpen(at(), open, sig), 'AnchorBadSignature')
    }
  })

  it('refuses a signature of any other form, naming the zero address as signer (G3)', async () => {
    const open = await at().anOpen(NEXT)
    const sig = await at().signOpen(open)
    const forms: readonly `0x${string}`[] = [
      '0x',
      sig.slice(0, -2) as `0x${string}`,
      `${sig}00`,
      `${sig.slice(0, -2)}00` as `0x${string}`,
      `${sig.slice(0, -2)}1d` as `0x${string}`,
      highS(sig),
      `0x${'00'.repeat(64)}1b`,
    ]
    for (const form of forms) {
      await refuses(tryOpen(at(), open, form), 'AnchorBadSignature', [at().authority.address, zeroAddress])
    }
  })

  it('checks epoch, head, session and signature in this order', async () => {
    const good = await at().anOpen(NEXT)
    const bad = { ...good, epoch: 9, head: word(5), session: zeroAddress }
    const garbage = `0x${'22'.repeat(65)}` as const
    await refuses(tryOpen(at(), bad, garbage), 'AnchorWrongEpoch')
    await refuses(tryOpen(at(), { ...bad, epoch: good.epoch }, garbage), 'AnchorStaleHead')
    await refuses(tryOpen(at(), { ...bad, epoch: good.epoch, head: good.head }, garbage), 'AnchorNoSession')
    await refuses(tryOpen(at(), good, garbage), 'AnchorBadSignature')
  })
})
