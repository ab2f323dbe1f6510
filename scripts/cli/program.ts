/** The words of the command line and what each calls. Thin: options in, one answer out. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { readable } from '../../auditor/readable.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { loadHostConfig } from '../../host/config.ts'
import type { Context } from '../../host/context.ts'
import { STAGES } from '../../queues/names.ts'
import type { ImportOptions } from '../import/import.ts'
import { type Answer, EXIT_FAILED, EXIT_OK, EXIT_USAGE, jsonOf, type Terminal } from './answer.ts'
import { addApi } from './api.ts'
import { addAttest } from './attest/words.ts'
import { addAuthority } from './authority-words.ts'
import { type BridgeWords, runBridge } from './bridge.ts'
import { answering, type Flags, type Run, show, withData, withJson } from './command.ts'
import { configAnswer } from './config-check.ts'
import { dataDirOf } from './context.ts'
import { doctorAnswer } from './doctor.ts'
import { importAnswer } from './import.ts'
import { addKms } from './kms/words.ts'
import { balanceAnswer, lagAnswer, statusAnswer } from './look.ts'
import { payoutAnswer } from './payout.ts'
import { passOn, runEnclave } from './processes.ts'
import { type NextFlags, provisionNextAnswer } from './provision/next.ts'
import { withProvisionOptions } from './provision/options.ts'
import { provisionAnswer } from './provision/provision.ts'
import { addSigner } from './signer.ts'
import {
  anchorNowAnswer,
  bumpAnswer,
  DRAIN_SECONDS,
  drainAnswer,
  haltAnswer,
  pauseAnswer,
  resumeAnswer,
  ringAnswer,
  sessionOpenAnswer,
} from './steer.ts'
import { type AuditWords, anchorVerifyAnswer, auditVerify } from './verify.ts'

const MS_PER_SECOND = 1_000
const DRAIN_SECONDS_MAX = 86_400
const REASON = 'asked for by an operator'
const EXIT_CODES = `
Exit codes: 0 done and well; 1 refused, failed, or not well; 2 not understood, or could not look.
--json prints one line with a "format" that changes when its shape does; amounts are decimal text of wei.
Without --data the folder is ANCHORHOLD_DATA, else the one that npm start makes.`

/** Runs one command line and gives its exit code. Whatever goes wrong is one line on stderr. */
export async function runCli(words: readonly string[], given: Terminal): Promise<number> {
  const terminal = readableTerminal(given)
  const run: Run = { terminal, exitCode: EXIT_OK }
  const json = words.includes('--json')
  try {
    await newProgram(run).parseAsync([...words], { from: 'user' })
    return run.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return answerWords(error, terminal)
    if (!isCoded(error)) throw error
    const { code, message, action } = error
    if (json) terminal.out(jsonOf({ format: 'anchorhold-error/1', value: { code, message, action } }))
    else terminal.err(`${code}: ${message}. ${action}\n`)
    return EXIT_FAILED
  }
}

/** What is shown comes from files and answers of others: see readable. */
function readableTerminal(given: Terminal): Terminal {
  return { ...given, out: (text) => given.out(readable(text)), err: (text) => given.err(readable(text)) }
}

function answerWords({ code, message }: CommanderError, { err }: Terminal): number {
  if (code === 'commander.helpDisplayed' || code === 'commander.version') return EXIT_OK
  const said =
    code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  err(`${said}; type: anchorhold --help\n`)
  return EXIT_USAGE
}

/** Every word of the command line, before anything is typed. */
export function newProgram(run: Run): Command {
  const program = new Command('anchorhold')
    .description('Payouts from an enclave that nobody can roll back: run it, look at it, steer it.')
    .exitOverride()
    .configureOutput({ writeOut: run.terminal.out, writeErr: () => undefined })
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES)
  addProcesses(program, run)
  addApi(program, run)
  addBridge(program, run)
  addLooks(program, run)
  addSteering(program, run)
  addCalls(program, run)
  addImport(program, run)
  addAuthority(program, run)
  addAttest(program, run)
  addKms(program, run)
  addSigner(program, run)
  return program
}

function addProcesses(program: Command, run: Run): void {
  program
    .command('start')
    .description('the whole road on this machine, as npm start')
    .helpOption(false)
    .argument('[words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words: string[]) => {
      // Through the bootstrap, as npm start goes: it compiles what is not compiled yet.
      const all = ['--', 'scripts/start/main.ts', ...words]
      run.exitCode = await passOn('scripts/bootstrap/bootstrap.mjs', all, {
        stdin: 'inherit',
        typedIn: run.terminal.typedIn,
      })
    })
  withData(program.command('enclave').description('keep an enclave process running, booted and active')).action(
    async (flags: Flags) => {
      run.exitCode = await runEnclave(dataDirOf(flags.data, run.terminal), run.terminal)
    },
  )
  const provision = program.command('provision').description('the keys of a new ledger, or of a signer')
  withProvisionOptions(withJson(withData(provision)))
    .option('--generate', 'draw them inside an enclave')
    .option('--next', 'keys of the next authority, beside those in use')
    .option('--fresh-state', 'with --next: another state key too')
    .option('--key-version <number>', 'with --fresh-state: the version that both are bound to')
    .action(async ({ data, json, next, ...flags }: Flags & NextFlags & { readonly next?: boolean }) => {
      if (next !== true && Object.keys(flags).length === 0)
        provision.error('expected --generate, --prepare, --next, or --role signer')
      const folder = dataDirOf(data, run.terminal)
      const answer =
        next === true ? provisionNextAnswer(folder, flags, run.terminal) : provisionAnswer(folder, flags, run.terminal)
      show(await answer, { json: json === true }, run)
    })
  withData(program.command('worker').description('run stages of the pipeline until SIGTERM'))
    .requiredOption('--stage <names>', `${STAGES.join(', ')}, several with commas, or all`, stageList)
    .action(async ({ stage, data }: Flags & { stage: string }) => {
      run.exitCode = await passOn('workers/main.ts', ['--data', dataDirOf(data, run.terminal), '--stage', stage])
    })
}

function addBridge(program: Command, run: Run): void {
  program
    .command('bridge')
    .description('carry bytes between a vsock port and a TCP or Unix socket until SIGTERM')
    .option('--listen <endpoint>', 'tcp://127.0.0.1:5001, unix:///path or vsock://any:port')
    .option('--to <endpoint>', 'vsock://16:5000, or where a vsock listener leads')
    .option('--listen-anywhere', 'take connections from other machines too')
    .option('--listen-host <address>', 'as in the replaced system, with --listen-port')
    .option('--listen-port <port>')
    .option('--vsock-cid <cid>', 'as in the replaced system, with --vsock-port')
    .option('--vsock-port <port>')
    .action(async (words: BridgeWords) => {
      run.exitCode = await runBridge(words)
    })
}

function addLooks(program: Command, run: Run): void {
  const look = (name: string, about: string, act: (context: Context) => Promise<Answer>) =>
    answering(program.command(name).description(about), run, act)
  look('status', 'where everything stands, what is wrong, and how to fund what', statusAnswer)
  look('lag', 'how far each step is behind the one before', lagAnswer)
  look('doctor', 'every precondition: versions, Redis, chain, broker, disk, money, keys', doctorAnswer)
  answering(
    program.command('balance').description('what the ledger holds for one orchestrator').argument('<id>'),
    run,
    balanceAnswer,
  )
  const payout = program.command('payout').description('payouts')
  answering(
    payout
      .command('show')
      .description('a payout id, #sequence, or the hash of a transaction or header')
      .argument('<which>'),
    run,
    payoutAnswer,
  )
  const config = program.command('config').description('settings')
  withJson(withData(config.command('check').description('do the files of the data folder belong together'))).action(
    async (flags: Flags) => {
      const hostConfig = loadHostConfig(dataDirOf(flags.data, run.terminal), run.terminal.environment)
      show(await configAnswer({ config: hostConfig }), flags, run)
    },
  )
}

function addSteering(program: Command, run: Run): void {
  const stage = () => new Argument('<stage>', 'a stage of the pipeline').choices([...STAGES])
  answering(
    program.command('pause').description('let a stage stand still').addArgument(stage()).addOption(reasonOption()),
    run,
    (context, name, flags) => pauseAnswer(context, name, flags['reason'] ?? REASON),
  )
  answering(program.command('resume').description('let a stage go on').addArgument(stage()), run, resumeAnswer)
  answering(
    program
      .command('drain')
      .description('stop intake and new commits, and wait until nothing is on its way')
      .option('--timeout-seconds <count>', 'give up after so long', seconds, DRAIN_SECONDS),
    run,
    (context, _, flags) => drainAnswer(context, Number(flags['timeoutSeconds']) * MS_PER_SECOND),
  )
  answering(program.command('ring').description('put the timers of Redis back and ring every queue'), run, ringAnswer)
  answering(
    program
      .command('halt')
      .description('end this boot of the enclave; the supervisor starts another')
      .addOption(reasonOption()),
    run,
    (context, _, flags) => haltAnswer(context, flags['reason'] ?? REASON),
  )
}

function addCalls(program: Command, run: Run): void {
  const commit = program.command('commit').description('the commit on its way')
  answering(commit.command('bump').description('sign it again at a higher fee'), run, bumpAnswer)
  const session = program.command('session').description('the session of the enclave on chain')
  answering(
    session.command('open').description('take a running enclave the rest of the way to an open session'),
    run,
    sessionOpenAnswer,
  )
  const anchor = program.command('anchor').description('the anchor on chain')
  answering(anchor.command('now').description('commit without payouts, now'), run, anchorNowAnswer)
  answering(anchor.command('verify').description('do enclave, chain and public log agree'), run, anchorVerifyAnswer)
  const audit = program.command('audit').description('the auditor')
  withJson(
    withData(audit.command('verify').description('recompute the ledger from its public log, in a process of its own')),
  )
    .option('--at <sequence>', 'audit as of this sequence')
    .option('--since <sequence>', 'look at payments after this sequence only')
    .option('--measurements <file>', 'images that are allowed: judge the attestation document of every session')
    .option('--enclave-config <file...>', 'what PCR16 was locked to: each that was in force')
    .action(async ({ data, ...words }: Flags & AuditWords) => {
      const config = loadHostConfig(dataDirOf(data, run.terminal), run.terminal.environment)
      run.exitCode = await auditVerify({ config, typedIn: run.terminal.typedIn }, words)
    })
}

function addImport(program: Command, run: Run): void {
  withJson(
    program
      .command('import')
      .description('the genesis of an original installation, from its sealed state or its journal'),
  )
    .option('--blob <file>', 'sealed state of the old core; its key is in --key-file or ANCHORHOLD_IMPORT_KEY')
    .option('--key-file <file>', 'the old core’s private key, hex')
    .option('--journal <file>', 'the old host’s journal')
    .option('--pending <file>', 'the old host’s pending payouts file')
    .option('--nothing-pending', 'the old host has stopped and no payout is pending')
    .option('--whole-journal', 'the sealed state contains the whole journal, though it was credited directly')
    .option('--roster <file>', 'JSON object of orchestrator id and recipient')
    .requiredOption('--policy <file>', 'the policy of the new ledger')
    .requiredOption('--out <file>', 'where the genesis file goes; it must not exist')
    .action(async ({ json, ...options }: Flags & ImportOptions) => {
      show(await importAnswer(options, run.terminal), { json: json === true }, run)
    })
}

function reasonOption(): Option {
  return new Option('--reason <text>', 'kept in the operators’ log')
}

function stageList(text: string): string {
  const names = text.split(',')
  if (text === 'all' || names.every((name) => (STAGES as readonly string[]).includes(name))) return text
  throw new InvalidArgumentError(`Expected ${STAGES.join(', ')}, or all.`)
}

function seconds(text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (value < 1 || value > DRAIN_SECONDS_MAX)
    throw new InvalidArgumentError(`Expected 1 to ${DRAIN_SECONDS_MAX} seconds.`)
  return value
}
