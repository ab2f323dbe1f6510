/**
 * Key policies as KMS judges them, as far as ours go: principals, actions, and the four condition operators of the
 * generator. Whatever it does not know makes the stand-in stop: a guess here would let a hole in a policy pass.
 */

export type PolicyRequest = {
  readonly principal: string
  readonly action: string
  /** Of the request: names in any case, as IAM compares them. */
  readonly keys: { readonly [name: string]: string }
}

export type PolicyVerdict = 'allow' | 'explicit deny' | 'no allow'

type OneOrMore = string | readonly string[]
export type PolicyDocument = {
  readonly Version: string
  readonly Statement: readonly {
    readonly Sid?: string
    readonly Effect: string
    readonly Principal: string | { readonly AWS: OneOrMore }
    readonly Action: OneOrMore
    readonly Resource: OneOrMore
    readonly Condition?: { readonly [operator: string]: { readonly [key: string]: OneOrMore } }
  }[]
}
type Statement = PolicyDocument['Statement'][number]
/** One operator over the value of a key, absent where the request has none, and the values of the policy. */
type Operator = (found: string | undefined, values: readonly string[]) => boolean

const ELEMENTS = ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition']

/** A negated operator holds for an absent key, a plain one does not. */
const OPERATORS: { readonly [name: string]: Operator } = {
  StringEquals: (found, values) => found !== undefined && values.includes(found),
  StringNotEquals: (found, values) => found === undefined || !values.includes(found),
  StringEqualsIgnoreCase: (found, values) => found !== undefined && lower(values).includes(found.toLowerCase()),
  StringNotEqualsIgnoreCase: (found, values) => found === undefined || !lower(values).includes(found.toLowerCase()),
  Null: (found, values) => values.includes(String(found === undefined)),
}

/** A deny wins; without an allow there is none. */
export function judgePolicy(policy: PolicyDocument, request: PolicyRequest): PolicyVerdict {
  const applying = policy.Statement.filter((statement) => applies(statement, request))
  if (applying.some(({ Effect: effect }) => effect === 'Deny')) return 'explicit deny'
  return applying.length > 0 ? 'allow' : 'no allow'
}

function applies(statement: Statement, request: PolicyRequest): boolean {
  const stray = Object.keys(statement).find((name) => !ELEMENTS.includes(name))
  if (stray !== undefined) throw new Error(`the stand-in of KMS knows no element ${stray}`)
  if (!['Allow', 'Deny'].includes(statement.Effect)) throw new Error(`no Effect is called ${statement.Effect}`)
  if (!listOf(statement.Resource).includes('*')) throw new Error('the stand-in of KMS knows the Resource * alone')
  return (
    isPrincipal(statement.Principal, request.principal) &&
    listOf(statement.Action).some((pattern) => isAction(pattern, request.action)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) => holdsAll(operator, tests, request))
  )
}

function isPrincipal(stated: Statement['Principal'], principal: string): boolean {
  if (typeof stated === 'string') return stated === '*'
  return listOf(stated.AWS).some((name) => name === '*' || name === principal)
}

function isAction(pattern: string, action: string): boolean {
  return pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : pattern === action
}

function holdsAll(name: string, tests: { readonly [key: string]: OneOrMore }, { keys }: PolicyRequest): boolean {
  const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (operator === undefined) throw new Error(`the stand-in of KMS knows no condition operator ${name}`)
  const found = new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), value]))
  return Object.entries(tests).every(([key, values]) => operator(found.get(key.toLowerCase()), listOf(values)))
}

function listOf(value: OneOrMore): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

function lower(values: readonly string[]): string[] {
  return values.map((value) => value.toLowerCase())
}
