/** Names of AWS: of keys, of roles, and what a Nitro Enclave measures of the role of its parent. */
import { createHash } from 'node:crypto'
import { regionOfKey } from '../../enclave/protocol/configuration.ts'
import { refuse } from '../../enclave/protocol/errors.ts'

const PCR_BYTES = 48
const PARTITION = 'arn:aws(?:-cn|-us-gov)?'
const ACCOUNT = '[0-9]{12}'
const ROLE_ARN = new RegExp(`^${PARTITION}:iam::${ACCOUNT}:role/[\\w+=,.@/-]{1,512}$`)
const IDENTITY_ARN = new RegExp(`^${PARTITION}:iam::${ACCOUNT}:(?:role|user)/[\\w+=,.@/-]{1,512}$`)
/** A whole account: any of its identities that an IAM policy of the account lets in. */
const ACCOUNT_PRINCIPAL = new RegExp(`^(?:${ACCOUNT}|${PARTITION}:iam::${ACCOUNT}:root)$`)

/** The ARN of a role, as it stands in a policy. Refuses CONFIG_INVALID, also for an assumed role's session. */
export function requireRoleArn(text: string): string {
  return ROLE_ARN.test(text) ? text : refuse('CONFIG_INVALID', 'arn:aws:iam::ACCOUNT:role/NAME', text)
}

/** The ARN of a role or a user. Refuses CONFIG_INVALID: a whole account is no administrator. */
export function requireIdentityArn(text: string): string {
  return IDENTITY_ARN.test(text) ? text : refuse('CONFIG_INVALID', 'the ARN of an IAM role or user', text)
}

/** The full ARN of a key, never an alias: whoever may change an alias would choose the key [N22]. Refuses CONFIG_INVALID. */
export function requireKeyArn(text: string): string {
  return regionOfKey(text) !== undefined ? text : refuse('CONFIG_INVALID', 'arn:aws:kms:REGION:ACCOUNT:key/ID', text)
}

export function isRoleArn(text: string): boolean {
  return ROLE_ARN.test(text)
}

export function isAccountPrincipal(text: string): boolean {
  return ACCOUNT_PRINCIPAL.test(text)
}

/** PCR3 of every enclave on an instance of this role, as 96 hex digits: zeros extended once by the ARN's ASCII. */
export function pcr3Of(roleArn: string): string {
  return createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(Buffer.from(roleArn, 'ascii')).digest('hex')
}
