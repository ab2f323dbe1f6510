/** What each statement of a key policy is judged by, alone. What the whole policy must hold is in required.ts. */
import { isAccountPrincipal, isRoleArn, pcr3Of } from './arn.ts'
import { type Finding, type FindingId, finding } from './findings.ts'
import { AROUND_ACTIONS, covers, ENDING_ACTIONS, IMPORT_ACTIONS, POLICY_ACTION, USES } from './names.ts'
import type { Condition, Statement } from './statement.ts'

/** Of the image: what KMS calls ImageSha384 is PCR0. */
const PCR_KEY = /^kms:recipientattestation:(?:pcr([0-9]{1,2})|imagesha384)$/
const ATTESTATION_OR_CONTEXT = /^kms:(recipientattestation|encryptioncontext):/
const EQUALITIES = new Set(['stringequals', 'stringequalsignorecase'])
/** Without them an image is only partly known: PCR0 hashes a concatenation, whose borders can move [N15]. */
const IMAGE_PCRS = [0, 1, 2]
const ZEROS = /^0+$/

/** PCR index to the values that an Allow demands by equality, in lower case. */
export type Measured = ReadonlyMap<number, readonly string[]>

export function judgeStatement(statement: Statement): Finding[] {
  const pcrs = statement.conditions.flatMap((condition) => pcrValueFindings(statement, condition))
  return statement.effect === 'Allow' ? [...pcrs, ...judgeAllow(statement)] : [...pcrs, ...judgeDeny(statement)]
}

/** Whether some action of the statement gives out what lies under the key. */
export function isUse({ effect, actions }: Statement): boolean {
  return effect === 'Allow' && USES.some((action) => covers(actions, action))
}

export function isPolicyWriter({ effect, actions }: Statement): boolean {
  return effect === 'Allow' && covers(actions, POLICY_ACTION)
}

/** The PCR that a condition is about, by its index. */
export function pcrIndex({ key }: Condition): number | undefined {
  const match = PCR_KEY.exec(key)
  return match === null ? undefined : Number.parseInt(match[1] ?? '0', 10)
}

export function measuredBy({ conditions }: Statement): Measured {
  const demanded = conditions.flatMap((condition) => {
    const index = pcrIndex(condition)
    if (index === undefined || !EQUALITIES.has(condition.operator)) return []
    return [[index, condition.values.map((value) => value.toLowerCase())] as const]
  })
  return new Map(demanded)
}

function judgeDeny({ label, conditions }: Statement): Finding[] {
  const guards = conditions.some(({ key }) => ATTESTATION_OR_CONTEXT.test(key))
  return guards && conditions.length > 1
    ? [finding('DENY_NARROWED', label, `${conditions.length} conditions at once`)]
    : []
}

function judgeAllow(statement: Statement): Finding[] {
  const { label, actions, principals } = statement
  const about = (id: FindingId, listed: readonly string[]) => {
    const found = listed.filter((action) => covers(actions, action))
    return found.length > 0 ? [finding(id, label, found.join(', '))] : []
  }
  return [
    ...matching(label, 'ACTION_WILDCARD', actions, (action) => /[*?]/.test(action)),
    ...matching(label, 'ALLOW_ANYONE', principals, (name) => /[*?]/.test(name)),
    ...(isUse(statement) ? judgeUse(statement) : []),
    ...about('ALLOW_AROUND', AROUND_ACTIONS),
    ...about('ALLOW_IMPORT', IMPORT_ACTIONS),
    ...about('KEY_ENDANGERED', ENDING_ACTIONS),
    ...(isPolicyWriter(statement) ? principals.map((name) => finding('POLICY_WRITER', label, name)) : []),
  ]
}

function judgeUse(statement: Statement): Finding[] {
  const { label, principals, conditions } = statement
  const measured = measuredBy(statement)
  const missing = IMAGE_PCRS.filter((index) => !measured.has(index))
  return [
    ...matching(label, 'ALLOW_ACCOUNT', principals, isAccountPrincipal),
    ...(missing.length > 0 ? [finding('ALLOW_UNATTESTED', label, `without ${missing.map(pcrName).join(', ')}`)] : []),
    ...conditions.flatMap((condition) => operatorFindings(label, condition)),
    ...[...measured]
      .filter(([, values]) => values.length > 1)
      .map(([index, values]) => finding('PCR_SEVERAL', label, `${values.length} values of ${pcrName(index)}`)),
    ...roleFindings(statement, measured),
  ]
}

function operatorFindings(label: string, condition: Condition): Finding[] {
  const { operator, key } = condition
  if (pcrIndex(condition) === undefined || EQUALITIES.has(operator) || operator === 'null') return []
  return [finding(operator.includes('not') ? 'CONDITION_NEGATED' : 'CONDITION_PATTERN', label, `${operator} ${key}`)]
}

function roleFindings({ label, principals }: Statement, measured: Measured): Finding[] {
  const values = measured.get(3)
  if (values === undefined) return [finding('PCR3_MISSING', label, principals.join(', '))]
  return principals
    .filter((name) => isRoleArn(name) && !values.includes(pcr3Of(name)))
    .map((name) => finding('PCR3_OTHER_ROLE', label, name))
}

function pcrValueFindings({ label }: Statement, condition: Condition): Finding[] {
  const index = pcrIndex(condition)
  if (index === undefined || condition.operator === 'null') return []
  // Measurements travel in lower case: an exact comparison with capitals never holds.
  const form = condition.operator.includes('ignorecase') ? /^[0-9a-f]{96}$/i : /^[0-9a-f]{96}$/
  return condition.values.flatMap((value) => {
    const found = `${pcrName(index)} ${value}`
    if (ZEROS.test(value)) return [finding('PCR_ZERO', label, found)]
    return form.test(value) ? [] : [finding('PCR_FORM', label, found)]
  })
}

function matching(label: string, id: FindingId, names: readonly string[], wrong: (name: string) => boolean): Finding[] {
  return names.filter(wrong).map((name) => finding(id, label, name))
}

export function pcrName(index: number): string {
  return `PCR${index}`
}
