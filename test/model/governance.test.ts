import { expect } from 'chai'
import { foldHead } from '../../enclave/protocol/header.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { aGenesis, aLine, anAddress, aPolicy, audited, type Boot, refusalOf } from '../builders/boot.ts'
import {
  ADMINS,
  aSigner,
  GOVERNED,
  QUORUM,
  REGISTRAR,
  REPORTERS,
  type Signer,
  signedFor,
} from '../builders/governors.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'

const ETHER_WEI = 10n ** 18n
const [ALICE, BOB, EVE] = ['alice', 'bob', 'eve'].map(aSigner) as [Signer, Signer, Signer]
const CHANGE_SECONDS = 72 * 3_600
const CHANGE_SEQUENCES = 100

function aLedger(over: Partial<Policy> = {}) {
  const world = aWorld(aGenesis({ policy: aPolicy({ ...GOVERNED, credits: 'host-trusted', ...over }) }))
  return { world, boot: world.active(), by: signedFor(world.configuration) }
}

function recipientOf(boot: Boot, id: string): string | null {
  return boot.call('balance', { orchestrator_id: id }).recipient
}

/** One commit that pays everyone who is due, confirmed as paid. */
function payAll(boot: Boot) {
  const commit = boot.prepare({ accountNonce: boot.ledger.sequence })
  const bits = (1n << BigInt(commit.payouts.length)) - 1n
  boot.confirm(commit.sequence, bits)
  return { commit, bits }
}

describe('registrations', () => {
  after(closeWorlds)

  it('need the recipient and a registrar, for these very fields', () => {
    const { boot, by } = aLedger()
    const honest = by.register(ALICE, REGISTRAR)
    const refusals: readonly (readonly [object, string])[] = [
      [{ recipientSignature: by.register(EVE, REGISTRAR).recipientSignature }, 'SIGNER_MISMATCH'],
      [{ registrarSignature: by.register(ALICE, EVE).registrarSignature }, 'REGISTRATION_DENIED'],
      [{ registrarSignature: null }, 'REGISTRATION_DENIED'],
      [{ recipient: EVE.address }, 'SIGNER_MISMATCH'],
      [{ orchestratorId: 'orch-other' }, 'SIGNER_MISMATCH'],
      [{ regSeq: 2 }, 'SIGNER_MISMATCH'],
      [by.register(ALICE, REGISTRAR, { regSeq: 2 }), 'COUNTER_MISMATCH'],
      [by.register(ALICE, REGISTRAR, { notAfter: 1 }), 'SIGNATURE_EXPIRED'],
      [by.register(ALICE, REGISTRAR, { orchestratorId: 'orch-0' }), 'RECIPIENT_PINNED'],
      [by.register(ALICE, REGISTRAR, { orchestratorId: EVE.address }), 'RECIPIENT_FORBIDDEN'],
    ]
    for (const [flip, code] of refusals)
      expect(
        refusalOf(() => boot.call('register', { ...honest, ...flip })),
        code,
      ).to.equal(code)
    boot.store('register', honest)
    expect(recipientOf(boot, 'orch-new')).to.equal(ALICE.address)
    boot.offer(aLine('orch-0', '1'))
    expect(refusalOf(() => boot.call('register', honest))).to.equal('RECIPIENT_PINNED')
    audited(boot.entries)
  })

  it('of an id that is an address take its own signature alone, once something is owed to it', () => {
    const { boot, by } = aLedger()
    const own = by.register(ALICE, null, { orchestratorId: ALICE.address })
    expect(refusalOf(() => boot.call('register', own))).to.equal('ACCOUNT_UNKNOWN')
    boot.offer(aLine(ALICE.address, '1'))
    boot.store('register', own)
    expect(recipientOf(boot, ALICE.address)).to.equal(ALICE.address)
    audited(boot.entries)
  })

  it('are changed by the old recipient, and the change waits 100 headers and 72 hours', () => {
    const { world, boot, by } = aLedger({ cadenceSeconds: 0 })
    boot.offer(aLine('orch-new', '1'))
    boot.store('register', by.register(ALICE, REGISTRAR))
    const message = {
      orchestratorId: 'orch-new',
      from: ALICE.address,
      to: BOB.address,
      regSeq: 2,
      notAfter: 4_000_000_000,
    }
    expect(refusalOf(() => boot.call('change_recipient', by.change(null, BOB, message)))).to.equal('QUORUM_INVALID')
    expect(refusalOf(() => boot.call('change_recipient', by.change(EVE, BOB, message)))).to.equal('SIGNER_MISMATCH')
    expect(refusalOf(() => boot.call('change_recipient', by.change(ALICE, EVE, message)))).to.equal('SIGNER_MISMATCH')
    const asEve = { ...message, from: EVE.address }
    expect(refusalOf(() => boot.call('change_recipient', by.change(EVE, BOB, asEve)))).to.equal('RECIPIENT_MISMATCH')
    boot.store('change_recipient', by.change(ALICE, BOB, message))
    expect(payAll(boot).commit.payouts[0].recipient).to.equal(ALICE.address)
    world.nowSeconds += CHANGE_SECONDS
    boot.offer(aLine('orch-new', '1'))
    expect(payAll(boot).commit.payouts[0].recipient, 'the time has passed, the headers have not').to.equal(
      ALICE.address,
    )
    while (boot.ledger.sequence < CHANGE_SEQUENCES) boot.confirm(boot.prepare({ mode: 'bare' }).sequence, null)
    // Before any payout has carried it out: whoever changes it again has to know whom to ask.
    const waited = boot.call('balance', { orchestrator_id: 'orch-new' })
    expect(waited).to.deep.include({ recipient: BOB.address, pending_recipient: null })
    boot.offer(aLine('orch-new', '1'))
    expect(payAll(boot).commit.payouts[0].recipient).to.equal(BOB.address)
    expect(recipientOf(boot, 'orch-new')).to.equal(BOB.address)
    audited(boot.entries)
  })

  it('are changed by a quorum when the key is lost, and the old recipient can withdraw a change', () => {
    const { boot, by } = aLedger()
    boot.store('register', by.register(ALICE, REGISTRAR))
    const message = { orchestratorId: 'orch-new', from: ALICE.address, to: BOB.address, notAfter: 4_000_000_000 }
    boot.store('change_recipient', by.change(null, BOB, { ...message, regSeq: 2 }, QUORUM))
    expect(boot.call('balance', { orchestrator_id: 'orch-new' }).pending_recipient.recipient).to.equal(BOB.address)
    boot.store('change_recipient', by.change(ALICE, ALICE, { ...message, to: ALICE.address, regSeq: 3 }))
    expect(boot.call('balance', { orchestrator_id: 'orch-new' }).pending_recipient).to.equal(null)
    audited(boot.entries)
  })
})

describe('a quorum of admins', () => {
  after(closeWorlds)

  it('is exactly k distinct admins in ascending order', () => {
    const { boot, by } = aLedger()
    const act = { drainSeq: 1, amountWei: wei(5n) }
    const [first, second] = QUORUM as [Signer, Signer]
    for (const signers of [[], [first], [second, first], [first, first], [first, EVE], [...ADMINS]])
      expect(refusalOf(() => boot.call('drain', by.drain(act, signers)))).to.equal('QUORUM_INVALID')
    boot.store('drain', by.drain(act))
    boot.offer(aLine('orch-0', '1'))
    expect(refusalOf(() => boot.call('drain', by.drain(act)))).to.equal('COUNTER_MISMATCH')
  })

  it('does not exist where the policy names no admins', () => {
    const { boot, by } = aLedger({ admins: [], quorum: 0 })
    expect(refusalOf(() => boot.call('drain', by.drain({ drainSeq: 1, amountWei: wei(5n) }, [])))).to.equal(
      'QUORUM_INVALID',
    )
  })

  it('adjusts up and down, never below what is left', () => {
    const { boot, by } = aLedger()
    boot.offer(aLine('orch-0', '1'))
    const act = (adjustSeq: number, deltaWei: bigint) => by.adjust({ adjustSeq, orchestratorId: 'orch-0', deltaWei })
    expect(refusalOf(() => boot.call('adjust', act(1, -ETHER_WEI - 1n)))).to.equal('OVERDRAW')
    expect(BigInt(boot.store('adjust', act(1, -ETHER_WEI)).balanceWei)).to.equal(0n)
    expect(BigInt(boot.store('adjust', act(2, 7n)).balanceWei)).to.equal(7n)
    const nameless = by.adjust({ adjustSeq: 3, orchestratorId: '', deltaWei: 7n })
    expect(refusalOf(() => boot.call('adjust', nameless))).to.equal('PARAMS_INVALID')
    audited(boot.entries)
  })

  it('drains to the treasury owner by a transfer that stands last', () => {
    const { boot, by } = aLedger()
    boot.offer(aLine('orch-0', '1'))
    boot.store('drain', by.drain({ drainSeq: 1, amountWei: wei(5n * ETHER_WEI) }))
    const { commit } = payAll(boot)
    expect(commit.payouts.map(({ account, kind }: { account: number; kind: string }) => [account, kind])).to.deep.equal(
      [
        [1, 'ticket'],
        [0, 'transfer'],
      ],
    )
    expect(audited(boot.entries).paidWei).to.equal(6n * ETHER_WEI)
  })

  it('changes the policy, one version after the other', () => {
    const { world, boot, by } = aLedger()
    const old = world.genesis.policy
    const next: Policy = { ...old, thresholdWei: wei(2n * ETHER_WEI), treasuryOwner: anAddress(0xcc) }
    const { policyHash } = boot.ledger
    const refusals: readonly (readonly [object, string])[] = [
      [by.policy(next, 3, policyHash), 'COUNTER_MISMATCH'],
      [by.policy(next, 2, ZERO_HASH), 'POLICY_SUPERSEDED'],
      [by.policy(next, 2, policyHash, QUORUM, 1), 'SIGNATURE_EXPIRED'],
      [by.policy(next, 2, policyHash, [EVE]), 'QUORUM_INVALID'],
      [by.policy({ ...next, broker: anAddress(0xbb) }, 2, policyHash), 'POLICY_FIXED'],
      [{ ...by.policy(next, 2, policyHash), policy: by.policy(old, 2, policyHash).policy }, 'QUORUM_INVALID'],
    ]
    for (const [params, code] of refusals)
      expect(
        refusalOf(() => boot.call('set_policy', params)),
        code,
      ).to.equal(code)
    boot.offer(aLine('orch-0', '1'))
    boot.store('set_policy', by.policy(next, 2, policyHash))
    expect(refusalOf(() => boot.prepare())).to.equal('NOTHING_DUE')
    boot.offer(aLine('orch-3', '1'))
    expect(refusalOf(() => boot.call('set_policy', by.policy(next, 2, policyHash)))).to.equal('POLICY_SUPERSEDED')
    boot.store('drain', by.drain({ drainSeq: 1, amountWei: wei(1n) }))
    expect(boot.prepare().payouts[0].recipient).to.equal(anAddress(0xcc))
    audited(boot.entries)
  })

  it('judges the treasury owner of a policy by that policy alone, and never one that the contract refuses', () => {
    const owner = anAddress(0xcc)
    const { world, boot, by } = aLedger({ deniedRecipients: [owner] })
    const forgiving: Policy = { ...world.genesis.policy, deniedRecipients: [], treasuryOwner: owner }
    const { policyHash } = boot.ledger
    const codeOf = (flip: Partial<Policy>) =>
      refusalOf(() => boot.call('set_policy', by.policy({ ...forgiving, ...flip }, 2, policyHash)))
    expect(codeOf({ deniedRecipients: [owner] })).to.equal('POLICY_INVALID')
    for (const treasuryOwner of [forgiving.anchor, forgiving.broker, boot.call('status', {}).address])
      expect(codeOf({ treasuryOwner })).to.equal('RECIPIENT_FORBIDDEN')
    boot.store('set_policy', by.policy(forgiving, 2, policyHash))
    boot.store('drain', by.drain({ drainSeq: 1, amountWei: wei(1n) }))
    expect(boot.prepare().payouts[0].recipient).to.equal(owner)
    audited(boot.entries)
  })

  it('closes the journal once, for ever', () => {
    const { world, boot, by } = aLedger()
    const signed: Policy = { ...world.genesis.policy, credits: 'signed' }
    boot.offer(aLine('orch-0', '1'))
    const { policyHash } = boot.store('set_policy', by.policy(signed, 2, boot.ledger.policyHash))
    expect(refusalOf(() => boot.offer(aLine('orch-0', '1')))).to.equal('ROUTE_CLOSED')
    const back: Policy = { ...signed, credits: 'host-trusted' }
    expect(refusalOf(() => boot.call('set_policy', by.policy(back, 3, policyHash)))).to.equal('POLICY_FIXED')
    boot.store('credit_signed', { credits: [by.credit(REPORTERS[0] as Signer, 1)] })
    expect(BigInt(boot.ledger.creditedWei)).to.equal(2n * ETHER_WEI)
    audited(boot.entries)
  })

  it('names another past of a journal that was lost', () => {
    const { boot, by } = aLedger()
    boot.offer(aLine('orch-0', '1'), aLine('orch-1', '1'))
    const { journalSize: atSize, journalHead: atHead } = boot.ledger
    const newHead = `0x${'77'.repeat(32)}` as Hash
    expect(refusalOf(() => boot.call('journal_reset', by.reset({ atSize: 1, atHead, newHead })))).to.equal(
      'RESET_MISMATCH',
    )
    expect(refusalOf(() => boot.call('journal_reset', by.reset({ atSize, atHead, newHead }, [EVE])))).to.equal(
      'QUORUM_INVALID',
    )
    boot.store('journal_reset', by.reset({ atSize, atHead, newHead }))
    boot.journalHead = new Uint8Array(32).fill(0x77)
    expect(boot.offer(aLine('orch-0', '1')).kind).to.equal('ack')
    expect(
      boot.call('journal_reset', by.reset({ atSize: 3, atHead: boot.ledger.journalHead, newHead })).journalSize,
    ).to.equal(3)
    audited(boot.entries)
  })
})

describe('caps on payouts', () => {
  after(closeWorlds)

  it('bind each recipient and all of them within the window, and no longer', () => {
    const { world, boot } = aLedger({
      windowSeconds: 3_600,
      recipientWindowWeiMax: wei(ETHER_WEI),
      rollingWeiMax: wei((5n * ETHER_WEI) / 2n),
    })
    boot.offer(...['orch-0', 'orch-1', 'orch-2'].map((id) => aLine(id, '2')))
    const amounts = payAll(boot).commit.payouts.map(({ amountWei }: { amountWei: string }) => BigInt(amountWei))
    expect(amounts).to.deep.equal([ETHER_WEI, ETHER_WEI, ETHER_WEI / 2n])
    expect(refusalOf(() => boot.prepare())).to.equal('NOTHING_DUE')
    expect(boot.ledger.dueAccounts).to.equal(0)
    world.nowSeconds += 3_601
    expect(payAll(boot).commit.payouts).to.have.length(3)
    audited(boot.entries)
  })

  it('never pay a denied recipient, whatever else holds', () => {
    const { boot } = aLedger({ deniedRecipients: [anAddress(0x1000)] })
    boot.offer(aLine('orch-0', '1'), aLine('orch-1', '1'))
    expect(
      payAll(boot).commit.payouts.map(({ orchestratorId }: { orchestratorId: string }) => orchestratorId),
    ).to.deep.equal(['orch-1'])
    audited(boot.entries)
  })
})

describe('a rotation', () => {
  after(closeWorlds)

  it('takes a quorum and the next epoch, and the old enclave stops', () => {
    const { world, boot, by } = aLedger()
    const next = world.cold().call('generate', {})
    const { logKey, config } = boot.instance.state as { logKey: Hash; config: Hash }
    const message = { newAuthority: next.address, logKey, config, imageDigest: ZERO_HASH }
    const asked = { fees: { gas: 100_000, maxFeePerGasWei: '1', maxPriorityFeePerGasWei: '1' }, accountNonce: 9 }
    const rotate = (epoch: number, admins = QUORUM) => ({ ...by.approval({ epoch, ...message }, admins), ...asked })
    expect(refusalOf(() => boot.call('rotate', rotate(1)))).to.equal('ROTATION_INVALID')
    expect(refusalOf(() => boot.call('rotate', rotate(2, [EVE])))).to.equal('QUORUM_INVALID')
    boot.offer(aLine('orch-0', '1'))
    const commit = boot.prepare()
    expect(refusalOf(() => boot.call('rotate', rotate(2)))).to.equal('COMMIT_UNLANDED')
    boot.confirm(commit.sequence, 1n)
    expect(boot.call('rotate', rotate(2))).to.deep.include({ epoch: 2, head: boot.ledger.head, phase: 'halted' })
    expect(refusalOf(() => boot.prepare())).to.equal('PHASE_FORBIDS')
  })

  it('goes on under another authority, whose log says so, and under another log key only with approval', () => {
    const { world, boot, by } = aLedger()
    boot.offer(aLine('orch-0', '1'))
    const { bits, commit } = payAll(boot)
    const head = foldHead(commit.headerHash, bits)
    const keys = world.cold().call('generate', {})
    const claimed = { head, epoch: 2, bitmap: null }
    const successor = world.cold()
    successor.call('provision', {
      ciphertext_b64: keys.ciphertext_b64,
      state_ciphertext_b64: world.ciphertexts?.state_ciphertext_b64,
    })
    successor.load(boot, claimed)
    successor.openSession(3)
    successor.journalHead = boot.journalHead
    successor.offer(aLine('orch-0', '1'))
    payAll(successor)
    audited(successor.entries)

    const stranger = world.cold()
    stranger.call('provision', { ciphertext_b64: keys.ciphertext_b64, state_ciphertext_b64: keys.state_ciphertext_b64 })
    const entries = boot.entries.slice(0, -2)
    expect(
      refusalOf(() => stranger.call('rebuild', { entries, claimed: { head, epoch: 2, bitmap: bitsOf(bits) } })),
    ).to.equal('ROTATION_INVALID')
    const { configuration } = world
    const { logPublicKey } = stranger.instance.keys as { logPublicKey: Hash }
    const config = stranger.instance.keyContext.config
    expect(configuration.genesisHash).to.have.length(66)
    const approval = by.approval({
      epoch: 2,
      newAuthority: keys.address,
      logKey: logPublicKey,
      config,
      imageDigest: ZERO_HASH,
    })
    const reply = stranger.call('rebuild', { entries, claimed: { head, epoch: 2, bitmap: bitsOf(bits) }, approval })
    stranger.entries.push(...entries)
    for (const record of reply.released) stranger.keep(record)
    stranger.openSession(3)
    audited(stranger.entries)
  })
})

describe('a rebuild from the public log', () => {
  after(closeWorlds)

  function anchored() {
    const { world, boot } = aLedger()
    boot.offer(aLine('orch-0', '1'), aLine('orch-1', '2'))
    const { bits, commit } = payAll(boot)
    // The log is published up to the commit's logSize: without its commit entry and what followed.
    const published = boot.entries.slice(0, -2)
    return { world, boot, published, bits, commit, head: foldHead(commit.headerHash, bits) }
  }

  it('gives the whole state back, the settlement included, and pays on', () => {
    const { world, boot, published, bits, head } = anchored()
    const again = world.provisioned()
    const half = Math.floor(published.length / 2)
    again.call('rebuild', { entries: published.slice(0, half), more: true })
    const claimed = { head, epoch: 1, bitmap: bitsOf(bits) }
    const reply = again.call('rebuild', { entries: published.slice(half), claimed })
    again.entries.push(...published)
    for (const record of reply.released) again.keep(record)
    expect(again.ledger).to.deep.include({ head, sequence: 1, paidWei: boot.ledger.paidWei })
    again.openSession(2)
    again.journalHead = boot.journalHead
    again.offer(aLine('orch-0', '1'))
    payAll(again)
    expect(audited(again.entries).paidWei).to.equal(4n * ETHER_WEI)

    const chunk = again.call('export_snapshot', { chunk: 0 }).chunk
    const reloaded = world.provisioned()
    reloaded.call('load_state', { records: [chunk], claimed: { head: again.ledger.head, epoch: 2, bitmap: null } })
    expect(reloaded.ledger.paidWei).to.equal(again.ledger.paidWei)
  })

  it('refuses a log with one entry changed, missing or too many, and another bitmap', () => {
    const { world, published, bits, head, boot } = anchored()
    const claimed = { head, epoch: 1, bitmap: bitsOf(bits) }
    const attempt = (entries: readonly Uint8Array[], claim: object) =>
      refusalOf(() => world.provisioned().call('rebuild', { entries: [...entries], claimed: claim }))
    expect(attempt(published.slice(0, -1), claimed)).to.equal('CLAIM_MISMATCH')
    expect(attempt(boot.entries.slice(0, -1), claimed)).to.equal('STATE_MISMATCH')
    expect(attempt(published, { ...claimed, bitmap: bitsOf(1n) })).to.equal('CLAIM_MISMATCH')
    expect(attempt(published, { ...claimed, bitmap: null })).to.equal('CLAIM_MISMATCH')
    expect(attempt(published, { ...claimed, head: ZERO_HASH })).to.equal('CLAIM_MISMATCH')
    expect(attempt([], claimed)).to.equal('STATE_MISMATCH')
    const other = aLedger().boot
    other.offer(aLine('orch-0', '3'), aLine('orch-1', '2'))
    expect(attempt(other.entries, claimed)).to.equal('CLAIM_MISMATCH')
  })
})

function bitsOf(bits: bigint): Hash {
  return `0x${bits.toString(16).padStart(64, '0')}` as Hash
}
