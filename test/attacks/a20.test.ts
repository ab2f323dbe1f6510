import { strict as assert } from 'node:assert'
import { encodeFunctionData, type Hex } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { DEV_ACCOUNTS, type DevAccount, devAccount } from '../../scripts/chain/accounts.ts'
import { anAddress } from '../builders/boot.ts'
import { useStage } from './use-stage.ts'

const JUNK: Hex = `0x${'11'.repeat(64)}1b`
const OTHER = anAddress(0xee)
const OPEN = { epoch: 2, head: ZERO_HASH, session: OTHER, attestationDigest: ZERO_HASH }
const COMMIT = {
  epoch: 1,
  sequence: 1,
  prev: ZERO_HASH,
  next: `0x${'22'.repeat(32)}` as Hex,
  payoutsHash: ZERO_HASH,
  balanceRoot: ZERO_HASH,
  logRoot: ZERO_HASH,
  logSize: 0n,
}
const ROTATE = { epoch: 2, head: ZERO_HASH, newAuthority: OTHER, attestationDigest: ZERO_HASH }

/** Every function of the anchor that could change anything. */
const CALLS: { readonly [name: string]: readonly unknown[] } = {
  appointAuthority: [OTHER],
  approveAuthority: [OTHER],
  openSession: [OPEN, JUNK],
  commit: [COMMIT, JUNK],
  commitAndPay: [COMMIT, '0x', 0n, JUNK],
  rotateAuthority: [ROTATE, JUNK],
  freeze: [],
  unfreeze: [],
  guardianRotate: [OTHER],
}
/** What the guardian may do at once. */
const GUARDIANS: ReadonlySet<string> = new Set(['approveAuthority', 'freeze'])

describe('A20: whoever would be owner of the anchor', () => {
  const stage = useStage()

  const roles = (): readonly (readonly [string, DevAccount])[] => [
    ['the guardian', stage().guardian()],
    ['the treasury owner', devAccount(DEV_ACCOUNTS.treasuryOwner)],
    ['a stranger', devAccount(8)],
  ]

  it('finds no call but those that are listed', () => {
    const changing = ANCHOR_ABI.filter((item) => item.type === 'function').filter(
      ({ stateMutability }) => stateMutability === 'nonpayable',
    )
    assert.deepEqual(changing.map(({ name }) => name).sort(), Object.keys(CALLS).sort())
  })

  for (const [functionName, args] of Object.entries(CALLS))
    it(`changes nothing by ${functionName}, unless it is the guardian’s to call`, async () => {
      await stage().active()
      const before = await standing()
      for (const [role, account] of roles()) {
        const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName, args } as never)
        const { status } = await stage().as(account, { to: stage().anchor, data })
        const may = role === 'the guardian' && GUARDIANS.has(functionName)
        assert.equal(status === '0x1', may, `${functionName} by ${role}`)
        if (!may) assert.deepEqual(await standing(), before, `${functionName} by ${role}`)
      }
      assert.equal(await stage().outflowWei(), 0n)
    })

  async function standing() {
    const { head, epoch, sequence, session, authority } = await stage().facts()
    return { head, epoch, sequence, session, authority }
  }
})
