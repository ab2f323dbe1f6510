import { strict as assert } from 'node:assert'
import { concatHex, encodeFunctionData, type Hex, pad, toFunctionSelector } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { fromHex, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { DEV_ACCOUNTS, type DevAccount, devAccount } from '../../scripts/chain/accounts.ts'
import { CHAIN_ID } from '../../scripts/chain/evm.ts'
import { readArtifact } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import { ANCHOR_TYPES, packPayouts, payoutsHashOf, word } from '../contracts/wire.ts'
import { asks, DAY_SECONDS, type GuardianCall } from './guardian.ts'
import { lower, TREASURY_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

const OTHER = anAddress(0x0de)
const CALLS: readonly GuardianCall[] = [
  ['appointAuthority', OTHER],
  ['approveAuthority', OTHER],
  ['freeze'],
  ['unfreeze'],
  ['guardianRotate', OTHER],
]

const SIGNED = ['openSession', 'commit', 'commitAndPay', 'rotateAuthority'] as const
const ROLES = Object.entries({ ...DEV_ACCOUNTS, stranger: 9 }).map(([name, at]) => [name, devAccount(at)] as const)
/** Powers that other contracts give to somebody. */
const UNDECLARED = [
  'owner()',
  'transferOwnership(address)',
  'setSigner(address)',
  'setGuardian(address)',
  'setRoot(bytes32)',
  'resetRoot()',
  'upgradeTo(address)',
  'upgradeToAndCall(address,bytes)',
  'initialize(address)',
  'pause()',
  'withdraw()',
  'withdraw(address,uint256)',
  'drain(address)',
]

describe('A20: powers over the anchor', () => {
  const stage = useStage()

  async function standing() {
    const { head, sequence, epoch, session, authority, frozen, treasuryWei } = await stage().facts()
    return { head, sequence, epoch, session, authority, frozen, treasuryWei }
  }

  it('are the guardian’s alone: owner, treasury owner, keeper and strangers move nothing by any call', async () => {
    await stage().active()
    const before = await standing()
    const others = [DEV_ACCOUNTS.owner, DEV_ACCOUNTS.treasuryOwner, DEV_ACCOUNTS.keeper, 9].map((index) =>
      devAccount(index),
    )
    for (const other of others)
      for (const call of CALLS) assert.equal(await asks(stage(), other, call), 'AnchorNotGuardian', call[0])
    assert.deepEqual(await standing(), before)
  })

  it('let the guardian stop and go on, appoint nobody twice, and touch neither head nor treasury', async () => {
    const boot = await stage().active()
    const before = await standing()
    const guardian = stage().guardian()
    assert.equal(await asks(stage(), guardian, ['appointAuthority', OTHER]), 'AnchorAuthoritySet')
    assert.equal(await asks(stage(), guardian, ['guardianRotate', OTHER]), 'AnchorNotFrozen')
    assert.equal(await asks(stage(), guardian, ['unfreeze']), 'AnchorNotFrozen')
    assert.equal(await asks(stage(), guardian, ['freeze']), 'landed')
    assert.deepEqual(await standing(), { ...before, frozen: true })
    assert.equal(await asks(stage(), guardian, ['unfreeze']), 'landed')
    assert.deepEqual(await standing(), before)
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('let him replace the authority after seven days of freeze and not a second before', async () => {
    await stage().active()
    const before = await standing()
    const guardian = stage().guardian()
    assert.equal(await asks(stage(), guardian, ['freeze']), 'landed')
    const due = (await stage().node.second()) + 7 * DAY_SECONDS
    assert.equal(await rotatesAt(due - 1), false, 'one second early')
    assert.equal(await rotatesAt(due), true)
    await stage().node.pass(7 * DAY_SECONDS + 60)
    assert.equal(await asks(stage(), guardian, ['guardianRotate', OTHER]), 'landed')
    const { epoch, authority, session, head, treasuryWei } = await standing()
    assert.deepEqual(
      { epoch, authority, session, head, treasuryWei },
      {
        epoch: before.epoch + 1,
        authority: OTHER,
        session: anAddress(0),
        head: before.head,
        treasuryWei: before.treasuryWei,
      },
    )
  })

  /** Whether the guardian's takeover passes in a block of exactly this second, which is then taken back. */
  async function rotatesAt(second: number): Promise<boolean> {
    const back = await stage().node.mark()
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'guardianRotate', args: [OTHER] })
    const hash = await stage().node.submit(await stage().rawOf(stage().guardian(), { to: stage().anchor, data }))
    await stage().node.mineAt(second)
    const receipt = await stage().node.receiptOf(hash)
    await back()
    assert(receipt !== undefined, 'the takeover is in that block')
    return receipt.status === '0x1'
  }

  it('are those of nine calls and no other: whoever signs for himself gets past no signature', async () => {
    await stage().active()
    const before = await standing()
    const { abi } = await readArtifact('LedgerAnchor')
    const writing = abi.flatMap((item) =>
      item.type === 'function' && !['view', 'pure'].includes(item.stateMutability) ? [item.name] : [],
    )
    assert.deepEqual([...writing].sort(), [...SIGNED, ...CALLS.map(([name]) => name)].sort())
    for (const [name, account] of ROLES) {
      for (const call of SIGNED) {
        const expected = call === 'rotateAuthority' ? 'AnchorNotApproved' : 'AnchorBadSignature'
        const answer = await stage().refusalOf(
          { call: fromHex(await ownSigned(call, account)) },
          lower(account.address),
        )
        assert.equal(answer, expected, `${call} by ${name}`)
      }
      for (const form of UNDECLARED) {
        const data = concatHex([toFunctionSelector(form), pad(OTHER), pad(OTHER)])
        assert.equal((await stage().as(account, { to: stage().anchor, data })).status, '0x0', `${form} by ${name}`)
      }
    }
    assert.deepEqual(await standing(), before)
  })

  it('name no successor without the old authority’s signature, even where the guardian approves him', async () => {
    await stage().active()
    assert.equal(await asks(stage(), stage().guardian(), ['approveAuthority', OTHER]), 'landed')
    const before = await standing()
    for (const [name, account] of ROLES) {
      const call = fromHex(await ownSigned('rotateAuthority', account))
      assert.equal(await stage().refusalOf({ call }, lower(account.address)), 'AnchorBadSignature', name)
    }
    assert.deepEqual(await standing(), before)
  })

  /** The call that fits the anchor's numbers, with the caller's own signature. */
  async function ownSigned(functionName: (typeof SIGNED)[number], account: DevAccount): Promise<Hex> {
    const { head, epoch, sequence } = await stage().facts()
    const all = packPayouts(
      { round: 0n, roundHash: ZERO_HASH, firstPayoutId: 1n },
      { tickets: [], transfers: [{ recipient: OTHER, amountWei: TREASURY_WEI }] },
    )
    const attestationDigest = ZERO_HASH
    const open = { epoch: epoch + 1, head, session: OTHER, attestationDigest }
    const rotate = { epoch: epoch + 1, head, newAuthority: OTHER, attestationDigest }
    const payoutsHash = functionName === 'commitAndPay' ? payoutsHashOf(all, 0n) : ZERO_HASH
    const roots = { balanceRoot: word(1), logRoot: word(2), logSize: 1n }
    const commit = { epoch, sequence: sequence + 1, prev: head, next: word(3), payoutsHash, ...roots }
    const [primaryType, message] = (
      {
        openSession: ['Open', open],
        rotateAuthority: ['Rotate', rotate],
        commit: ['Commit', commit],
        commitAndPay: ['Commit', commit],
      } as const
    )[functionName]
    const domain = { name: 'Anchorhold', version: '1', chainId: CHAIN_ID, verifyingContract: stage().anchor }
    const signature = await account.signTypedData({ domain, types: ANCHOR_TYPES, primaryType, message } as never)
    const args = functionName === 'commitAndPay' ? [message, all, 0n, signature] : [message, signature]
    return encodeFunctionData({ abi: ANCHOR_ABI, functionName, args } as never)
  }
})
