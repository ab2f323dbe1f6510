#!/usr/bin/env node
/** The command line of an operator. Every command is a thin call of the host; `anchorhold --help` lists them. */
import { runCli } from './cli/program.ts'

// A reader that has seen enough, such as head, closes the pipe: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  // npm runs scripts in the project; paths mean the folder where the command was typed.
  typedIn: process.env['INIT_CWD'] ?? process.cwd(),
})
