import { expect } from 'chai'
import { type Command, CommanderError } from 'commander'
import { newProgram } from '../../scripts/cli/program.ts'
import { pagesAt, ROOT, readPage } from './pages.ts'

const PAGES = pagesAt('*.md')
const FENCE = /^ *```[^\n]*\n([\s\S]*?)^ *```/gm
const SPAN = /`([^`\n]+)`/g
const SHOWN = /\banchorhold(?:\.ts)?(?: --)? ([a-z][^\n]*)/
/** The page shows a part of the line, or asks for help: nothing of that is wrong. */
const PARTIAL: ReadonlySet<string> = new Set(['commander.help', 'commander.helpDisplayed'])
const COMMANDS_MIN = 80

type Shown = { readonly page: string; readonly words: readonly string[] }

/** Each `anchorhold …` that a page shows as code, alternatives one by one. */
function shownIn(page: string, text: string): Shown[] {
  const fenced = [...text.matchAll(FENCE)].flatMap(([, block = '']) => block.replace(/\\\n\s*/g, ' ').split('\n'))
  const inline = [...text.replace(FENCE, '').matchAll(SPAN)].map(([, span = '']) => span)
  return [...fenced, ...inline].flatMap((line) => {
    const typed = SHOWN.exec(line)?.[1]
    return typed === undefined ? [] : alternatives(wordsOf(typed)).map((words) => ({ page, words }))
  })
}

/** As a shell would cut them, up to a pipe, a redirection or a comment; what stands for anything is left out. */
function wordsOf(typed: string): string[] {
  const [command = ''] = typed.split(/ [|>#] ?| 2>| &&/)
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  return words
    .filter((word, at) => word !== '…' || words[at - 1]?.startsWith('--') === true)
    .map((word) => (/^[A-Z]$/.test(word) ? '1' : word))
}

function alternatives(words: readonly string[]): string[][] {
  const at = words.findIndex((word) => /^[a-z-]+(\|[a-z-]+)+$/.test(word))
  if (at < 0) return [[...words]]
  return (words[at] as string).split('|').map((word) => [...words.slice(0, at), word, ...words.slice(at + 1)])
}

/** The real words, with nothing behind them: every command accepts what it would, and does nothing. */
function inertProgram(): Command {
  const terminal = { out: () => undefined, err: () => undefined, environment: {}, typedIn: ROOT }
  const program = newProgram({ terminal, exitCode: 0 })
  disarm(program)
  return program
}

function disarm(command: Command): void {
  // A page names what matters where it stands, and leaves out the rest.
  for (const option of command.options) option.mandatory = false
  for (const argument of command.registeredArguments) argument.required = false
  for (const inner of command.commands) disarm(inner)
  if (command.commands.length === 0) command.action(() => undefined)
}

/** What the program finds wrong with the words, or undefined. */
function faultOf({ words }: Shown): string | undefined {
  try {
    inertProgram().parse([...words], { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return PARTIAL.has(error.code) ? undefined : error.message
  }
}

describe('the commands that pages show', () => {
  const shown = PAGES.flatMap((page) => shownIn(page, readPage(page)))

  it('are words and options that the command line knows', () => {
    expect(shown.length).to.be.at.least(COMMANDS_MIN)
    const faults = shown.flatMap((one) => {
      const fault = faultOf(one)
      return fault === undefined ? [] : [`${one.page}: anchorhold ${one.words.join(' ')}: ${fault}`]
    })
    expect(faults).to.deep.equal([])
  })

  it('are found in spans and blocks, with their alternatives, and a word that is wrong is named', () => {
    const page = 'text `anchorhold journal check|pad`\n```sh\nnpm run anchorhold -- status \\\n  --loud | cat\n```\n'
    const found = shownIn('a.md', page)
    expect(found.map(({ words }) => words)).to.deep.equal([
      ['status', '--loud'],
      ['journal', 'check'],
      ['journal', 'pad'],
    ])
    expect(found.map((one) => faultOf(one) !== undefined)).to.deep.equal([true, false, false])
    expect(faultOf({ page: 'a.md', words: ['dance'] })).to.not.equal(undefined)
    expect(faultOf({ page: 'a.md', words: ['journal', 'dance'] })).to.not.equal(undefined)
  })
})
