/**
 * A key policy read into what the rules judge. The file is foreign: whatever is odd becomes a finding, and a statement that
 * cannot be read is taken for the worst that it may mean, an Allow for one of everything, a Deny for one of nothing.
 */
import { type JsonValue, parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { type Finding, finding, WHOLE_POLICY } from './findings.ts'

/** KMS takes no longer policy. */
export const POLICY_BYTES_MAX = 32_768
const VERSION = '2012-10-17'

/** One condition: lower-case operator and key, as IAM compares them. All conditions of a statement must hold. */
export type Condition = { readonly operator: string; readonly key: string; readonly values: readonly string[] }
export type Statement = {
  readonly label: string
  readonly effect: 'Allow' | 'Deny'
  /** "*" is everyone; what is no AWS principal keeps its kind in front. */
  readonly principals: readonly string[]
  readonly actions: readonly string[]
  readonly conditions: readonly Condition[]
  /** Names something by what it is not, or could not be read: a Deny of that kind is not relied on. */
  readonly doubtful: boolean
}
export type ReadPolicy = { readonly statements: readonly Statement[]; readonly findings: readonly Finding[] }

type Fields = { readonly [key: string]: JsonValue }
type Note = (id: Finding['id'], found: string) => void

const POLICY_ELEMENTS = new Set(['Version', 'Id', 'Statement'])
const NOT_ELEMENTS = ['NotAction', 'NotPrincipal', 'NotResource'] as const
const ELEMENTS = new Set(['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition', ...NOT_ELEMENTS])
const EVERYTHING = ['*']
/** A misspelt action of a Deny denies nothing. */
const ACTION_FORM = /^(\*|kms:[a-z*?]+)$/i

export function readKeyPolicy(bytes: Uint8Array): ReadPolicy {
  const read = parseStrictJson(bytes, { bytesMax: POLICY_BYTES_MAX })
  if (read.kind !== 'object') return unreadable(read.kind === 'not-json' ? read.reason : read.kind)
  const { Version: version, Statement: listed } = read.value
  const findings: Finding[] = unknownElements(read.value, POLICY_ELEMENTS, WHOLE_POLICY)
  if (version !== VERSION) findings.push(finding('VERSION', WHOLE_POLICY, quoted(version)))
  const raw = Array.isArray(listed) ? listed : listed === undefined ? [] : [listed]
  if (raw.length === 0) return unreadable('no statement')
  const labels = raw.map(labelOf)
  findings.push(...sidFindings(raw, labels))
  const statements = raw.map((value, at) => readStatement(value, labels[at] ?? '', findings))
  return { statements, findings }
}

function unreadable(found: string): ReadPolicy {
  return { statements: [], findings: [finding('NOT_A_POLICY', WHOLE_POLICY, found)] }
}

function labelOf(value: JsonValue, at: number): string {
  const sid = isRecord(value) ? value['Sid'] : undefined
  return typeof sid === 'string' && sid !== '' ? sid : `statement ${at + 1}`
}

function sidFindings(raw: readonly JsonValue[], labels: readonly string[]): Finding[] {
  const missing = raw.flatMap((value, at) =>
    isRecord(value) && typeof value['Sid'] === 'string' ? [] : [finding('SID_MISSING', labels[at] ?? '', 'no Sid')],
  )
  const doubled = labels.filter((label, at) => labels.indexOf(label) !== at)
  return [...missing, ...doubled.map((label) => finding('SID_DOUBLED', label, 'stands twice'))]
}

function readStatement(value: JsonValue, label: string, findings: Finding[]): Statement {
  const before = findings.length
  const note: Note = (id, found) => findings.push(finding(id, label, found))
  if (!isRecord(value)) {
    note('ELEMENT_FORM', quoted(value))
    return { label, effect: 'Allow', principals: EVERYTHING, actions: EVERYTHING, conditions: [], doubtful: true }
  }
  findings.push(...unknownElements(value, ELEMENTS, label))
  for (const name of NOT_ELEMENTS) if (name in value) note('NOT_ELEMENT', name)
  const effect = value['Effect']
  if (effect !== 'Allow' && effect !== 'Deny') note('ELEMENT_FORM', `Effect ${quoted(effect)}`)
  const resource = texts(value['Resource'])
  if (!(resource?.length === 1 && resource[0] === '*')) note('RESOURCE', quoted(value['Resource']))
  const principals = readPrincipals(value['Principal'], note)
  const actions = readActions(value['Action'], note)
  const conditions = readConditions(value['Condition'], note)
  const doubtful = findings.length > before
  return { label, effect: effect === 'Deny' ? 'Deny' : 'Allow', principals, actions, conditions, doubtful }
}

function readPrincipals(value: JsonValue | undefined, note: Note): readonly string[] {
  if (value === '*') return EVERYTHING
  if (!isRecord(value) || Object.keys(value).length === 0) {
    note('ELEMENT_FORM', `Principal ${quoted(value)}`)
    return EVERYTHING
  }
  return Object.entries(value).flatMap(([kind, listed]) => {
    const names = texts(listed)
    if (names === undefined) note('ELEMENT_FORM', `Principal ${kind} ${quoted(listed)}`)
    return (names ?? EVERYTHING).map((name) => (kind === 'AWS' ? name : `${kind}:${name}`))
  })
}

function readActions(value: JsonValue | undefined, note: Note): readonly string[] {
  const actions = texts(value)
  if (actions === undefined || !actions.every((action) => ACTION_FORM.test(action)))
    note('ELEMENT_FORM', `Action ${quoted(value)}`)
  return actions ?? EVERYTHING
}

function readConditions(value: JsonValue | undefined, note: Note): readonly Condition[] {
  if (value === undefined) return []
  if (!isRecord(value)) {
    note('ELEMENT_FORM', `Condition ${quoted(value)}`)
    return []
  }
  return Object.entries(value).flatMap(([operator, tests]) => {
    if (!isRecord(tests)) {
      note('ELEMENT_FORM', `Condition ${operator}`)
      return []
    }
    return Object.entries(tests).flatMap(([key, listed]) => readCondition(operator, key, listed, note))
  })
}

function readCondition(operator: string, key: string, listed: JsonValue, note: Note): Condition[] {
  const values = texts(worded(listed))
  if (values === undefined) {
    note('ELEMENT_FORM', `Condition ${operator} ${key}`)
    return []
  }
  const condition = { operator: operator.toLowerCase(), key: key.toLowerCase(), values }
  if (condition.operator.endsWith('ifexists')) note('CONDITION_IF_EXISTS', `${operator} ${key}`)
  if (isSetOperator(condition.operator) && condition.key !== 'kms:encryptioncontextkeys')
    note('CONDITION_SET', `${operator} ${key}`)
  if (values.some((text) => text.includes('$' + '{'))) note('CONDITION_VARIABLE', `${operator} ${key}`)
  return [condition]
}

function isSetOperator(operator: string): boolean {
  return operator.startsWith('foranyvalue:') || operator.startsWith('forallvalues:')
}

/** One text or a list of them. */
function texts(value: JsonValue | undefined): readonly string[] | undefined {
  const listed = Array.isArray(value) ? value : [value]
  return listed.length > 0 && listed.every((one) => typeof one === 'string') ? listed : undefined
}

/** In conditions true and false count as their words, as IAM reads them. */
function worded(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(worded)
  return typeof value === 'boolean' ? value.toString() : value
}

function unknownElements(value: Fields, known: ReadonlySet<string>, label: string): Finding[] {
  return Object.keys(value)
    .filter((name) => !known.has(name))
    .map((name) => finding('ELEMENT_UNKNOWN', label, name))
}

function isRecord(value: JsonValue | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function quoted(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
