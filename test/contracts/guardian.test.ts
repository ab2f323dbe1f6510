import { expect } from 'chai'
import { type Address, getAddress, type Hex, parseEventLogs, zeroAddress, zeroHash } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { readArtifact, WORLD } from '../../scripts/chain/world.ts'
import { refuses } from './refusal.ts'
import { openBareStage, payees, type Stage, useStage } from './stage.ts'
import { keyOf, word } from './wire.ts'

const MINUTE_S = 60
const DAY_S = 24 * 60 * MINUTE_S
const HEIR = keyOf('heir')

const asGuardian = (stage: Stage) => ({ account: stage.guardian.account.address })

/** Freezes, and answers the second at which the freeze began. */
async function freeze(stage: Stage): Promise<number> {
  await stage.anchor.write.freeze(asGuardian(stage))
  return stage.anchor.read.frozenAt()
}

/** The next block, and with it every simulated call, gets this time. */
async function at(stage: Stage, second: number) {
  await stage.tester.time.increaseTo(second)
}

async function aRotation(stage: Stage) {
  const epoch = (await stage.anchor.read.epoch()) + 1
  return { epoch, head: await stage.anchor.read.head(), newAuthority: HEIR.address, attestationDigest: word(4) }
}

async function land(stage: Stage) {
  const commit = await stage.aCommit()
  await stage.anchor.write.commit([commit, await stage.signCommit(commit)])
  return commit
}

async function statusOf(stage: Stage) {
  const { read } = stage.anchor
  return {
    head: await read.head(),
    sequence: await read.sequence(),
    epoch: await read.epoch(),
    session: await read.session(),
    authority: await read.authority(),
    approved: await read.approvedAuthority(),
    frozenAt: await read.frozenAt(),
  }
}

describe('the appointment', () => {
  const bare = useStage({}, openBareStage)

  it('names the authority once', async () => {
    const { anchor, authority } = bare()
    const hash = await anchor.write.appointAuthority([authority.address], asGuardian(bare()))
    const { logs } = await bare().mined(hash)
    const [event] = parseEventLogs({ abi: ANCHOR_ABI, logs, eventName: 'AuthorityAppointed' })
    expect(event?.args.authority).to.equal(authority.address)
    const again = anchor.simulate.appointAuthority([HEIR.address], asGuardian(bare()))
    await refuses(again, 'AnchorAuthoritySet', [zeroAddress, authority.address])
  })

  it('refuses the zero address', async () => {
    await refuses(bare().anchor.simulate.appointAuthority([zeroAddress], asGuardian(bare())), 'AnchorNoAuthority')
  })
})

describe('deployment', () => {
  const bare = useStage({}, openBareStage)

  it('refuses to stand without a broker or without a guardian', async () => {
    const { bytecode } = await readArtifact('LedgerAnchor')
    const deploy = (broker: Address, guardian: Address) =>
      bare().publicClient.call({ data: encodeDeploy(bytecode, broker, guardian) })
    expect(await codeOf(deploy(zeroAddress, HEIR.address))).to.equal('refused')
    expect(await codeOf(deploy(WORLD.ticketBroker, zeroAddress))).to.equal('refused')
    expect(await codeOf(deploy(WORLD.ticketBroker, HEIR.address))).to.equal('deployed')
  })

  it('keeps broker and guardian for good', async () => {
    expect(await bare().anchor.read.ticketBroker()).to.equal(WORLD.ticketBroker)
    expect((await bare().anchor.read.guardian()).toLowerCase()).to.equal(bare().guardian.account.address.toLowerCase())
  })
})

describe('who may call what', () => {
  const stage = useStage()
  const roles = {
    authority: () => stage().authority.address,
    session: () => keyOf('session 1').address,
    'world owner': () => stage().owner.account.address,
    relayer: () => stage().relayer.account.address,
    payee: () => payees[0] ?? zeroAddress,
    anchor: () => stage().anchor.address,
    broker: () => WORLD.ticketBroker as Address,
  }

  for (const [role, addressIn] of Object.entries(roles)) {
    it(`refuses the guardian's five calls to the ${role}`, async () => {
      const { simulate } = stage().anchor
      const account = getAddress(addressIn())
      const calls = [
        () => simulate.appointAuthority([HEIR.address], { account }),
        () => simulate.approveAuthority([HEIR.address], { account }),
        () => simulate.freeze({ account }),
        () => simulate.unfreeze({ account }),
        () => simulate.guardianRotate([HEIR.address], { account }),
      ]
      const guardian = await stage().anchor.read.guardian()
      for (const call of calls) await refuses(call(), 'AnchorNotGuardian', [guardian, account])
    })
  }

  it('gives the guardian no way past a signature, and no way to the money but the seven days', async () => {
    const account = stage().guardian.account.address
    const { simulate } = stage().anchor
    const garbage: Hex = `0x${'22'.repeat(65)}`
    const { args } = await stage().aPayment({ transfers: [{ recipient: account, amountWei: 1n }] })
    const open = await stage().anOpen(keyOf('session 2'))
    await refuses(simulate.openSession([open, garbage], { account }), 'AnchorBadSignature')
    await refuses(simulate.commit([args[0], garbage], { account }), 'AnchorBadSignature')
    await refuses(simulate.commitAndPay([args[0], args[1], 0n, garbage], { account }), 'AnchorBadSignature')
    await refuses(simulate.guardianRotate([HEIR.address], { account }), 'AnchorNotFrozen')
    await stage().anchor.write.approveAuthority([HEIR.address], asGuardian(stage()))
    await refuses(simulate.rotateAuthority([await aRotation(stage()), garbage], { account }), 'AnchorBadSignature')
  })

  it('answers no selector that it does not declare', async () => {
    const data = ['0x00000000', '0x8da5cb5b', '0xf2fde38b', '0x3659cfe6', '0x3ccfd60b'] as const
    for (const selector of data) {
      const call = stage().publicClient.call({ to: stage().anchor.address, data: selector })
      expect(
        await call.then(
          () => 'answered',
          () => 'refused',
        ),
      ).to.equal('refused')
    }
  })
})

describe('freeze', () => {
  const stage = useStage()

  it('stops commit, commitAndPay and rotateAuthority, and nothing else', async () => {
    const { anchor } = stage()
    const commit = await stage().aCommit()
    const sig = await stage().signCommit(commit)
    const { args } = await stage().aPayment({ transfers: [{ recipient: HEIR.address, amountWei: 1n }] })
    const rotation = await aRotation(stage())
    await anchor.write.approveAuthority([HEIR.address], asGuardian(stage()))
    const since = await freeze(stage())
    await at(stage(), since + DAY_S)
    const times = [since + 30 * DAY_S, since + DAY_S].map(BigInt)
    await refuses(anchor.simulate.commit([commit, sig]), 'AnchorFrozen', times)
    await refuses(anchor.simulate.commitAndPay(args), 'AnchorFrozen')
    await refuses(anchor.simulate.rotateAuthority([rotation, await stage().signRotate(rotation)]), 'AnchorFrozen')
    await anchor.write.approveAuthority([zeroAddress], asGuardian(stage()))
    await stage().open(keyOf('session 2'))
  })

  it('refuses a second freeze, and says until when the first one lasts', async () => {
    const { logs } = await stage().mined(await stage().anchor.write.freeze(asGuardian(stage())))
    const [event] = parseEventLogs({ abi: ANCHOR_ABI, logs, eventName: 'Frozen' })
    expect(event?.args.until).to.equal((await stage().anchor.read.frozenAt()) + 30 * DAY_S)
    await refuses(stage().anchor.simulate.freeze(asGuardian(stage())), 'AnchorFrozen')
  })

  it('ends with unfreeze, which refuses when nothing is frozen', async () => {
    await refuses(stage().anchor.simulate.unfreeze(asGuardian(stage())), 'AnchorNotFrozen')
    await freeze(stage())
    const { logs } = await stage().mined(await stage().anchor.write.unfreeze(asGuardian(stage())))
    expect(parseEventLogs({ abi: ANCHOR_ABI, logs })[0]?.eventName).to.equal('Unfrozen')
    await land(stage())
  })

  it('ends by itself after 30 days, not a minute before (F15)', async () => {
    const since = await freeze(stage())
    const commit = await stage().aCommit()
    const args = [commit, await stage().signCommit(commit)] as const
    await at(stage(), since + 30 * DAY_S - MINUTE_S)
    await refuses(stage().anchor.simulate.commit(args), 'AnchorFrozen')
    await at(stage(), since + 30 * DAY_S + MINUTE_S)
    await stage().anchor.simulate.commit(args)
    await refuses(stage().anchor.simulate.unfreeze(asGuardian(stage())), 'AnchorNotFrozen')
    await stage().anchor.simulate.freeze(asGuardian(stage()))
  })
})

describe('guardianRotate', () => {
  const stage = useStage()
  const rotate = () => stage().anchor.simulate.guardianRotate([HEIR.address], asGuardian(stage()))

  it('passes 7 days + 1 minute into a freeze and not a minute before 7 days (G7)', async () => {
    const since = await freeze(stage())
    await at(stage(), since + 7 * DAY_S - MINUTE_S)
    await refuses(rotate(), 'AnchorNotFrozen')
    await at(stage(), since + 7 * DAY_S + MINUTE_S)
    await rotate()
  })

  it('refuses a freeze that ended by itself: 30 days + 1 minute, and months later (G7)', async () => {
    const since = await freeze(stage())
    await at(stage(), since + 30 * DAY_S - MINUTE_S)
    await rotate()
    await at(stage(), since + 30 * DAY_S + MINUTE_S)
    await refuses(rotate(), 'AnchorNotFrozen')
    await at(stage(), since + 200 * DAY_S)
    await refuses(rotate(), 'AnchorNotFrozen')
  })

  it('refuses the sum of two freezes with a gap between them', async () => {
    const since = await freeze(stage())
    await at(stage(), since + 6 * DAY_S)
    await stage().anchor.write.unfreeze(asGuardian(stage()))
    await freeze(stage())
    await at(stage(), since + 8 * DAY_S)
    await refuses(rotate(), 'AnchorNotFrozen')
  })

  it('refuses without a freeze and to the zero address', async () => {
    await refuses(rotate(), 'AnchorNotFrozen')
    await at(stage(), (await freeze(stage())) + 8 * DAY_S)
    const toNobody = stage().anchor.simulate.guardianRotate([zeroAddress], asGuardian(stage()))
    await refuses(toNobody, 'AnchorNoAuthority')
  })

  it('sets authority and epoch, clears session and approval, thaws, and keeps the head', async () => {
    const { next } = await land(stage())
    await stage().anchor.write.approveAuthority([keyOf('other').address], asGuardian(stage()))
    await at(stage(), (await freeze(stage())) + 8 * DAY_S)
    const { logs } = await stage().mined(await stage().anchor.write.guardianRotate([HEIR.address], asGuardian(stage())))
    expect(parseEventLogs({ abi: ANCHOR_ABI, logs }).map(({ eventName }) => eventName)).to.deep.equal([
      'AuthorityRotated',
      'Unfrozen',
    ])
    expect(await statusOf(stage())).to.deep.equal({
      head: next,
      sequence: 1,
      epoch: 2,
      session: zeroAddress,
      authority: HEIR.address,
      approved: zeroAddress,
      frozenAt: 0,
    })
  })

  it('leaves the old authority and session without effect', async () => {
    const commit = await stage().aCommit()
    const sig = await stage().signCommit(commit)
    await at(stage(), (await freeze(stage())) + 8 * DAY_S)
    await stage().anchor.write.guardianRotate([HEIR.address], asGuardian(stage()))
    await refuses(stage().anchor.simulate.commit([commit, sig]), 'AnchorNoSession')
    const open = await stage().anOpen(keyOf('session 2'))
    await refuses(stage().anchor.simulate.openSession([open, await stage().signOpen(open)]), 'AnchorBadSignature')
    await stage().anchor.simulate.openSession([open, await stage().signOpen(open, HEIR)])
  })
})

describe('rotateAuthority', () => {
  const stage = useStage()
  const approve = (to: Address) => stage().anchor.write.approveAuthority([to], asGuardian(stage()))

  it('hands over in one transaction: the old instance is out at once (A15)', async () => {
    const { next } = await land(stage())
    await approve(HEIR.address)
    const rotation = await aRotation(stage())
    const old = await stage().aCommit()
    const oldSig = await stage().signCommit(old)
    await stage().anchor.write.rotateAuthority([rotation, await stage().signRotate(rotation)])
    expect(await statusOf(stage())).to.deep.equal({
      head: next,
      sequence: 1,
      epoch: 2,
      session: zeroAddress,
      authority: HEIR.address,
      approved: zeroAddress,
      frozenAt: 0,
    })
    await refuses(stage().anchor.simulate.commit([old, oldSig]), 'AnchorNoSession')
  })

  it('refuses a successor whom the guardian did not approve, or no longer does (F3)', async () => {
    const rotation = await aRotation(stage())
    const sig = await stage().signRotate(rotation)
    const call = () => stage().anchor.simulate.rotateAuthority([rotation, sig])
    await refuses(call(), 'AnchorNotApproved', [zeroAddress, HEIR.address])
    await approve(HEIR.address)
    await call()
    await approve(zeroAddress)
    await refuses(call(), 'AnchorNotApproved')
  })

  it('refuses the zero successor even though no approval stands', async () => {
    const rotation = { ...(await aRotation(stage())), newAuthority: zeroAddress }
    const sig = await stage().signRotate(rotation)
    await refuses(stage().anchor.simulate.rotateAuthority([rotation, sig]), 'AnchorNoAuthority')
  })

  it('refuses another epoch, another head, another signer and each changed field', async () => {
    await approve(HEIR.address)
    const good = await aRotation(stage())
    const sig = await stage().signRotate(good)
    const call = (rotation: typeof good, signature: Hex) =>
      stage().anchor.simulate.rotateAuthority([rotation, signature])
    await call(good, sig)
    await refuses(call({ ...good, epoch: 1 }, sig), 'AnchorWrongEpoch', [2n, 1n])
    await refuses(call({ ...good, head: word(1) }, sig), 'AnchorStaleHead', [zeroHash, word(1)])
    await refuses(call({ ...good, attestationDigest: word(1) }, sig), 'AnchorBadSignature')
    await refuses(call(good, await stage().signRotate(good, HEIR)), 'AnchorBadSignature')
    await refuses(call(good, await stage().signRotate(good, keyOf('session 1'))), 'AnchorBadSignature')
  })

  it('refuses a replay of an approval that was used', async () => {
    await approve(HEIR.address)
    const rotation = await aRotation(stage())
    const sig = await stage().signRotate(rotation)
    await stage().anchor.write.rotateAuthority([rotation, sig])
    await refuses(stage().anchor.simulate.rotateAuthority([rotation, sig]), 'AnchorNotApproved')
  })
})

function encodeDeploy(bytecode: Hex, broker: Address, guardian: Address): Hex {
  const argument = (address: Address) => address.slice(2).toLowerCase().padStart(64, '0')
  return `${bytecode}${argument(broker)}${argument(guardian)}`
}

async function codeOf(call: Promise<unknown>) {
  return call.then(
    () => 'deployed',
    () => 'refused',
  )
}
