/** Key policies to take one thing from, and what the linter then says. */
import { parseConfiguration } from '../../../../enclave/protocol/configuration.ts'
import { contextOf } from '../../../../scripts/kms/context.ts'
import type { Severity } from '../../../../scripts/kms/findings.ts'
import { lintKeyPolicy } from '../../../../scripts/kms/lint.ts'
import type { Image } from '../../../../scripts/kms/measurements.ts'
import { type KeyPolicyTerms, keyPolicy } from '../../../../scripts/kms/policy.ts'

export const HOST_ROLE = 'arn:aws:iam::111122223333:role/anchorhold-host'
export const ADMIN_ROLE = 'arn:aws:iam::111122223333:role/anchorhold-key-admin'
export const ACCOUNT_ROOT = 'arn:aws:iam::111122223333:root'
export const KEY_ARN = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'

export const CONFIGURATION = parseConfiguration({
  chainId: 42_161,
  anchor: `0x${'a1'.repeat(20)}`,
  broker: `0x${'b2'.repeat(20)}`,
  guardian: `0x${'c3'.repeat(20)}`,
  role: 'core',
  genesisHash: `0x${'d4'.repeat(32)}`,
  keyRelease: { keyId: KEY_ARN, region: 'eu-west-1', keyVersion: 1 },
})

/** 96 hex digits that no other measurement of these tests has. */
export function pcr(digits: string): string {
  return digits.repeat(96).slice(0, 96)
}

export function anImage(over: Partial<Image> = {}): Image {
  return { name: 'core', pcr0: pcr('a0'), pcr1: pcr('a1'), pcr2: pcr('a2'), ...over }
}

export const NEXT_IMAGE = anImage({ name: 'next', pcr0: pcr('b0'), pcr1: pcr('b1'), pcr2: pcr('b2') })

export function terms(over: Partial<KeyPolicyTerms> = {}): KeyPolicyTerms {
  return {
    images: [anImage()],
    roleArn: HOST_ROLE,
    adminArns: [ADMIN_ROLE],
    context: contextOf(CONFIGURATION, []),
    ...over,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a policy to be broken in any way, also where its type forbids it.
export type Loose = any

/** The policy of these terms as a file would hold it, to be changed at will. */
export function aKeyPolicy(over: Partial<KeyPolicyTerms> = {}): Loose {
  return JSON.parse(JSON.stringify(keyPolicy(terms(over))))
}

export function statement(policy: Loose, sid: string): Loose {
  const found = policy.Statement.find(({ Sid }: Loose) => Sid === sid)
  if (found === undefined) throw new Error(`no statement ${sid}`)
  return found
}

export function without(policy: Loose, sid: string): Loose {
  const left = policy.Statement.filter(({ Sid }: Loose) => Sid !== sid)
  if (left.length !== policy.Statement.length - 1) throw new Error(`no statement ${sid}`)
  return { ...policy, Statement: left }
}

export function withAnother(policy: Loose, another: Loose): Loose {
  return { ...policy, Statement: [...policy.Statement, { Sid: 'Another', Effect: 'Allow', Resource: '*', ...another }] }
}

/** The ids of one severity, each once, in alphabetical order. */
export function found(policy: unknown, severity: Severity, images?: readonly Image[]): string[] {
  const bytes = new TextEncoder().encode(typeof policy === 'string' ? policy : JSON.stringify(policy))
  const ids = lintKeyPolicy(bytes, images).filter((one) => one.severity === severity)
  return [...new Set(ids.map(({ id }) => id))].sort()
}

/** The policy after a change of one statement. */
export function changed(sid: string, change: (one: Loose) => void): (policy: Loose) => Loose {
  return (policy) => {
    change(statement(policy, sid))
    return policy
  }
}

export const PCR0 = 'kms:RecipientAttestation:PCR0'

/** One more condition of the Allow, or another value of one. */
export function demand(operator: string, key: string, value: unknown): (policy: Loose) => Loose {
  return changed('UseByImage', ({ Condition }) => {
    Condition[operator] = { ...Condition[operator], [key]: value }
  })
}

export function forget(key: string): (policy: Loose) => Loose {
  return changed('UseByImage', ({ Condition }) => {
    delete Condition.StringEqualsIgnoreCase[key]
  })
}

/** The conditions of the Allow under another operator. */
export function moved(operator: string): (policy: Loose) => Loose {
  return changed('UseByImage', (one) => {
    one.Condition = { [operator]: one.Condition.StringEqualsIgnoreCase }
  })
}
