/** What identities may do in IAM, beside the key policy: the host's role, and the canaries' that must get nowhere. */
import { requireIdentityArn, requireKeyArn } from './arn.ts'

const USE = ['kms:Decrypt', 'kms:GenerateDataKey']
const VERSION = '2012-10-17'

export type IamPolicy = {
  readonly Version: typeof VERSION
  readonly Statement: readonly { readonly [element: string]: unknown }[]
}

/** For the role of the instance: two actions on one key. The key policy still demands the document. */
export function hostRolePolicy(keyArn: string): IamPolicy {
  return usePolicy('UseOneKeyOnly', keyArn)
}

/**
 * For a canary: IAM lets it do everything that the key policy has to forbid. Without that its refusals would be IAM's,
 * and an account statement slipped into the key policy would stay unseen.
 */
export function canaryPolicies(keyArn: string, assumedByArn: string): { trust: IamPolicy; permissions: IamPolicy } {
  const trusted = { Sid: 'RunTheCanary', Effect: 'Allow', Principal: { AWS: requireIdentityArn(assumedByArn) } }
  return {
    trust: { Version: VERSION, Statement: [{ ...trusted, Action: 'sts:AssumeRole' }] },
    permissions: usePolicy('TryTheKey', keyArn),
  }
}

function usePolicy(sid: string, keyArn: string): IamPolicy {
  const statement = { Sid: sid, Effect: 'Allow', Action: USE, Resource: requireKeyArn(keyArn) }
  return { Version: VERSION, Statement: [statement] }
}
