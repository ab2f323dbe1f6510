/** What may be typed after `npm start --`, and the one line that answers anything else. */
import { isAbsolute, join, resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { ROOT } from './children.ts'

export type StartOptions = {
  readonly once: boolean
  /** Absolute. */
  readonly dataDir: string
  readonly port: number
  /** The shipped journal where undefined. */
  readonly journal: string | undefined
  readonly roster: string | undefined
  readonly demoRecipients: boolean
  readonly replayHistory: boolean
  readonly fresh: boolean
}

export const STATUS_PORT = 8081
export const DATA_FOLDER = '.anchorhold'
const PORT_MAX = 65_535

type Typed = {
  once: boolean
  data?: string
  port: number
  journal?: string
  roster?: string
  demoRecipients: boolean
  replayHistory: boolean
  fresh: boolean
}

/** Undefined when only help was asked for. Relative paths start where the command was typed. Refuses CONFIG_INVALID. */
export function readOptions(words: readonly string[], typedIn: string): StartOptions | undefined {
  const command = describe()
  try {
    command.parse([...words], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return undefined
    const said = error.message.replace(/^error: /, '').replace(/\n/g, ' ')
    throw new CodedError('CONFIG_INVALID', `${said}; type: npm start -- --help`, { cause: error })
  }
  return complete(command.opts<Typed>(), typedIn)
}

function describe(): Command {
  return new Command('npm start --')
    .description('Runs the whole road on this machine: journal, enclave, chain, workers, auditor, and the attacks.')
    .option('--once', 'end when all is paid and checked, instead of staying up', false)
    .option('--data <dir>', `where everything is kept (default ${DATA_FOLDER}/ in the project)`)
    .option('--port <number>', 'port of the status page on 127.0.0.1', readPort, STATUS_PORT)
    .option('--journal <file>', 'run your own journal instead of the shipped one')
    .option('--roster <file>', 'JSON object of orchestrator id and recipient, for --journal')
    .option('--demo-recipients', 'give ids without an address a test address, for --journal', false)
    .option('--replay-history', 'take a journal that was paid from before as if it had not been', false)
    .option('--fresh', 'move the old data aside and begin again; nothing is deleted', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
}

function complete(typed: Typed, typedIn: string): StartOptions {
  const { journal, roster, data, ...flags } = typed
  if (journal === undefined && (roster !== undefined || typed.demoRecipients || typed.replayHistory)) {
    throw new CodedError(
      'CONFIG_INVALID',
      'expected --journal FILE beside --roster, --demo-recipients and --replay-history',
    )
  }
  const from = (path: string) => (isAbsolute(path) ? path : resolve(typedIn, path))
  return {
    once: flags.once,
    port: flags.port,
    demoRecipients: flags.demoRecipients,
    replayHistory: flags.replayHistory,
    fresh: flags.fresh,
    dataDir: data === undefined ? join(ROOT, DATA_FOLDER, journal === undefined ? 'demo' : 'own') : from(data),
    journal: journal === undefined ? undefined : from(journal),
    roster: roster === undefined ? undefined : from(roster),
  }
}

function readPort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (port < 1 || port > PORT_MAX) throw new InvalidArgumentError(`Expected a port from 1 to ${PORT_MAX}.`)
  return port
}
