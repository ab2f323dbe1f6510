/** Command lines and the files that they read: whatever is typed ends in an exit code and one line, never in a stack. */
import { main as auditorMain } from '../../../auditor/main.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from '../../../scripts/cli/answer.ts'
import { runCli } from '../../../scripts/cli/program.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { aGenesis, anAddress, aPolicy } from '../../builders/boot.ts'
import { ACCEPTED, bytesOf, demand, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'

const WORDS_MAX = 10
/** Commands that become a process, wait for Redis, or stay until a signal have tests of their own. */
const ELSEWHERE = new Set([
  'start',
  'enclave',
  'worker',
  'provision',
  'drain',
  'doctor',
  'rebuild',
  'verify',
  'now',
  'open',
  'bump',
])
const WORDS = [
  ...['config', 'check', 'pause', 'resume', 'import', 'payout', 'show', 'halt', 'anchor', 'audit', 'session', 'commit'],
  ...[
    'ingest',
    'prepare',
    'broadcast',
    'confirm',
    'all',
    'x',
    '',
    '-',
    '--',
    '0',
    '-1',
    '#1',
    '1e9',
    `0x${'11'.repeat(32)}`,
  ],
  ...[
    '--json',
    '--data',
    '--reason',
    '--timeout-seconds',
    '--help',
    '--version',
    '-h',
    '--unknown',
    '--json=1',
    '--data=',
  ],
  ...[
    '--policy',
    '--out',
    '--journal',
    '--roster',
    '--pending',
    '--nothing-pending',
    '--blob',
    '--key-file',
    '--whole-journal',
  ],
  ...['\u0000', '\ud800', '__proto__', 'constructor', '--__proto__', '../..', '/dev/null', 'help'],
]
const LINES: readonly (readonly string[])[] = [
  ['config', 'check'],
  ['config', 'check', '--json'],
  ['pause', 'ingest', '--reason', 'because'],
  ['resume', 'ingest', '--json'],
  ['payout', 'show', '#1'],
  [
    'import',
    '--policy',
    'policy.json',
    '--out',
    'out.json',
    '--journal',
    'journal.log',
    '--roster',
    'roster.json',
    '--nothing-pending',
  ],
]

function jsonOf(value: unknown): Uint8Array {
  return bytesOf(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)))
}

/** Nobody listens at any of these places, and asking takes no time. */
const HOST = {
  chainId: 42_161,
  anchor: anAddress(0xa1),
  rpcUrls: ['http://127.0.0.1:9'],
  enclaveEndpoint: 'unix:///nowhere/x',
}
const CONFIGURATION = {
  chainId: 42_161,
  anchor: anAddress(0xa1),
  broker: anAddress(0xb1),
  guardian: anAddress(3),
  role: 'core',
  genesisHash: `0x${'00'.repeat(32)}`,
}
const KEYS = { address: anAddress(5), ciphertext_b64: 'AA==', state_ciphertext_b64: 'AA==' }
/** The files of a data folder, in the order in which an input has them; its words come behind. */
const FILES: readonly (readonly [string, Uint8Array])[] = [
  ['host.json', jsonOf(HOST)],
  ['genesis.json', jsonOf(aGenesis())],
  ['enclave.json', jsonOf(CONFIGURATION)],
  ['keys/keys.json', jsonOf(KEYS)],
  ['policy.json', jsonOf(aPolicy())],
  ['roster.json', jsonOf({ 'orch-0': anAddress(0x10) })],
  ['journal.log', bytesOf('{"event":"credit","orchestrator_id":"orch-0","amount":"1","balance":"1"}\n')],
  ['control/stop-ingest.json', jsonOf({ stage: 'ingest', code: 'PAUSED', reason: 'r', atMs: 1 })],
]

function inputOf(words: readonly string[]): Uint8Array {
  return packed([...FILES.map(([, content]) => content), ...words.map(bytesOf)])
}

function changeLine(dice: Dice, input: Uint8Array): Uint8Array {
  const items = unpacked(input)
  if (dice.below(2) === 0) {
    const at = dice.below(FILES.length)
    items[at] = changeInside(dice, items[at] ?? new Uint8Array(0))
  } else {
    items.splice(FILES.length + dice.below(items.length - FILES.length + 1), dice.below(2), bytesOf(dice.pick(WORDS)))
  }
  return packed(items.slice(0, FILES.length + WORDS_MAX))
}

type Said = { out: string; err: string }

const cli: Target = {
  name: 'cli',
  claim: 'ends every command line with exit code 0, 1 or 2, and says why in one line with a code',
  inputs: 200,
  seeds: () => LINES.map(inputOf),
  generate: (dice) => inputOf(Array.from({ length: dice.below(6) }, () => dice.pick(WORDS))),
  mutate: changeLine,
  run: async (input) => {
    const items = unpacked(input)
    const words = items.slice(FILES.length, FILES.length + WORDS_MAX).map(textOf)
    if (words.some((word) => ELSEWHERE.has(word))) return 'METHOD_UNKNOWN'
    removeFiles()
    for (const [at, [name]] of FILES.entries()) aFile(name, items[at] ?? new Uint8Array(0))
    const said: Said = { out: '', err: '' }
    const code = await runCli([...words, '--data', aFolder()], terminalOf(said))
    return outcomeOf(code, said)
  },
  close: removeFiles,
}

function terminalOf(said: Said) {
  return {
    out: (text: string) => {
      said.out += text
    },
    err: (text: string) => {
      said.err += text
    },
    environment: {},
    typedIn: aFolder(),
  }
}

function outcomeOf(code: number, { out, err }: Said): Outcome {
  demand([EXIT_OK, EXIT_FAILED, EXIT_USAGE].includes(code), `an exit code, not ${code}`)
  demand(!/\n\s+at /.test(out + err), `no stack, not ${(out + err).slice(0, 300)}`)
  if (code === EXIT_OK) {
    demand(err === '', 'nothing is wrong')
    return ACCEPTED
  }
  demand(err === '' || err.trimEnd().split('\n').length === 1 || /expected|✖/.test(err), `one line, not ${err}`)
  const told = /^([A-Z_]+): /.exec(err)?.[1]
  demand(told === undefined || Object.hasOwn(ERRORS, told), `a code of the catalogue, not ${told}`)
  demand(code === EXIT_FAILED || err.endsWith('--help\n'), `what to type, not ${err}`)
  return code === EXIT_USAGE ? 'METHOD_UNKNOWN' : 'CONFIG_INVALID'
}

const AUDITOR_WORDS = [
  '--rpc',
  '--anchor',
  '--log',
  '--at',
  '--since',
  '--journal',
  '--from-block',
  '--depth',
  '--json',
  '--help',
  'x',
  '',
  '0',
  '-1',
  '99999999999999999',
  anAddress(1),
  '.',
  '--rpc=',
  'ftp://x',
]
const AUDITOR_LINE = ['--rpc', 'not-a-url', '--anchor', anAddress(1), '--log', '.']

const auditor: Target = {
  name: 'auditor-words',
  claim: 'ends an audit that cannot be made with exit code 2 and says why',
  inputs: 120,
  seeds: () => [['--help'], AUDITOR_LINE, [...AUDITOR_LINE, '--json']].map((words) => packed(words.map(bytesOf))),
  generate: (dice) => packed(Array.from({ length: dice.below(7) }, () => bytesOf(dice.pick(AUDITOR_WORDS)))),
  mutate: (dice, input) => {
    const words = unpacked(input)
    words.splice(dice.below(words.length + 1), dice.below(2), bytesOf(dice.pick(AUDITOR_WORDS)))
    return packed(words.slice(0, WORDS_MAX))
  },
  run: async (input) => {
    const words = unpacked(input).map(textOf)
    // An endpoint that could be reached would be waited for.
    if (words.some((word) => /^https?:/i.test(word))) return 'RPC_FAILED'
    const said: Said = { out: '', err: '' }
    const code = await auditorMain(words, terminalOf(said))
    demand(code === EXIT_OK || code === EXIT_USAGE, `no audit was made, not exit code ${code}`)
    demand(!/\n\s+at /.test(said.out + said.err), `no stack, not ${said.err.slice(0, 300)}`)
    demand(code === EXIT_OK || said.err !== '' || said.out.includes('"unchecked"'), 'a word on why')
    return code === EXIT_OK ? ACCEPTED : 'CONFIG_INVALID'
  },
  close: removeFiles,
}

export const WORD_TARGETS: readonly Target[] = [cli, auditor]
