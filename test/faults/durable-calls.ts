/** Finds the calls of our own source that change the disk for good, each with the function that it stands in. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const FOLDERS = ['host', 'workers', 'enclave', 'queues', 'api'] as const
const FILES_MAX = 1_000

/** Functions of Node that write, name, remove or sync, in any of their forms. */
const SYSTEM =
  /^(writeFile|appendFile|write|writev|fsync|fdatasync|rename|link|symlink|unlink|rm|rmdir|truncate|copyFile|cp|mkdir)(Sync)?$/
/** What a file handle does. */
const OF_A_FILE = new Set(['sync', 'datasync', 'writeFile', 'appendFile', 'truncate', 'writev'])
/** Our own ways to make something durable, and the lines of the outbox. */
const OURS = new Set([
  'writeDurably',
  'writeAll',
  'appendLines',
  'syncFolder',
  'appendText',
  'moveAside',
  'writeBoot',
  'storeReceipts',
])
const OF_OURS = new Set(['outbox.append', 'outbox.archive', 'sealed.write', 'entries.write', 'file.write'])

/** `file function`, sorted, each once. */
export function durableCalls(root: string): string[] {
  const found = FOLDERS.flatMap((folder) => sourcesOf(root, folder)).flatMap((path) =>
    callsIn(path, readFileSync(join(root, path), 'utf8')),
  )
  return [...new Set(found)].sort()
}

function sourcesOf(root: string, folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)
  if (files.length > FILES_MAX) throw new Error(`expected at most ${FILES_MAX} files in ${folder}, got ${files.length}`)
  return files
}

/** The same for the text of one file. */
export function callsIn(path: string, text: string): string[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const system = namesFromNode(tree)
  const found: string[] = []
  const walk = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isDurable(node.expression, system)) found.push(`${path} ${functionOf(node)}`)
    ts.forEachChild(node, walk)
  }
  walk(tree)
  return found
}

/** What the file has from node:fs: another `rename` is none of ours. */
function namesFromNode(tree: ts.SourceFile): Set<string> {
  const imports = tree.statements.filter(ts.isImportDeclaration)
  const fromNode = imports.filter(({ moduleSpecifier }) =>
    /^'node:fs(\/promises)?'$/.test(moduleSpecifier.getText(tree)),
  )
  const bindings = fromNode.map(({ importClause }) => importClause?.namedBindings)
  return new Set(
    bindings.flatMap((names) => (names && ts.isNamedImports(names) ? names.elements.map(({ name }) => name.text) : [])),
  )
}

function isDurable(called: ts.Expression, system: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(called)) return OURS.has(called.text) || (system.has(called.text) && SYSTEM.test(called.text))
  if (!ts.isPropertyAccessExpression(called)) return false
  const owner = called.expression.getText().split('.').at(-1) ?? ''
  return OF_A_FILE.has(called.name.text) || OF_OURS.has(`${owner}.${called.name.text}`)
}

function functionOf(node: ts.Node): string {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if ((ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at)) && at.name !== undefined) return at.name.getText()
  }
  return 'at its top'
}
