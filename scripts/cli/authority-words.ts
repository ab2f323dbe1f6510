/** The words of those who sign for a ledger: reporters, admins, recipients, registrars and the guardian. */
import { type Command, InvalidArgumentError } from 'commander'
import { loadHostConfig } from '../../host/config.ts'
import { proposeAnswer, signAnswer, submitAnswer } from './acts/answers.ts'
import type { KindName } from './acts/kinds.ts'
import { VALID_SECONDS } from './acts/propose.ts'
import { answering, type Flags, type Run, show, type Typed, withData, withJson } from './command.ts'
import { dataDirOf } from './context.ts'
import { GUARDIAN_ACTS, guardianAnswer, guardianCheckAnswer } from './guardian.ts'
import { addJournal } from './journal/journal.ts'
import { REBUILD_SECONDS, rebuildAnswer } from './rebuild.ts'
import { relayAnswer } from './relay.ts'
import { type ReportWords, reportAnswer, reportSkipAnswer, reportStatusAnswer } from './report.ts'
import { rotateAnswer } from './rotate.ts'
import { proveBalanceAnswer, verifyBalanceAnswer } from './statement.ts'

const NUMBER_MAX = 1_000_000_000

export function addAuthority(program: Command, run: Run): void {
  addReport(program, run)
  addAdmin(program, run)
  addRecipients(program, run)
  addKeys(program, run)
  addGuardian(program, run)
  addStatements(program, run)
  addJournal(program, run)
}

function addReport(program: Command, run: Run): void {
  const report = program.command('report').description('credits that a reporter signs')
  const keyed = (command: Command) =>
    command
      .option('--key-file <file>', 'the reporter’s key, mode 600; else ANCHORHOLD_REPORTER_KEY')
      .option('--store <file>', 'the reporter’s own file; else reporter/ADDRESS.log in the data folder')
  const send = keyed(report.command('send', { isDefault: true }))
    .description('sign and send events: lines of JSON with orchestratorId, amountWei or amount, eventId, workHash')
    .argument('[file]', 'else standard input')
    .option('--batch', 'one signature over thousands')
    .option('--dry-run', 'print what would be signed, and sign nothing')
  answering(send, run, (context, file, flags) => {
    const { keyFile, store, batch, dryRun } = flags as unknown as Partial<ReportWords>
    const words = { file, keyFile, store, batch: batch === true, dryRun: dryRun === true }
    return reportAnswer(context, words, run.terminal)
  })
  answering(
    keyed(report.command('status')).description('its numbers here and in the ledger').option('--reporter <address>'),
    run,
    (context, _, flags) => reportStatusAnswer(context, flags, run.terminal),
  )
  answering(
    keyed(report.command('skip'))
      .description('give up numbers that hold no event, so that the ledger goes on')
      .requiredOption('--to <number>', 'the last of them', positive),
    run,
    (context, _, flags) => reportSkipAnswer(context, flags, run.terminal),
  )
}

function addAdmin(program: Command, run: Run): void {
  const admin = program
    .command('admin')
    .description('acts of the quorum: proposed here, signed offline, submitted here')
  const act = (name: KindName, about: string) => {
    const command = admin.command(name).description(about)
    return proposing(command, name, run)
  }
  act('policy', 'replace the policy').requiredOption('--policy <file>', 'the whole new policy, as JSON')
  act('adjust', 'correct one balance')
    .requiredOption('--id <id>', 'the orchestrator')
    .requiredOption('--ether <amount>', 'how much is added; negative takes away')
    .requiredOption('--reason <text>', 'its hash is signed; keep the text')
  act('drain', 'pay out of the treasury to its owner').requiredOption('--ether <amount>', 'how much')
  act('journal-reset', 'accept another journal for the lines that were read').requiredOption(
    '--new-head <hash>',
    'the head of the other journal after as many lines',
  )
  act('rotate-approval', 'let another authority take the ledger over')
    .requiredOption('--new-authority <address>', 'as anchorhold provision --next prints it')
    .option('--log-key <hash>', 'of the next enclave, when it has another state key')
    .option('--config-hash <hash>', 'of the next enclave, when its configuration is another one')
    .option('--image <hash>', 'its image digest')
  signing(admin.command('sign').description('read an act, and sign it with --yes; offline'), run)
  submitting(admin.command('submit').description('give a signed act to the enclave'), run)
}

function addRecipients(program: Command, run: Run): void {
  const register = program
    .command('register')
    .description('pin the recipient of an orchestrator: recipient and registrar sign')
  proposing(register.command('propose'), 'register', run)
    .requiredOption('--id <id>', 'the orchestrator')
    .requiredOption('--recipient <address>', 'where it is paid')
  signing(register.command('sign').description('read it, and sign it with --yes; offline'), run)
  submitting(register.command('submit').description('give it to the enclave'), run)
  const change = program
    .command('change-recipient')
    .description('pay an orchestrator elsewhere: both recipients sign, or the new one and a quorum')
  proposing(change.command('propose'), 'change-recipient', run)
    .requiredOption('--id <id>', 'the orchestrator')
    .requiredOption('--to <address>', 'where it is paid from then on; the present one withdraws a change that waits')
  signing(change.command('sign').description('read it, and sign it with --yes; offline'), run)
  submitting(change.command('submit').description('give it to the enclave'), run)
}

function addKeys(program: Command, run: Run): void {
  answering(
    program
      .command('rebuild')
      .description('the ledger from its public log, when the sealed records are lost')
      .option('--start', 'where no supervisor runs: start an enclave for it')
      .option('--timeout-seconds <count>', 'stop waiting after so long', positive, `${REBUILD_SECONDS}`),
    run,
    (context, _, flags) => rebuildAnswer(context, flags),
  )
  answering(
    program
      .command('rotate')
      .description('hand the ledger over to the next keys')
      .argument('[file]', 'the signed rotate-approval')
      .option('--give-up', 'let the old keys go on'),
    run,
    (context, file, flags) => rotateAnswer(context, file, flags, run.terminal),
  )
}

function addGuardian(program: Command, run: Run): void {
  const guardian = program.command('guardian').description('acts of the anchor’s guardian, from its own account')
  const keyed = (command: Command) =>
    withJson(withData(command)).option(
      '--key-file <file>',
      'the guardian’s key, mode 600; else ANCHORHOLD_GUARDIAN_KEY',
    )
  const configOf = (flags: Flags) => loadHostConfig(dataDirOf(flags.data, run.terminal), run.terminal.environment)
  for (const act of GUARDIAN_ACTS) {
    const command = keyed(guardian.command(act).description(GUARDIAN_WORDS[act])).option(
      '--print',
      'only show the call',
    )
    if (act !== 'freeze' && act !== 'unfreeze') command.argument('<authority>')
    command.action(async (...given: unknown[]) => {
      const flags = command.opts<Flags & Typed>()
      const first = typeof given[0] === 'string' ? given[0] : ''
      show(await guardianAnswer(configOf(flags), act, first, flags, run.terminal), flags, run)
    })
  }
  const check = keyed(guardian.command('check').description('prove that the key works, and change nothing'))
  check.action(async (flags: Flags & Typed) =>
    show(await guardianCheckAnswer(configOf(flags), flags, run.terminal), flags, run),
  )
}

const GUARDIAN_WORDS = {
  appoint: 'name the first authority, once and for good, after its enclave was checked',
  freeze: 'stop payouts for at most 30 days',
  unfreeze: 'let them go on',
  approve: 'allow a rotation to this authority; zero takes it back',
  rotate: 'name another authority after seven frozen days',
} as const

function addStatements(program: Command, run: Run): void {
  answering(
    program
      .command('prove-balance')
      .description('a balance with its proof, for whoever wants to check it')
      .argument('<id>')
      .option('--out <file>', 'write the statement'),
    run,
    (context, id, flags) => proveBalanceAnswer(context, id, flags, run.terminal),
  )
  withJson(
    program.command('verify-balance').description('check a statement, on chain or offline; needs no data folder'),
  )
    .argument('<file>')
    .requiredOption('--anchor <address>', 'the anchor')
    .option('--rpc <url>', 'endpoint of the chain')
    .option('--from-block <block>', 'with --rpc: where to start looking for events', positive)
    .option(
      '--depth <blocks>',
      'with --rpc: blocks below the newest that are final; else the chain’s own word',
      positive,
    )
    .option('--next <hash>', 'without an endpoint: `next` of a final Committed event of the anchor')
    .option('--chain-id <number>', 'beside --next: the chain', positive)
    .option('--id <id>', 'whose balance it has to be')
    .action(async (file: string, flags: Flags & Typed) =>
      show(await verifyBalanceAnswer(file, flags, run.terminal), flags, run),
    )
  answering(
    program
      .command('relay')
      .description('carry the newest signed call of the outbox from an account of your own')
      .option('--key-file <file>', 'the key of that account, mode 600; else ANCHORHOLD_RELAY_KEY'),
    run,
    (context, _, flags) => relayAnswer(context, flags, run.terminal),
  )
}

/** `anchorhold admin KIND propose` for admins, `anchorhold register propose` for the others. */
function proposing(command: Command, kind: KindName, run: Run): Command {
  const isGroup = command.parent?.name() === 'admin'
  const propose = isGroup ? command.command('propose').description('write what is to be signed') : command
  propose
    .option('--out <file>', 'where it is written')
    .option('--valid-seconds <count>', 'how long signatures may be collected', positive, `${VALID_SECONDS}`)
  return answering(propose, run, (context, _, flags) => proposeAnswer(context, kind, flags, run.terminal))
}

function signing(command: Command, run: Run): void {
  withJson(command)
    .argument('<file>', 'as propose wrote it')
    .option('--key-file <file>', 'the signer’s key, mode 600; else ANCHORHOLD_SIGNER_KEY')
    .option('--before <file>', 'of a new policy: the one that you know to be in force, to see what changes')
    .option('--yes', 'sign what is shown')
    .action(async (file: string, flags: Flags & Typed) => show(await signAnswer(file, flags, run.terminal), flags, run))
}

function submitting(command: Command, run: Run): void {
  answering(command.argument('<file>', 'with its signatures'), run, (context, file) =>
    submitAnswer(context, file, run.terminal),
  )
}

export function positive(text: string): string {
  const value = /^\d{1,10}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (value < 1 || value > NUMBER_MAX) throw new InvalidArgumentError(`Expected 1 to ${NUMBER_MAX}.`)
  return `${value}`
}
