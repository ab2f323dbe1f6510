/** Rules about our own TypeScript and JavaScript, judged on the syntax tree: a word in a comment or a string is not code. */
import ts from 'typescript'
import { type Fault, faultAt, type Source } from './fault.ts'

type Visit = { readonly source: Source; readonly tree: ts.SourceFile; readonly faults: Fault[] }
type CodeRule = { readonly applies: (path: string) => boolean; readonly check: (node: ts.Node, visit: Visit) => void }

const CORE_OR_PLAN = /^enclave\/(core|protocol)\/|(^|\/)plan\.ts$/
const JUDGED_BY_IMPORTS = /^(enclave|queues|workers|host|api|auditor)\//
const SHIPPED = /^(enclave|queues|workers|host|api|auditor|scripts)\//
const TEST = /^test\//

/** Time and chance: a pure function is given both. */
const IMPURE = new Set(['Date.now', 'Math.random', 'performance.now', 'crypto.getRandomValues', 'crypto.randomUUID'])
const FLOATING = new Set(['Number', 'parseFloat', 'Number.parseFloat'])
const MONEY = /wei|money|balance|amount|fee(?!d)/i
/** The same words as part of a count or a time are no money. */
const NOT_MONEY = /(count|index|length|ms|blocks|bps)$/i

const RULES: readonly CodeRule[] = [
  { applies: (path) => CORE_OR_PLAN.test(path), check: checkPurity },
  { applies: (path) => JUDGED_BY_IMPORTS.test(path), check: checkImports },
  { applies: (path) => SHIPPED.test(path), check: checkMoney },
  { applies: () => true, check: checkCatch },
  { applies: (path) => TEST.test(path), check: checkRetries },
]

/** Faults of one source file. */
export function findCodeFaults(source: Source): Fault[] {
  const rules = RULES.filter(({ applies }) => applies(source.path))
  const visit: Visit = { source, tree: parse(source), faults: [] }
  const walk = (node: ts.Node): void => {
    for (const { check } of rules) check(node, visit)
    ts.forEachChild(node, walk)
  }
  walk(visit.tree)
  return visit.faults
}

/** The syntax tree of a file, with parents set. */
export function parse({ path, text }: Source): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
}

function checkPurity(node: ts.Node, visit: Visit): void {
  const isImpureName = ts.isPropertyAccessExpression(node) && IMPURE.has(node.getText(visit.tree))
  const isDate =
    (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText(visit.tree) === 'Date'
  if (isImpureName || isDate) report(visit, node, 'impure')
}

// What the boundary rules cannot resolve they cannot judge.
function checkImports(node: ts.Node, visit: Visit): void {
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return
  const [wanted] = node.arguments
  if (wanted === undefined || !ts.isStringLiteralLike(wanted)) report(visit, node, 'computed-import')
}

function checkMoney(node: ts.Node, visit: Visit): void {
  if (!ts.isCallExpression(node) || !FLOATING.has(node.expression.getText(visit.tree))) return
  const words = node.arguments[0]?.getText(visit.tree) ?? ''
  if (MONEY.test(words) && !NOT_MONEY.test(words)) report(visit, node, 'money-as-float')
}

function checkCatch(node: ts.Node, visit: Visit): void {
  if (!ts.isCatchClause(node)) return
  const body = node.block.getText(visit.tree)
  if (node.block.statements.length === 0 && !/\/[/*]/.test(body)) report(visit, node, 'silent-catch')
  const caught = node.variableDeclaration?.name.getText(visit.tree)
  const walk = (inner: ts.Node): void => {
    if (ts.isThrowStatement(inner) && !keepsCause(inner.expression, caught, visit.tree))
      report(visit, inner, 'lost-cause')
    if (!ts.isFunctionLike(inner)) ts.forEachChild(inner, walk)
  }
  walk(node.block)
}

// A new error in a catch block must be given the old one; a call that builds the error counts when it is given it.
function keepsCause(thrown: ts.Expression, caught: string | undefined, tree: ts.SourceFile): boolean {
  if (!ts.isNewExpression(thrown)) return true
  return caught !== undefined && new RegExp(`\\b${caught}\\b`).test(thrown.getText(tree))
}

function checkRetries(node: ts.Node, visit: Visit): void {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return
  if (node.expression.name.text === 'retries') report(visit, node, 'test-retry')
}

function report(visit: Visit, node: ts.Node, rule: string): void {
  visit.faults.push(faultAt(visit.source, node.getStart(visit.tree), rule, node.getText(visit.tree)))
}
