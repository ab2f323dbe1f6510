/** Rules that need more than one file: titles that are doubled, modules that nobody uses. */
import { basename } from 'node:path'
import ts from 'typescript'
import { parse } from './code.ts'
import { type Fault, faultAt, type Source } from './fault.ts'

type Title = { readonly source: Source; readonly offset: number; readonly full: string; readonly own: string }

const SUITE_WORDS = new Set(['describe', 'context'])
const TEST_WORDS = new Set(['it', 'specify'])
/** A title is a claim that a stranger can doubt; these claim nothing. */
const EMPTY_TITLE =
  /^(it )?(should )?(just )?works?( (fine|correctly|as expected))?$|^tests? ?\d*$|^(basic|simple|sanity)( test)?$/i
const PRODUCTION = /^(enclave|queues|workers|host|api|auditor|reporter)\/.*\.ts$/
const HELPER = /^test\/.*(?<!\.test)\.ts$/
/** Programs that people or a package start by their path, and declarations. */
const STARTED_BY_NAME = /(^|\/)(main|make-[a-z]+)\.ts$|^test\/mocha\/|\.d\.ts$/

/** Test titles (suites and test joined) that occur twice in the repository, and titles that say nothing. */
export function findTitleFaults(tests: readonly Source[]): Fault[] {
  const seen = new Set<string>()
  return tests.flatMap(titlesOf).flatMap(({ source, offset, full, own }) => {
    const faults: Fault[] = []
    if (seen.has(full)) faults.push(faultAt(source, offset, 'doubled-title', full))
    if (EMPTY_TITLE.test(own)) faults.push(faultAt(source, offset, 'empty-title', own))
    seen.add(full)
    return faults
  })
}

/** Production modules that no other file outside test/ names, since code that only tests reach is dead; helpers that no test does. */
export function findDeadFiles(sources: readonly Source[]): Fault[] {
  const [tests, others] = [sources.filter(isTest), sources.filter((source) => !isTest(source))]
  return [...unnamed(PRODUCTION, others, others), ...unnamed(HELPER, tests, sources)]
}

function isTest({ path }: Source): boolean {
  return path.startsWith('test/')
}

function unnamed(form: RegExp, among: readonly Source[], by: readonly Source[]): Fault[] {
  const named = new Set(by.flatMap(namesIn))
  return among
    .filter(({ path }) => form.test(path) && !STARTED_BY_NAME.test(path) && !named.has(basename(path)))
    .map((source) => faultAt(source, 0, 'dead-file', source.path))
}

function titlesOf(source: Source): Title[] {
  const titles: Title[] = []
  const walk = (node: ts.Node, above: string): void => {
    const title = titleOf(node)
    const full = title === undefined ? above : `${above} ${title.text}`
    if (title?.kind === 'test') titles.push({ source, offset: node.getStart(), full: full.trim(), own: title.text })
    ts.forEachChild(node, (child) => walk(child, full))
  }
  walk(parse(source), '')
  return titles
}

// A title with a computed part differs at run time; only plain ones are compared.
function titleOf(node: ts.Node): { kind: 'suite' | 'test'; text: string } | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined
  const word = node.expression.text
  const [title] = node.arguments
  if (title === undefined) return undefined
  if (SUITE_WORDS.has(word))
    return { kind: 'suite', text: ts.isStringLiteralLike(title) ? title.text : title.getText() }
  return TEST_WORDS.has(word) && ts.isStringLiteralLike(title) ? { kind: 'test', text: title.text } : undefined
}

// An import and a program started by its path both name the file in a string.
function namesIn(source: Source): string[] {
  const names: string[] = []
  const walk = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && node.text.endsWith('.ts')) names.push(basename(node.text))
    ts.forEachChild(node, walk)
  }
  walk(parse(source))
  return names
}
