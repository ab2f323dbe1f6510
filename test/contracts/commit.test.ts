import { expect } from 'chai'
import { type Hex, parseEventLogs, zeroHash } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { refuses } from './refusal.ts'
import { openBareStage, type Stage, useStage } from './stage.ts'
import { type Commit, highS, keyOf, word } from './wire.ts'

const UINT48_MAX = 2 ** 48 - 1
const GARBAGE: Hex = `0x${'22'.repeat(65)}`

async function tryCommit(stage: Stage, commit: Commit, sig?: Hex) {
  return stage.anchor.simulate.commit([commit, sig ?? (await stage.signCommit(commit))], {
    account: stage.stranger.account.address,
  })
}

async function land(stage: Stage, overrides: Partial<Commit> = {}) {
  const commit = await stage.aCommit(overrides)
  const hash = await stage.anchor.write.commit([commit, await stage.signCommit(commit)])
  return { commit, receipt: await stage.mined(hash) }
}

describe('commit', () => {
  const at = useStage()

  it('moves the head to the new header and counts one', async () => {
    const { commit, receipt } = await land(at())
    expect(await at().anchor.read.head()).to.equal(commit.next)
    expect(await at().anchor.read.sequence()).to.equal(1)
    const [event] = parseEventLogs({ abi: ANCHOR_ABI, logs: receipt.logs, eventName: 'Committed' })
    const { payoutsHash: _, ...shown } = commit
    expect(event?.args).to.deep.equal(shown)
    expect(receipt.logs).to.have.length(1)
  })

  it('lands three commits in their one order and in no other (A5)', async () => {
    const first = await at().aCommit()
    const second = await at().aCommit({ sequence: 2, prev: first.next, next: word(2) })
    const third = await at().aCommit({ sequence: 3, prev: second.next, next: word(3) })
    const signed = await Promise.all([first, second, third].map(async (c) => [c, await at().signCommit(c)] as const))
    for (const [place, now] of signed.entries()) {
      for (const [i, other] of signed.entries()) {
        if (i !== place) await refuses(tryCommit(at(), ...other), 'AnchorWrongSequence')
      }
      await at().anchor.write.commit(now)
    }
    expect(await at().anchor.read.head()).to.equal(third.next)
  })

  it('refuses a commit on another history of the same length (A1)', async () => {
    await land(at())
    const head = await at().anchor.read.head()
    const stale = await at().aCommit({ prev: word(99) })
    await refuses(tryCommit(at(), stale), 'AnchorStaleHead', [head, word(99)])
  })

  it('refuses a withheld commit once the next session is open (A4)', async () => {
    const withheld = await at().aCommit()
    const sig = await at().signCommit(withheld)
    await tryCommit(at(), withheld, sig)
    await at().open(keyOf('session 2'))
    await refuses(tryCommit(at(), withheld, sig), 'AnchorWrongEpoch', [2, 1].map(BigInt))
  })

  it('refuses the old session under the new epoch', async () => {
    await at().open(keyOf('session 2'))
    const commit = await at().aCommit()
    const sig = await at().signCommit(commit, keyOf('session 1'))
    const names = [keyOf('session 2').address, keyOf('session 1').address]
    await refuses(tryCommit(at(), commit, sig), 'AnchorBadSignature', names)
  })

  it('refuses the authority as signer: it opens sessions and commits nothing', async () => {
    const commit = await at().aCommit()
    await refuses(tryCommit(at(), commit, await at().signCommit(commit, at().authority)), 'AnchorBadSignature')
  })

  it('refuses the signature when any one field is changed', async () => {
    const commit = await at().aCommit()
    const sig = await at().signCommit(commit)
    await tryCommit(at(), commit, sig)
    const changed: [Partial<Commit>, string][] = [
      [{ epoch: 2 }, 'AnchorWrongEpoch'],
      [{ sequence: 2 }, 'AnchorWrongSequence'],
      [{ prev: word(1) }, 'AnchorStaleHead'],
      [{ next: word(1) }, 'AnchorBadSignature'],
      [{ payoutsHash: word(1) }, 'AnchorBadSignature'],
      [{ balanceRoot: word(1) }, 'AnchorBadSignature'],
      [{ logRoot: word(1) }, 'AnchorBadSignature'],
      [{ logSize: commit.logSize + 1n }, 'AnchorBadSignature'],
    ]
    for (const [change, name] of changed) await refuses(tryCommit(at(), { ...commit, ...change }, sig), name)
  })

  it('refuses a flip of any single bit of the signature', async () => {
    const commit = await at().aCommit()
    const sig = await at().signCommit(commit)
    for (let bit = 0; bit < 65 * 8; bit += 7) {
      const flipped = BigInt(sig) ^ (1n << BigInt(bit))
      await refuses(tryCommit(at(), commit, `0x${flipped.toString(16).padStart(130, '0')}`), 'AnchorBadSignature')
    }
    await refuses(tryCommit(at(), commit, highS(sig)), 'AnchorBadSignature')
  })

  it('refuses a signed payoutsHash, which only commitAndPay can honour', async () => {
    const commit = await at().aCommit({ payoutsHash: word(3) })
    await refuses(tryCommit(at(), commit), 'AnchorWrongPayouts', [zeroHash, word(3)])
  })

  it('refuses the sequence after the last one cleanly instead of wrapping (A16)', async () => {
    await setSequence(at(), UINT48_MAX)
    const wrapped = await at().aCommit({ sequence: 0 })
    await refuses(tryCommit(at(), wrapped), 'AnchorWrongSequence', [2n ** 48n, 0n])
  })

  it('refuses the epoch after the last one cleanly instead of wrapping (A16)', async () => {
    await setEpoch(at(), UINT48_MAX)
    const open = { ...(await at().anOpen(keyOf('session 2'))), epoch: 0 }
    const call = at().anchor.simulate.openSession([open, await at().signOpen(open)])
    await refuses(call, 'AnchorWrongEpoch', [2n ** 48n, 0n])
  })

  it('checks session, epoch, sequence, prev, signature and payoutsHash in this order', async () => {
    const good = await at().aCommit({ payoutsHash: word(3) })
    const bad = { ...good, epoch: 9, sequence: 9, prev: word(9) }
    await refuses(tryCommit(at(), bad, GARBAGE), 'AnchorWrongEpoch')
    await refuses(tryCommit(at(), { ...bad, epoch: good.epoch }, GARBAGE), 'AnchorWrongSequence')
    await refuses(tryCommit(at(), { ...good, prev: word(9) }, GARBAGE), 'AnchorStaleHead')
    await refuses(tryCommit(at(), good, GARBAGE), 'AnchorBadSignature')
    await refuses(tryCommit(at(), good), 'AnchorWrongPayouts')
  })
})

describe('commit without a session', () => {
  const at = useStage({}, openBareStage)

  it('is refused, and a freeze is named before it', async () => {
    await at().anchor.write.appointAuthority([at().authority.address], { account: at().guardian.account })
    const commit = await at().aCommit()
    await refuses(tryCommit(at(), commit, GARBAGE), 'AnchorNoSession')
    await at().anchor.write.freeze({ account: at().guardian.account })
    await refuses(tryCommit(at(), commit, GARBAGE), 'AnchorFrozen')
  })

  it('is refused with a signature that recovers the zero address', async () => {
    const commit = await at().aCommit()
    await refuses(tryCommit(at(), commit, `0x${'00'.repeat(65)}`), 'AnchorNoSession')
  })
})

// Slot 1 holds sequence (48 bits), epoch (48 bits) and session, from the low end.
const PACKED_SLOT = 1

async function setSequence(stage: Stage, sequence: number) {
  await patchPacked(stage, (word_) => (word_ & ~(2n ** 48n - 1n)) | BigInt(sequence))
}

async function setEpoch(stage: Stage, epoch: number) {
  await patchPacked(stage, (word_) => (word_ & ~((2n ** 48n - 1n) << 48n)) | (BigInt(epoch) << 48n))
}

async function patchPacked(stage: Stage, patch: (word_: bigint) => bigint) {
  const stored = await stage.publicClient.getStorageAt({ address: stage.anchor.address, slot: word(PACKED_SLOT) })
  await stage.tester.setStorageAt(stage.anchor.address, word(PACKED_SLOT), word(patch(BigInt(stored ?? zeroHash))))
}
