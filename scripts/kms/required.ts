/**
 * The Denies that a key policy must hold. They win over every Allow, also over one that an IAM policy or a grant adds
 * later; so each is looked for in the form that denies in every case, for everyone and by its one condition alone.
 */
import { type Finding, type FindingId, finding, WHOLE_POLICY } from './findings.ts'
import { AROUND_ACTIONS, CONTEXT_KEYS, covers, USES } from './names.ts'
import { isUse, measuredBy, pcrIndex } from './rules.ts'
import type { Condition, Statement } from './statement.ts'

const INEQUALITIES = new Set(['stringnotequals', 'stringnotequalsignorecase'])

export function judgeRequired(statements: readonly Statement[]): Finding[] {
  const denies = statements.filter(
    ({ effect, principals, doubtful }) => effect === 'Deny' && !doubtful && principals.includes('*'),
  )
  const single = (holds: (condition: Condition) => boolean) =>
    denies.filter(({ conditions: [first, ...more] }) => first !== undefined && more.length === 0 && holds(first))
  const others = single((condition) => pcrIndex(condition) === 0 && INEQUALITIES.has(condition.operator))
  return [
    ...uncovered('DENY_UNATTESTED_MISSING', '', USES, single(isAbsentDocument)),
    ...uncovered('DENY_OTHER_IMAGES_MISSING', '', USES, others),
    ...CONTEXT_KEYS.flatMap((key) => contextFindings(key, single)),
    ...uncovered(
      'DENY_AROUND_MISSING',
      '',
      AROUND_ACTIONS,
      denies.filter(({ conditions }) => conditions.length === 0),
    ),
    ...listFindings(statements, others),
  ]
}

function isAbsentDocument(condition: Condition): boolean {
  return pcrIndex(condition) === 0 && isAbsent(condition)
}

function isAbsent({ operator, values }: Condition): boolean {
  return operator === 'null' && values.length === 1 && values[0]?.toLowerCase() === 'true'
}

function contextFindings(
  name: string,
  single: (holds: (condition: Condition) => boolean) => readonly Statement[],
): Finding[] {
  const key = `kms:encryptioncontext:${name.toLowerCase()}`
  const absent = single((condition) => condition.key === key && isAbsent(condition))
  // Context values are compared byte for byte, here as in KMS.
  const pinned = single((condition) => condition.key === key && condition.operator === 'stringnotequals')
  const missing = uncovered('DENY_CONTEXT_MISSING', `${name}: `, USES, absent)
  return missing.length > 0 ? missing : uncovered('CONTEXT_UNPINNED', `${name}: `, USES, pinned)
}

/** One finding where some of the actions are in none of the statements. */
function uncovered(
  id: FindingId,
  about: string,
  actions: readonly string[],
  statements: readonly Statement[],
): Finding[] {
  const open = actions.filter((action) => !statements.some((statement) => covers(statement.actions, action)))
  return open.length > 0 ? [finding(id, WHOLE_POLICY, `${about}${open.join(', ')}`)] : []
}

/** Images that an Allow admits and a Deny refuses, and the other way round. */
function listFindings(statements: readonly Statement[], others: readonly Statement[]): Finding[] {
  const admitted = statements.filter(isUse).flatMap((statement) => {
    const values = measuredBy(statement).get(0) ?? []
    return values.map((pcr0) => ({ label: statement.label, pcr0 }))
  })
  const listed = others.map(({ label, conditions: [only] }) => ({ label, values: lowerCase(only?.values ?? []) }))
  return [
    ...admitted
      .filter(({ pcr0 }) => listed.some(({ values }) => !values.includes(pcr0)))
      .map(({ label, pcr0 }) => finding('IMAGE_DENIED', label, pcr0)),
    ...listed.flatMap(({ label, values }) =>
      values
        .filter((value) => !admitted.some(({ pcr0 }) => pcr0 === value))
        .map((value) => finding('IMAGE_STALE', label, value)),
    ),
  ]
}

function lowerCase(values: readonly string[]): string[] {
  return values.map((value) => value.toLowerCase())
}
