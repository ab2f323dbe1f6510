import { strict as assert } from 'node:assert'
import { parseTransaction } from 'viem'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import type { SignedCall } from '../../enclave/protocol/method-results.ts'
import type { Params } from '../../enclave/protocol/methods.ts'
import { CHAIN_ID } from '../../scripts/chain/evm.ts'
import { WORLD } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { FEES } from './boot.ts'
import { useGovernedStage } from './governed.ts'
import { approval, askRotation, drawKeys } from './rotation.ts'
import { lower } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

const STRANGER = anAddress(0xbad)
/** What a host would like to say besides. */
const WISHES: readonly { readonly [field: string]: string | number }[] = [
  { to: STRANGER },
  { to: WORLD.ticketBroker, data: '0x6caa736b', value: '1000000000000000000' },
  { anchor: STRANGER },
  { recipient: STRANGER },
  { chainId: 1 },
  { chain_id: 1 },
  { value: '1' },
  { amountWei: '1' },
  { call: '0x00' },
]

describe('S8: a host that wants a transaction of its own signed', () => {
  const stage = useStage()

  it('gets calls of the anchor on its chain, without value, and nothing else', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const opened = await boot.openSession()
    await boot.tellLanded(opened.epoch)
    const bare = await boot.prepare({ mode: 'bare' })
    await boot.confirm(bare.sequence, null)
    await boot.credit('1', 'orch-0')
    const paying = await boot.prepare()
    const signed = { openSession: opened, commit: bare, commitAndPay: paying }
    for (const [kind, call] of Object.entries(signed))
      assert.deepEqual(decoded(call), { to: stage().anchor, chainId: CHAIN_ID, value: 0n, kind })
    assert.deepEqual(decoded(await boot.resign()), decoded(paying))
  })

  it('is refused every other word in a request that signs', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const { number, hash } = await stage().round()
    const signing = { fees: FEES, accountNonce: 1, round: { number, hash } }
    await boot.prepare()
    const again = await stage().boot()
    await again.load(boot.kept, await stage().claimFor(boot.kept))
    for (const wish of WISHES) {
      const codes = [
        await codeOfCall(boot.call('resign_commit', { ...signing, ...wish })),
        await codeOfCall(boot.call('prepare_commit', { budgetWei: '1', ...signing, ...wish })),
        await codeOfCall(again.call('open_session', { fees: FEES, accountNonce: 1, ...wish })),
      ]
      assert.deepEqual(codes, ['PARAMS_INVALID', 'PARAMS_INVALID', 'PARAMS_INVALID'], Object.keys(wish).join())
    }
  })
})

describe('S8: a host that wants a transaction of its own signed on a ledger of admins', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('gets a rotation of the anchor’s authority by quorum, to the anchor as well', async () => {
    const boot = await stage().active()
    const { address } = await drawKeys(stage())
    const approved = await approval(stage(), boot, 2, address)
    for (const wish of WISHES) {
      const asked = { ...approved, fees: FEES, accountNonce: 1, ...wish } as Params<'rotate'>
      await refuses(boot.call('rotate', asked), 'PARAMS_INVALID')
    }
    const rotation = await askRotation(stage(), boot, 2, address)
    const expected = { to: stage().anchor, chainId: CHAIN_ID, value: 0n, kind: 'rotateAuthority' }
    assert.deepEqual(decoded(rotation), expected)
  })
})

/** Where the authority's transaction goes, and as which call. */
function decoded({ rawTransaction, call }: SignedCall) {
  const { to, chainId, value, data } = parseTransaction(toHex(rawTransaction))
  assert.equal(data, toHex(call), 'the transaction carries the call')
  return { to: lower(to ?? ''), chainId, value: value ?? 0n, kind: decodeAnchorCall(call).kind }
}
