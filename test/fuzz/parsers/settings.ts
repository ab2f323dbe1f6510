/** Files that an operator writes, and jobs that anyone writes who reaches Redis. */
import { join } from 'node:path'
import { decodeCbor, encodeCbor } from '../../../enclave/protocol/cbor.ts'
import type { Codec } from '../../../enclave/protocol/codec.ts'
import { parseConfiguration, placeCodec } from '../../../enclave/protocol/configuration.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { type Policy, parsePolicy, policyCodec, policyHash } from '../../../enclave/protocol/policy.ts'
import { parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import { HostSettings, hostConfigOf, loadHostConfig } from '../../../host/config.ts'
import { openEnclaveClient } from '../../../host/enclave-client.ts'
import { parseResult } from '../../../host/enclave-results.ts'
import { readGenesisFile } from '../../../host/genesis-file.ts'
import { parseDrainJob, SHARDS_MAX } from '../../../queues/jobs.ts'
import { importInstallation } from '../../../scripts/import/import.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { readOptions } from '../../../scripts/start/options.ts'
import { readRoster } from '../../../scripts/start/roster-file.ts'
import { aGenesis, anAddress, aPolicy } from '../../builders/boot.ts'
import { bytesOf, demand, isSame, judged, judgedLater, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeInside } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'

function jsonOf(value: unknown): Uint8Array {
  return bytesOf(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)))
}

/** What a codec accepts, its own encoding says again. */
function isStable<T>(codec: Codec<T>, value: T): boolean {
  const bytes = encodeCbor(codec.encode(value))
  const again = codec.decode(decodeCbor(bytes, { canonical: true }), 'again')
  return isSame(encodeCbor(codec.encode(again)), bytes)
}

function objectIn(input: Uint8Array): unknown {
  const read = parseStrictJson(input)
  return read.kind === 'object' ? read.value : undefined
}

export const CONFIGURATION = {
  chainId: 1,
  anchor: anAddress(1),
  broker: anAddress(2),
  guardian: anAddress(3),
  role: 'core',
  genesisHash: `0x${'00'.repeat(32)}`,
}

const configuration: Target = {
  name: 'configuration',
  claim: "reads an enclave's configuration so that its own bytes say the same, or names the field",
  inputs: 15_000,
  seeds: () => [jsonOf(CONFIGURATION)],
  mutate: changeInside,
  run: (input) =>
    judged(
      () => parseConfiguration(objectIn(input)),
      ['CONFIG_INVALID'],
      (read) => demand(isStable(placeCodec, read), 'a configuration has one form'),
    ),
}

const policy: Target = {
  name: 'policy',
  claim: 'reads a policy so that its own bytes say the same, or names the field that is wrong',
  inputs: 8_000,
  seeds: () => [jsonOf(aPolicy()), jsonOf(aPolicy({ strategy: 'transfer', cadenceSeconds: 0 }))],
  mutate: changeInside,
  run: (input) =>
    judged(
      () => parsePolicy(objectIn(input)),
      ['POLICY_INVALID'],
      (read) => {
        demand(isStable(policyCodec, read), 'a policy has one form')
        demand(policyHash(parsePolicy(JSON.parse(textOf(jsonOf(read))))) === policyHash(read), 'and one hash')
      },
    ),
}

const genesisFile: Target = {
  name: 'genesis-file',
  claim: 'reads a genesis file or refuses it with a code, whatever stands in it',
  inputs: 2_000,
  seeds: () => [jsonOf(aGenesis())],
  mutate: changeInside,
  run: (input) =>
    judged(
      () => readGenesisFile(aFile('genesis.json', input)),
      ['CONFIG_INVALID'],
      (read) =>
        judged(
          () => parsePolicy(read.policy) satisfies Policy,
          ['POLICY_INVALID'],
          () => undefined,
        ),
    ),
  close: removeFiles,
}

const SETTINGS = {
  chainId: 42_161,
  anchor: anAddress(0xa1),
  rpcUrls: ['http://127.0.0.1:9', 'https://example.invalid/x'],
  enclaveEndpoint: 'tcp://127.0.0.1:9000',
  finality: { depthBlocks: 3 },
}
const VARIABLES = [
  'ANCHORHOLD_RPC_URLS',
  'ANCHORHOLD_CHAIN_ID',
  'ANCHORHOLD_ENCLAVE',
  'ANCHORHOLD_PAYOUTS_MIN',
  'ANCHORHOLD_LOG_LEVEL',
]

/** host.json and a few environment variables. */
const hostConfig: Target = {
  name: 'host-config',
  claim: "reads the host's settings so that they read as the same again, or names the field that is wrong",
  inputs: 2_000,
  seeds: () => [
    packed([jsonOf(SETTINGS)]),
    packed([
      jsonOf({ ...SETTINGS, enclaveEndpoint: 'unix:///tmp/x', finality: 'finalized' }),
      ...['http://a', '1', 'unix:///x', '5', 'warn'].map(bytesOf),
    ]),
  ],
  mutate: (dice, input) => {
    const [file = new Uint8Array(0), ...variables] = unpacked(input)
    return packed([changeInside(dice, file), ...variables])
  },
  run: (input) => {
    const [file = new Uint8Array(0), ...texts] = unpacked(input)
    const environment = Object.fromEntries(
      texts.slice(0, VARIABLES.length).map((text, at) => [VARIABLES[at], textOf(text)]),
    )
    aFile('host.json', file)
    return judged(
      () => loadHostConfig(aFolder(), environment),
      ['CONFIG_INVALID'],
      ({ paths: _, ...settings }) => {
        demand(isSame(hostConfigOf(aFolder(), settings), { ...settings, paths: _ }), 'settings read as the same again')
        demand(HostSettings.safeParse(settings).success, 'what was read is of the form')
        openEnclaveClient(settings.enclaveEndpoint).close()
      },
    )
  },
  close: removeFiles,
}

const ROSTER = { 'orch-0': anAddress(0x10), é: anAddress(0x11) }

const roster: Target = {
  name: 'roster',
  claim: 'reads a roster as ids with an address each, or refuses it whole',
  inputs: 2_000,
  seeds: () => [jsonOf(ROSTER), bytesOf('{}')],
  mutate: changeInside,
  run: (input) =>
    judged(
      () => readRoster(aFile('roster.json', input)),
      ['CONFIG_INVALID'],
      (items) =>
        demand(
          items.every(({ id, recipient }) => id !== '' && BigInt(recipient) > 0n),
          'each id has a recipient',
        ),
    ),
  close: removeFiles,
}

let imports = 0

/** Policy, roster, pending payouts and journal of an old installation. */
const cutOver: Target = {
  name: 'import',
  claim: 'takes an old installation over whole, or refuses with a code and writes nothing',
  inputs: 200,
  seeds: () => [
    packed([
      jsonOf(aPolicy()),
      jsonOf(ROSTER),
      bytesOf('{}'),
      bytesOf('{"event":"credit","orchestrator_id":"orch-0","amount":"1","balance":"1"}\n'),
    ]),
  ],
  mutate: (dice, input) => {
    const files = unpacked(input)
    const at = dice.below(files.length)
    files[at] = changeInside(dice, files[at] ?? new Uint8Array(0))
    return packed(files)
  },
  run: (input) => {
    const [policy = '', roster = '', pending = '', journal = ''] = unpacked(input)
    const out = join(aFolder(), `genesis-${imports++}.json`)
    return judgedLater(
      () =>
        importInstallation(
          {
            policy: aFile('policy.json', policy),
            roster: aFile('roster.json', roster),
            pending: aFile('pending.json', pending),
            journal: aFile('journal.log', journal),
            out,
          },
          {},
        ),
      ['CONFIG_INVALID', 'RECIPIENT_MISMATCH', 'AMOUNT_TOO_LARGE', 'JOURNAL_UNREADABLE', 'POLICY_INVALID'],
      ({ genesisHash }) => {
        demand(readGenesisFile(out).policy !== undefined, `what was written for ${genesisHash} is read`)
      },
    )
  },
  close: removeFiles,
}

const WORDS = [
  '--once',
  '--data',
  'x',
  '--port',
  '80',
  '0',
  '--journal',
  '--roster',
  '--demo-recipients',
  '--replay-history',
  '--fresh',
  '--',
  '-x',
  '',
  '--help',
  '--port=9',
  '--port=99999',
]

const options: Target = {
  name: 'start-words',
  claim: 'understands the words behind npm start, or says which it does not',
  inputs: 3_000,
  seeds: () =>
    [['--once'], ['--data', 'x', '--port', '80'], ['--journal', 'j', '--roster', 'r', '--fresh']].map((words) =>
      packed(words.map(bytesOf)),
    ),
  generate: (dice) => packed(Array.from({ length: dice.below(6) }, () => bytesOf(dice.pick(WORDS)))),
  run: (input) =>
    judged(
      () => readOptions(unpacked(input).map(textOf), '/'),
      ['CONFIG_INVALID'],
      () => undefined,
    ),
}

const job: Target = {
  name: 'job',
  claim: 'takes a job that names a shard and nothing else, and refuses any other with its code',
  inputs: 5_000,
  seeds: () =>
    ['{"shard":0}', '{"shard":255}', '{"shard":256}', '{"shard":1,"more":1}', '[]', 'null', '1'].map(bytesOf),
  generate: (dice) => bytesOf(nested(dice)),
  mutate: changeInside,
  run: (input) => {
    const data = jsonValueIn(input)
    return judged(
      () => parseDrainJob(data),
      ['JOB_INVALID'],
      ({ shard }) => demand(Number.isInteger(shard) && shard >= 0 && shard < SHARDS_MAX, 'a shard'),
    )
  },
}

/** Redis gives what JSON.parse makes of a string: nothing deeper, and nothing that JSON has no form for. */
function jsonValueIn(input: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(input))
  } catch {
    // No job gets as far as this.
    return undefined
  }
}

function nested(dice: Dice): string {
  const depth = dice.pick([1, 40, 3_000, 20_000])
  return dice.below(2) === 0
    ? '['.repeat(depth) + ']'.repeat(depth)
    : `${'{"shard":'.repeat(depth / 4)}1${'}'.repeat(depth / 4)}`
}

const ANSWERS = [
  {
    ok: true,
    ledger: { creditedWei: '5', head: new Uint8Array(32) },
    records: [{ record: 0, sealed: new Uint8Array(3), entries: [new Uint8Array(2)] }],
  },
  { kind: 'ack', journalSize: 3, refused: [{ line: 1, code: 'LINE_FIELD' }] },
  { balance_wei: '12', orchestrator_id: 'a', recipient: null },
]

const enclaveAnswer: Target = {
  name: 'enclave-answer',
  claim: 'takes an answer of the enclave by the names of its fields, or refuses it with a code',
  inputs: 20_000,
  seeds: () => ANSWERS.map((answer) => encodeCbor(answer)),
  mutate: changeInside,
  run: (input): Outcome => {
    let answer: unknown
    try {
      answer = decodeCbor(input, { canonical: false })
    } catch (error) {
      if (isCoded(error)) return error.code
      throw error
    }
    return judged(
      () => parseResult('status', answer),
      ['ENCLAVE_ANSWER', 'WEI_SYNTAX'],
      (read) => demand(typeof read === 'object', 'a map'),
    )
  },
}

export const SETTING_TARGETS: readonly Target[] = [
  configuration,
  policy,
  genesisFile,
  hostConfig,
  roster,
  cutOver,
  options,
  job,
  enclaveAnswer,
]
