/**
 * The key policy of a ledger's KMS key, made from what may use it: images by their measurements, for one ledger,
 * configuration, role and key version. Whoever may call PutKeyPolicy can undo all of it and is trusted [N23, F1, F2, G2].
 */
import { refuse } from '../../enclave/protocol/errors.ts'
import { pcr3Of, requireIdentityArn, requireRoleArn } from './arn.ts'
import type { Image } from './measurements.ts'
import { CONTEXT_KEYS, type ContextKey, WAYS_AROUND } from './names.ts'

/** The values that a request's encryption context may have. What has none here is demanded, but may be anything. */
export type ContextValues = { readonly [key in ContextKey]?: readonly string[] }

export type KeyPolicyTerms = {
  readonly images: readonly Image[]
  /** Of the instance that the enclave runs on: KMS is asked with its credentials, and its ARN is in PCR3. */
  readonly roleArn: string
  readonly adminArns: readonly string[]
  readonly context: ContextValues
  /** Who may encrypt a key that is imported, for that step only: the linter does not let such a policy pass. */
  readonly importArn?: string
}

type Json = string | readonly string[]
export type PolicyStatement = {
  readonly Sid: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal: '*' | { readonly AWS: Json }
  readonly Action: readonly string[]
  readonly Resource: '*'
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: Json } }
}
export type KeyPolicy = { readonly Version: '2012-10-17'; readonly Statement: readonly PolicyStatement[] }

const USE = ['kms:Decrypt', 'kms:GenerateDataKey']
/** Every action that gives out what lies under the key, and can carry a document. */
const ANY_USE = ['kms:Decrypt', 'kms:GenerateDataKey*', 'kms:DeriveSharedSecret']
const ADMIN = ['kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:PutKeyPolicy', 'kms:EnableKeyRotation']

/** Refuses CONFIG_INVALID where an ARN has another form, or the host's own role were to administer the key. */
export function keyPolicy(terms: KeyPolicyTerms): KeyPolicy {
  const roleArn = requireRoleArn(terms.roleArn)
  const adminArns = terms.adminArns.map(requireIdentityArn)
  if (adminArns.length === 0) refuse('CONFIG_INVALID', 'an administrator of the key', 'none')
  if (adminArns.includes(roleArn)) refuse('CONFIG_INVALID', 'an administrator other than the role of the host', roleArn)
  return {
    Version: '2012-10-17',
    Statement: [
      ...useByImages(terms.images, roleArn),
      denyUse('NoUseUnattested', 'Null', 'kms:RecipientAttestation:PCR0', 'true'),
      denyUse(
        'NoUseByOtherImages',
        'StringNotEqualsIgnoreCase',
        'kms:RecipientAttestation:PCR0',
        terms.images.map(({ pcr0 }) => pcr0),
      ),
      ...CONTEXT_KEYS.flatMap((key) => contextDenies(key, terms.context[key])),
      ...aroundStatements(terms),
      { Sid: 'AdminWithoutUse', Effect: 'Allow', Principal: { AWS: one(adminArns) }, Action: ADMIN, Resource: '*' },
    ],
  }
}

/** A statement for each image: lists of values in one would admit any mixture of two images' parts. */
function useByImages(images: readonly Image[], roleArn: string): PolicyStatement[] {
  return images.map((image, at) => {
    const pcr3 = pcr3Of(roleArn)
    if (image.pcr3 !== undefined && image.pcr3 !== pcr3)
      refuse('CONFIG_INVALID', `PCR3 of ${image.name} to be that of ${roleArn}, ${pcr3}`, image.pcr3)
    return {
      Sid: images.length === 1 ? 'UseByImage' : `UseByImage${at + 1}`,
      Effect: 'Allow',
      Principal: { AWS: roleArn },
      Action: USE,
      Resource: '*',
      Condition: { StringEqualsIgnoreCase: pcrConditions({ ...image, pcr3 }) },
    }
  })
}

function pcrConditions({ pcr0, pcr1, pcr2, pcr3, pcr8, pcr16 }: Image): { readonly [key: string]: string } {
  const values = { PCR0: pcr0, PCR1: pcr1, PCR2: pcr2, PCR3: pcr3, PCR8: pcr8, PCR16: pcr16 }
  const present = Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(present.map(([name, value]) => [`kms:RecipientAttestation:${name}`, value]))
}

/** One condition a statement: several in one would all have to hold before it denies. */
function denyUse(sid: string, operator: string, key: string, value: Json): PolicyStatement {
  return {
    Sid: sid,
    Effect: 'Deny',
    Principal: '*',
    Action: ANY_USE,
    Resource: '*',
    Condition: { [operator]: { [key]: value } },
  }
}

function contextDenies(key: ContextKey, values: readonly string[] | undefined): PolicyStatement[] {
  const name = `${key.slice(0, 1).toUpperCase()}${key.slice(1)}`
  const conditionKey = `kms:EncryptionContext:${key}`
  const absent = denyUse(`NoUseWithout${name}`, 'Null', conditionKey, 'true')
  return values === undefined
    ? [absent]
    : [absent, denyUse(`NoUseForOther${name}`, 'StringNotEquals', conditionKey, values)]
}

function aroundStatements({ importArn, context }: KeyPolicyTerms): PolicyStatement[] {
  const denied = importArn === undefined ? WAYS_AROUND : WAYS_AROUND.filter((action) => action !== 'kms:Encrypt')
  const deny: PolicyStatement = { Sid: 'NoWayAround', Effect: 'Deny', Principal: '*', Action: denied, Resource: '*' }
  return importArn === undefined ? [deny] : [deny, encryptForImport(requireIdentityArn(importArn), context)]
}

function encryptForImport(importArn: string, context: ContextValues): PolicyStatement {
  const values = CONTEXT_KEYS.map((key) => {
    const allowed = context[key] ?? refuse('CONFIG_INVALID', `the ${key} that an imported key is encrypted for`, 'none')
    return [`kms:EncryptionContext:${key}`, allowed] as const
  })
  return {
    Sid: 'EncryptForImport',
    Effect: 'Allow',
    Principal: { AWS: importArn },
    Action: ['kms:Encrypt'],
    Resource: '*',
    Condition: { StringEquals: Object.fromEntries(values) },
  }
}

function one(values: readonly string[]): Json {
  const [first] = values
  return values.length === 1 && first !== undefined ? first : values
}
