/** A stage whose ledger names admins, reporters and a registrar, and what they sign for it. */
import type { Configuration } from '../../enclave/protocol/configuration.ts'
import type { MethodResults, ReleasedRecord } from '../../enclave/protocol/method-results.ts'
import type { MethodName, Params } from '../../enclave/protocol/methods.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import { aSigner, GOVERNED, REPORTERS, type Signer, signedFor } from '../builders/governors.ts'
import type { Boot } from './boot.ts'
import type { Stage } from './stage.ts'
import { useStage } from './use-stage.ts'

export const [REPORTER, OTHER_REPORTER] = REPORTERS as readonly [Signer, Signer]
export const ALICE = aSigner('alice')
export const EVE = aSigner('eve')

export function useGovernedStage(over: Partial<Policy> = {}): () => Stage {
  return useStage({ policy: { ...GOVERNED, ...over } })
}

/** Whatever people sign for this stage's ledger. */
export function signedOn(stage: Stage): ReturnType<typeof signedFor> {
  const { chainId, anchor } = stage.configuration as Configuration
  return signedFor({ chainId, anchor })
}

/** The policy that the stage's ledger began with. */
export function policyOf(stage: Stage): Policy {
  return parsePolicy((stage.genesis as { policy: unknown }).policy)
}

/** Calls, and stores what was released. */
export async function stored<M extends MethodName>(
  boot: Boot,
  method: M,
  params: Params<M>,
): Promise<MethodResults[M]> {
  const reply = await boot.call(method, params)
  const { records } = reply as { readonly records?: readonly ReleasedRecord[] }
  await boot.keep(records ?? [])
  return reply
}

export async function owedWei(boot: Boot, id: string): Promise<bigint> {
  return BigInt((await boot.call('balance', { orchestrator_id: id })).balance_wei)
}
