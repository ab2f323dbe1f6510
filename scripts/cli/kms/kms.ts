/** `anchorhold kms`: policies of the ledger's KMS key, their linter, and the canaries that try the key from outside. */
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { awsCredentials } from '../../../host/aws-credentials.ts'
import { pcr3Of, requireRoleArn } from '../../kms/arn.ts'
import { type Attempt, runCanary } from '../../kms/canary.ts'
import { blobOf, decoded } from '../../kms/ciphertext.ts'
import { contextOf, contextOfHash, pcr16Of, readConfiguration } from '../../kms/context.ts'
import type { Finding } from '../../kms/findings.ts'
import { canaryPolicies, hostRolePolicy } from '../../kms/iam.ts'
import { hasErrors, lintKeyPolicy } from '../../kms/lint.ts'
import { type Image, readImages } from '../../kms/measurements.ts'
import { type ContextValues, keyPolicy } from '../../kms/policy.ts'
import { type Answer, EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Terminal, tableOf } from '../answer.ts'

export type PolicyWords = {
  readonly measurements: string
  readonly image?: readonly string[]
  readonly roleArn: string
  readonly adminArn: readonly string[]
  readonly config?: string
  readonly enclaveConfig?: string
  readonly keyVersion?: readonly string[]
  readonly importArn?: string
  readonly out?: string
}
export type CanaryWords = {
  readonly enclaveConfig: string
  readonly ciphertext: string
  readonly region?: string
  readonly keyId?: string
  readonly document?: string
}

/** Where KMS is asked instead of the region's own endpoint, as AWS's own programs read it. */
const KMS_ENDPOINT_VARIABLE = 'AWS_ENDPOINT_URL_KMS'

export async function policyAnswer(words: PolicyWords, terminal: Terminal): Promise<Answer> {
  const images = await imagesOf(words, terminal)
  const { roleArn, adminArn: adminArns, importArn } = words
  const terms = { images, roleArn, adminArns, context: await contextValues(words, terminal) }
  const policy = keyPolicy(importArn === undefined ? terms : { ...terms, importArn })
  return document('anchorhold-kms-policy/1', { policy }, words.out, terminal)
}

async function imagesOf({ measurements, image: names = [] }: PolicyWords, terminal: Terminal): Promise<Image[]> {
  const images = readImages(await named(measurements, terminal))
  const unknown = names.find((name) => !images.some((image) => image.name === name))
  if (unknown !== undefined) refuse('CONFIG_INVALID', `an image of ${measurements}`, unknown)
  return images.filter(({ name }) => names.length === 0 || names.includes(name))
}

async function contextValues(words: PolicyWords, terminal: Terminal): Promise<ContextValues> {
  const { config, enclaveConfig, keyVersion = [] } = words
  if (config !== undefined && enclaveConfig !== undefined)
    refuse('CONFIG_INVALID', 'one of --config and --enclave-config', 'both')
  if (enclaveConfig !== undefined) return contextOf(readConfiguration(await named(enclaveConfig, terminal)), keyVersion)
  if (config !== undefined) return contextOfHash(config, keyVersion)
  return keyVersion.length > 0 ? refuse('CONFIG_INVALID', '--key-version beside a configuration', 'none') : {}
}

export function pcr3Answer(roleArn: string): Answer {
  const pcr3 = pcr3Of(requireRoleArn(roleArn))
  return { format: 'anchorhold-kms-pcr3/1', value: { roleArn, pcr3 }, text: pcr3 }
}

export async function pcr16Answer(enclaveConfig: string, terminal: Terminal): Promise<Answer> {
  const pcr16 = pcr16Of(readConfiguration(await named(enclaveConfig, terminal)))
  return { format: 'anchorhold-kms-pcr16/1', value: { pcr16 }, text: pcr16 }
}

export function iamAnswer(keyArn: string, out: string | undefined, terminal: Terminal): Promise<Answer> {
  return document('anchorhold-kms-iam/1', { policy: hostRolePolicy(keyArn) }, out, terminal)
}

export function canaryAnswer(keyArn: string, assumedByArn: string): Answer {
  const policies = canaryPolicies(keyArn, assumedByArn)
  return { format: 'anchorhold-kms-canary/1', value: policies, text: JSON.stringify(policies, null, 2) }
}

/** On standard output, or in a file that does not exist yet. */
async function document(
  format: string,
  value: { readonly policy: unknown },
  out: string | undefined,
  { typedIn }: Terminal,
): Promise<Answer> {
  const text = JSON.stringify(value.policy, null, 2)
  if (out === undefined) return { format, value, text }
  const path = resolve(typedIn, out)
  await writeFile(path, `${text}\n`, { flag: 'wx' }).catch((cause) => {
    throw new CodedError('CONFIG_INVALID', `expected to write a new file, got ${path}`, { cause })
  })
  return { format, value: { ...value, out: path }, text: `written: ${path}` }
}

export async function lintAnswer(file: string, measurements: string | undefined, terminal: Terminal): Promise<Answer> {
  const images = measurements === undefined ? undefined : readImages(await named(measurements, terminal))
  const findings = lintKeyPolicy(await named(file, terminal), images)
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const value = { errors, warnings: findings.length - errors, findings }
  const summary = `${errors} errors, ${value.warnings} warnings`
  const text = [...findings.map(lineOf), summary].join('\n')
  return { format: 'anchorhold-kms-lint/1', value, text, exitCode: hasErrors(findings) ? EXIT_FAILED : EXIT_OK }
}

function lineOf({ id, severity, statement, found, action }: Finding): string {
  return `${severity} ${id} in ${statement}: ${found}\n  ${action}`
}

export async function canaryRunAnswer(words: CanaryWords, terminal: Terminal): Promise<Answer> {
  const configuration = readConfiguration(await named(words.enclaveConfig, terminal))
  const region = words.region ?? configuration.keyRelease?.region
  const keyArn = words.keyId ?? configuration.keyRelease?.keyId
  if (region === undefined || keyArn === undefined)
    refuse('CONFIG_INVALID', '--region and --key-id, or a configuration with keyRelease', 'neither')
  const attempts = await runCanary({
    region,
    keyArn,
    ciphertext: blobOf(await named(words.ciphertext, terminal)),
    context: oneContext(contextOf(configuration, [])),
    document: words.document === undefined ? undefined : decoded(await named(words.document, terminal)),
    credentials: await awsCredentials(terminal.environment),
    endpoint: terminal.environment[KMS_ENDPOINT_VARIABLE],
  })
  return judged(attempts, keyArn)
}

function judged(attempts: readonly Attempt[], keyArn: string): Answer {
  const has = (verdict: Attempt['verdict']) => attempts.some((attempt) => attempt.verdict === verdict)
  const code = has('open') ? 'KEY_OPEN' : has('unclear') ? 'CANARY_BLIND' : undefined
  const rows = attempts.map(({ action, document: shown, context, verdict, said }) => [
    verdict,
    action,
    `document: ${shown}`,
    `context: ${context}`,
    said,
  ])
  const said = code === undefined ? `closed: ${keyArn}` : new CodedError(code, keyArn).action
  const text = `${tableOf(rows)}\n${code === undefined ? '' : `${code}: `}${said}`
  const exitCode = code === undefined ? EXIT_OK : code === 'KEY_OPEN' ? EXIT_FAILED : EXIT_USAGE
  return { format: 'anchorhold-kms-canary-run/1', value: { code: code ?? null, keyArn, attempts }, text, exitCode }
}

/** The first value of each: a canary tries one key. */
function oneContext(values: ContextValues): { readonly [key: string]: string } {
  const pairs = Object.entries(values).map(([key, [first]]) => [key, first] as const)
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Refuses CONFIG_INVALID where it cannot be read. */
async function named(path: string, { typedIn }: Terminal): Promise<Uint8Array> {
  const file = resolve(typedIn, path)
  return readFile(file).catch((cause) => {
    throw new CodedError('CONFIG_INVALID', `expected a file that can be read, got ${file}`, { cause })
  })
}
