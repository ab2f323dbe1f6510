import { strict as assert } from 'node:assert'
import { encodeDeployData, encodeFunctionData, type Hex } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { type Address, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { openChain } from '../../host/chain.ts'
import { CHAIN_ID } from '../../scripts/chain/evm.ts'
import { readArtifact } from '../../scripts/chain/world.ts'
import { anAddress } from '../builders/boot.ts'
import { lower } from './stage.ts'
import { useStage } from './use-stage.ts'

const ATTACKER_SESSION = anAddress(0xbad)

describe('G3: a session before there is an authority', () => {
  const stage = useStage()

  /** An anchor like the stage's own, to which nobody has appointed an authority yet. */
  async function fresh(): Promise<Address> {
    const { abi, bytecode } = await readArtifact('LedgerAnchor')
    const { broker, guardian } = stage().deployment
    const data = encodeDeployData({ abi, bytecode, args: [broker, guardian] })
    const { contractAddress } = (await stage().asStranger({ data, gas: 10_000_000n } as never)) as never as {
      readonly contractAddress: Hex
    }
    return lower(contractAddress)
  }

  /** `landed`, or the anchor's error by name. */
  async function opens(anchor: Address, signature: Hex): Promise<string> {
    const open = { epoch: 1, head: ZERO_HASH, session: ATTACKER_SESSION, attestationDigest: ZERO_HASH }
    const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'openSession', args: [open, signature] })
    const chain = openChain({ rpcUrls: [stage().node.url], chainId: CHAIN_ID, anchor, finality: 'finalized' })
    const simulated = await chain.simulate(ATTACKER_SESSION, data as never)
    if ((await stage().asStranger({ to: anchor, data })).status === '0x1') return 'landed'
    return simulated.kind === 'reverts' ? simulated.error : 'reverted'
  }

  /** Signatures that recover nobody: ecrecover answers zero for each. */
  const GARBAGE: readonly Hex[] = ['0x', `0x${'00'.repeat(65)}`, `0x${'11'.repeat(64)}1d`, `0x${'ff'.repeat(64)}1b`]

  it('is opened by no signature, before and after the appointment', async () => {
    const anchor = await fresh()
    for (const signature of GARBAGE) assert.equal(await opens(anchor, signature), 'AnchorNoAuthority', signature)
    const data = encodeFunctionData({
      abi: ANCHOR_ABI,
      functionName: 'appointAuthority',
      args: [stage().authority],
    })
    assert.equal((await stage().as(stage().guardian(), { to: anchor, data })).status, '0x1')
    for (const signature of GARBAGE) assert.equal(await opens(anchor, signature), 'AnchorBadSignature', signature)
  })
})
