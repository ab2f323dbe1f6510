/** What every word of the command line has: a data folder, --json, one answer. */
import type { Command } from 'commander'
import type { Context } from '../../host/context.ts'
import { type Answer, EXIT_OK, jsonOf, type Terminal } from './answer.ts'
import { withContext } from './context.ts'

export type Flags = { readonly data?: string; readonly json?: boolean }
/** What every action needs: where to write, and where to leave the exit code. */
export type Run = { readonly terminal: Terminal; exitCode: number }

export type Typed = { readonly [name: string]: string | undefined }

/** A command on an open data folder. `act` gets the first argument, empty without one, and the options. */
export function answering(
  command: Command,
  run: Run,
  act: (context: Context, first: string, flags: Typed) => Promise<Answer>,
): Command {
  return withJson(withData(command)).action(async (...given: unknown[]) => {
    const flags = command.opts<Flags & Typed>()
    const first = typeof given[0] === 'string' ? given[0] : ''
    show(await withContext(flags.data, run.terminal, (context) => act(context, first, flags)), flags, run)
  })
}

export function show(answer: Answer, { json }: Flags, run: Run): void {
  run.terminal.out(json === true ? jsonOf(answer) : `${answer.text}\n`)
  run.exitCode = answer.exitCode ?? EXIT_OK
}

export function withData(command: Command): Command {
  return command.option('--data <dir>', 'the data folder')
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one line of JSON')
}
