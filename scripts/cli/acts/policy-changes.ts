/** What a new policy changes: among thirty fields, the one that matters must not hide. */
import { refuse } from '../../../enclave/protocol/errors.ts'
import { formatEther } from '../../../enclave/protocol/money.ts'
import { type Policy, parsePolicy, policyCodec, policyHash } from '../../../enclave/protocol/policy.ts'
import { readForeignJson } from '../foreign-json.ts'

const POLICY_BYTES_MAX = 1_048_576

/** Field by field: a policy reaches the whole treasury. */
export function policyWords(policy: Policy): string[] {
  return Object.entries(policy).map(([name, value]) => `  ${name}: ${shown(value)}`)
}

type PolicyAct = { readonly act: string; readonly fields: { readonly [name: string]: unknown } }

/** `given` is the policy that the act names as its predecessor. Nothing for an act of another kind. Refuses ACT_INVALID. */
export function changesOf({ act, fields }: PolicyAct, given: Policy): string[] {
  if (act !== 'policy') return []
  const hash = policyHash(given)
  if (fields['prevPolicyHash'] !== hash)
    refuse('ACT_INVALID', `the policy of hash ${fields['prevPolicyHash']} to compare with`, hash)
  // Both as they are read, so that the same fields stand in the same order.
  const [before, after] = [policyCodec.encode(given), fields['policy']].map(parsePolicy) as [Policy, Policy]
  const changed = (Object.keys(after) as (keyof Policy)[]).filter((name) => shown(before[name]) !== shown(after[name]))
  if (changed.length === 0) return ['It changes nothing.']
  return ['It changes:', ...changed.map((name) => `  ${name}: ${shown(before[name])} becomes ${shown(after[name])}`)]
}

/** A policy by itself, as in control/policy.json, or within a genesis file. Refuses ACT_INVALID, POLICY_INVALID. */
export async function readPolicy(path: string): Promise<Policy> {
  const value = await readForeignJson(path, { what: 'a policy', bytesMax: POLICY_BYTES_MAX, code: 'ACT_INVALID' })
  return parsePolicy(value['policy'] ?? value)
}

function shown(value: unknown): string {
  return typeof value === 'bigint' ? `${formatEther(value)} ETH` : JSON.stringify(value, bigintAsText)
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
