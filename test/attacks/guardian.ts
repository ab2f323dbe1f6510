/** What the guardian does to the anchor, and what others try in his place. */
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import type { DevAccount } from '../../scripts/chain/accounts.ts'
import type { Stage } from './stage.ts'

export type GuardianCall =
  | readonly ['freeze' | 'unfreeze']
  | readonly ['appointAuthority' | 'approveAuthority' | 'guardianRotate', Address]

/** `landed`, or the anchor's error by name. */
export async function asks(stage: Stage, who: DevAccount, [functionName, ...args]: GuardianCall): Promise<string> {
  const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName, args } as never)
  const simulated = await stage.chain.simulate(who.address.toLowerCase() as Address, data as never)
  const { status } = await stage.as(who, { to: stage.anchor, data })
  if (status === '0x1') return 'landed'
  return simulated.kind === 'reverts' ? simulated.error : 'reverted'
}

export const DAY_SECONDS = 86_400
