import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { EPOCH_MAX, SEQUENCE_MAX } from '../../enclave/protocol/header.ts'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { ANCHOR_TYPES, keyOf, word } from '../contracts/wire.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

/** The slot of the anchor that holds session, epoch and sequence, from the left. */
const PACKED_SLOT = `0x${'00'.repeat(31)}01`

describe('A16: a host that drives a counter to its end', () => {
  const stage = useStage()

  it('is refused a session beyond the last epoch, at genesis and at load, and the enclave goes on', async () => {
    const first = await stage().boot()
    await refuses(first.begin(stage().genesis, EPOCH_MAX), 'SEQUENCE_SPENT')
    await first.begin(stage().genesis, 0)
    await stage().activate(first)
    await first.credit('1', 'orch-0')
    await first.kill()

    const again = await stage().boot()
    const claim = await stage().claim()
    await refuses(again.load(first.kept, { ...claim, epoch: EPOCH_MAX }), 'SEQUENCE_SPENT')
    await again.load(first.kept, claim)
    await stage().activate(again)
    await stage().pay(again)
    await stage().audits(again)
  })

  it('may claim the last epoch but one: what is signed then lands nowhere', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, EPOCH_MAX - 1)
    const opened = await boot.openSession()
    assert.equal(opened.epoch, EPOCH_MAX)
    reverted(await stage().send(opened), 'AnchorWrongEpoch')
  })

  it('does not wrap the anchor’s sequence: after the last one no commit fits', async () => {
    const session = keyOf('the last session')
    const packed = `${session.address.slice(2)}${hex48(1)}${hex48(SEQUENCE_MAX)}`
    await stage().node.request('hardhat_setStorageAt', stage().anchor, PACKED_SLOT, `0x${packed}`)
    const { sequence, epoch } = await stage().facts()
    assert.deepEqual({ sequence, epoch }, { sequence: SEQUENCE_MAX, epoch: 1 })
    for (const next of [0, 1, SEQUENCE_MAX]) reverted(await sent(session, next), 'AnchorWrongSequence')
  })

  function hex48(value: number): string {
    return value.toString(16).padStart(12, '0')
  }

  async function sent(session: ReturnType<typeof keyOf>, sequence: number) {
    const roots = { balanceRoot: word(1), logRoot: word(2), logSize: 1n }
    const message = { epoch: 1, sequence, prev: ZERO_HASH, next: word(3), payoutsHash: ZERO_HASH, ...roots }
    const domain = {
      name: 'Anchorhold',
      version: '1',
      chainId: stage().deployment.chainId,
      verifyingContract: stage().deployment.anchor,
    }
    const sig = await session.signTypedData({ domain, types: ANCHOR_TYPES, primaryType: 'Commit', message })
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commit', args: [message, sig] })
    return stage().relay({ call: Buffer.from(data.slice(2), 'hex') })
  }
})
