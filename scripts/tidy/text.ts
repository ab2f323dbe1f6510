/** Rules about the words in any text file, whatever its language. */
import { basename, dirname } from 'node:path'
import { type Fault, faultAt, type Source } from './fault.ts'

type TextRule = { readonly name: string; readonly pattern: RegExp; readonly exceptUnder?: string }

const FILE_LINES_MAX = 400
const CODE = /\.(ts|mjs|cjs|sol|c|sh)$/
const DRAWERS = /(^|\/)(utils?|lib|helpers?|common|misc)(\/|$)/

const RULES: readonly TextRule[] = [
  { name: 'leftover', pattern: /\b(TODO|FIXME|XXX|HACK)\b|\bnot implemented\b|\bcoming soon\b/g },
  { name: 'machine-path', pattern: /(?<![\w.-])\/(work\/(main|shared)|root\/|home\/[a-z]\w*\/|Users\/\w+\/)/g },
  { name: 'package-host', pattern: /\b(registry\.)?(npmjs|yarnpkg)\.(org|com)\b|\bdeb\.debian\.org\b/g },
  { name: 'secret', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bghp_\w{36}\b/g },
  // Tests use published keys; anywhere else a key in the source is a key that leaked.
  {
    name: 'secret',
    pattern: /\b(private|secret)_?key\b['"]?\s*[:=]\s*['"](0x)?[0-9a-f]{64}\b/gi,
    exceptUnder: 'test/',
  },
  { name: 'emoji', pattern: /\p{Emoji_Presentation}/gu, exceptUnder: 'test/' },
]

/** Everything that reading the text alone can find. */
export function findTextFaults(source: Source): Fault[] {
  return [...wordFaults(source), ...shapeFaults(source)]
}

function wordFaults(source: Source): Fault[] {
  return RULES.filter(({ exceptUnder }) => exceptUnder === undefined || !source.path.startsWith(exceptUnder)).flatMap(
    ({ name, pattern }) =>
      [...source.text.matchAll(pattern)].map((match) => faultAt(source, match.index, name, match[0])),
  )
}

function shapeFaults(source: Source): Fault[] {
  const { path, text } = source
  const faults: Fault[] = []
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (CODE.test(path) && lines > FILE_LINES_MAX) faults.push(faultAt(source, 0, 'long-file', `${lines} lines`))
  if (DRAWERS.test(dirname(path))) faults.push(faultAt(source, 0, 'drawer', dirname(path)))
  if (basename(path) === 'index.ts') faults.push(faultAt(source, 0, 'barrel', 'index.ts'))
  const resolved = basename(path) === 'package-lock.json' ? text.indexOf('"resolved": "http') : -1
  if (resolved >= 0) faults.push(faultAt(source, resolved, 'lock-names-host', '"resolved"'))
  return faults
}
