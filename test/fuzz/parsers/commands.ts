/** Commands that need no ledger and no network: what they read was handed over by others, and what they say is believed. */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { toHex } from '../../../enclave/protocol/ids.ts'
import { inclusionProof, leafHash, nodeHash, rootOf, verifyInclusion } from '../../../enclave/protocol/log-tree.ts'
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from '../../../scripts/cli/answer.ts'
import { findDocument } from '../../../scripts/cli/attest/sources.ts'
import { runCli } from '../../../scripts/cli/program.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import { ROOT } from '../engine/root.ts'
import {
  ACCEPTED,
  bytesOf,
  demand,
  isSame,
  judged,
  judgedLater,
  type Outcome,
  type Target,
  textOf,
} from '../engine/target.ts'
import { changeBytes, changeInside, randomBytes } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'
import { CONFIGURATION } from './settings.ts'
import { demandReadable, type Said, saying } from './terminal.ts'

type Vector = { readonly document_b64: string; readonly measurements: object }

const vector = JSON.parse(readFileSync(join(ROOT, 'test/vectors/attestation-development.json'), 'utf8')) as Vector
const HASH = `0x${'00'.repeat(32)}`
const ROLE_ARN = 'arn:aws:iam::111122223333:role/anchorhold-host'
const ADMIN_ARN = 'arn:aws:iam::111122223333:user/admin'
const RELEASED = {
  ...CONFIGURATION,
  keyRelease: { keyId: `arn:aws:kms:eu-west-1:111122223333:key/${'ab'.repeat(8)}`, region: 'eu-west-1', keyVersion: 1 },
}
const STATEMENT = { Sid: 'A', Effect: 'Allow', Principal: { AWS: ROLE_ARN }, Action: ['kms:Decrypt'], Resource: '*' }

/** In the order in which an input has them. */
const FILES: readonly (readonly [string, Uint8Array])[] = [
  ['document', new Uint8Array(Buffer.from(vector.document_b64, 'base64'))],
  ['images.json', bytesOf(JSON.stringify(vector.measurements))],
  [
    'expect.json',
    bytesOf(JSON.stringify({ format: 'anchorhold-binding/1', chainId: 1, anchor: anAddress(1), epoch: 1 })),
  ],
  ['revoked.json', bytesOf('{"format":"anchorhold-revoked/1","certificates":[{"issuer":"0x01","serial":"0x02"}]}')],
  ['enclave.json', bytesOf(JSON.stringify(RELEASED))],
  ['policy.json', bytesOf(JSON.stringify({ Version: '2012-10-17', Statement: [STATEMENT] }))],
]

const VERIFY = ['attest', 'verify', '--document', 'document', '--measurements', 'images.json']
const POLICY = ['kms', 'policy', '--measurements', 'images.json', '--role-arn', ROLE_ARN, '--admin-arn', ADMIN_ARN]
const LINES: readonly (readonly string[])[] = [
  ['attest', 'show', 'document'],
  [...VERIFY, '--archived', '--allow-debug'],
  [...VERIFY, '--at', '2026-11-21', '--expect', 'expect.json', '--revoked', 'revoked.json', '--nonce', '0x01'],
  ['kms', 'lint', 'policy.json', '--measurements', 'images.json'],
  [...POLICY, '--enclave-config', 'enclave.json'],
  ['kms', 'pcr16', '--enclave-config', 'enclave.json'],
  ['kms', 'pcr3', '--role-arn', ROLE_ARN],
  ['kms', 'iam', '--key-arn', RELEASED.keyRelease.keyId],
  ['signer', '--config-only', '--chain-id', '1', '--ticket-broker', anAddress(2), '--key-version', '1'],
]
const WORDS = [
  ...[
    '--json',
    '--archived',
    '--allow-debug',
    '--check-instance',
    '--at',
    '0',
    '-1',
    '1e9',
    'x',
    '',
    '--nonce',
    'auto',
  ],
  ...[
    '0x',
    '0x01',
    'images.json',
    'policy.json',
    'nowhere',
    '--config',
    HASH,
    '--key-version',
    '2',
    '--max-age-seconds',
  ],
  ...[
    '--image',
    '--import-arn',
    ADMIN_ARN,
    ROLE_ARN,
    '\u202e',
    '\u001b[2J',
    '--max-face-value-wei',
    '--help',
    '--batch-max',
  ],
]
const WORDS_MAX = 20

function inputOf(words: readonly string[]): Uint8Array {
  return packed([...FILES.map(([, bytes]) => bytes), ...words.map(bytesOf)])
}

function changeCommand(dice: Dice, input: Uint8Array): Uint8Array {
  const items = unpacked(input)
  const at = dice.below(FILES.length)
  const word = FILES.length + dice.below(items.length - FILES.length + 1)
  const kind = dice.below(4)
  if (kind === 0) items.splice(word, dice.below(2), bytesOf(dice.pick(WORDS)))
  else items[at] = (kind === 1 ? changeBytes : changeInside)(dice, items[at] ?? new Uint8Array(0))
  return packed(items.slice(0, FILES.length + WORDS_MAX))
}

const commands: Target = {
  name: 'offline-commands',
  claim:
    'ends with exit code 0, 1 or 2 whatever it is handed, calls no document of a development root genuine, and steers no terminal',
  inputs: 100,
  seeds: () => LINES.map(inputOf),
  generate: (dice) => inputOf([...dice.pick(LINES), ...Array.from({ length: dice.below(3) }, () => dice.pick(WORDS))]),
  mutate: changeCommand,
  run: async (input) => {
    const items = unpacked(input)
    const words = items.slice(FILES.length, FILES.length + WORDS_MAX).map(textOf)
    if (!isOffline(words)) return 'METHOD_UNKNOWN'
    removeFiles()
    for (const [at, [name]] of FILES.entries()) aFile(name, items[at] ?? new Uint8Array(0))
    const said: Said = { out: '', err: '' }
    const code = await runCli(words, saying(said, aFolder()))
    demandReadable(said)
    demand(!/\n\s+at /.test(said.out + said.err), 'no stack')
    demand(
      words[1] !== 'verify' || code !== EXIT_OK || said.out.includes('Usage:'),
      'no development root is that of AWS',
    )
    return outcomeOf(code, said)
  },
  close: removeFiles,
}

const GROUPS: ReadonlySet<string> = new Set(['attest', 'kms', 'signer'])
/** What goes over the network, starts a process, or reads what is typed. */
const ELSEWHERE: ReadonlySet<string> = new Set(['--url', '--rpc', 'canary', '-', '--out'])

function isOffline(words: readonly string[]): boolean {
  const [group = ''] = words
  if (!GROUPS.has(group) || words.some((word) => ELSEWHERE.has(word.split('=')[0] ?? ''))) return false
  return group !== 'signer' || words.includes('--config-only')
}

function outcomeOf(code: number, { out, err }: Said): Outcome {
  demand([EXIT_OK, EXIT_FAILED, EXIT_USAGE].includes(code), `an exit code, not ${code}`)
  if (code === EXIT_OK) return ACCEPTED
  if (code === EXIT_USAGE) return 'METHOD_UNKNOWN'
  const told = /^([A-Z_]+): /.exec(err)?.[1]
  demand(told !== undefined || out !== '', 'why')
  if (told === undefined) return 'KEY_OPEN'
  demand(Object.hasOwn(ERRORS, told), `a code of the catalogue, not ${told}`)
  return told as Outcome
}

const NONCES = Array.from({ length: 5 }, (_, at) => new Uint8Array(16).fill(at))
const OURS = 3
const LEAVES = NONCES.map(leafHash)
const TREE_ROOT = rootOf(LEAVES)
const PROOF = inclusionProof(OURS, LEAVES.length, (level, index) => {
  let row = LEAVES
  for (let at = 0; at < level; at++) row = pairsOf(row)
  return row[index] as Uint8Array
})
const ANSWER = {
  document_b64: vector.document_b64,
  nonce_hex: toHex(NONCES[OURS] as Uint8Array),
  leaf_index: OURS,
  tree_size: LEAVES.length,
  proof: PROOF.map(toHex),
}

function pairsOf(row: readonly Uint8Array[]): Uint8Array[] {
  const whole = row.slice(0, row.length - (row.length % 2))
  return whole.flatMap((left, at) => (at % 2 === 0 ? [nodeHash(left, whole[at + 1] as Uint8Array)] : []))
}

type Place = { readonly server: Server; body: Uint8Array }

let place: Place | undefined

async function thePlace(): Promise<Place> {
  if (place !== undefined) return place
  const server = createServer((_, response) => void response.end(place?.body))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  place = { server, body: new Uint8Array(0) }
  return place
}

const attestAnswer: Target = {
  name: 'attest-answer',
  claim: 'takes of an api a document and the place of a nonce under it, and proves that nonce by its own hashes alone',
  inputs: 250,
  seeds: () => [bytesOf(JSON.stringify(ANSWER)), bytesOf(JSON.stringify({ document_b64: vector.document_b64 }))],
  generate: randomBytes,
  mutate: (dice, input) => (dice.below(4) === 0 ? changeBytes : changeInside)(dice, input),
  run: async (input) => {
    const at = await thePlace()
    at.body = input
    const url = `http://127.0.0.1:${(at.server.address() as AddressInfo).port}/api/tee/core/attestation/batch`
    const terminal = saying({ out: '', err: '' }, aFolder())
    return judgedLater(
      () => findDocument({ url, nonce: toHex(NONCES[OURS] as Uint8Array) }, terminal),
      ['ATTESTATION_FETCH'],
      ({ shared }) => {
        if (shared === undefined) return
        const { proof } = shared
        const proven = judged(
          () => verifyInclusion({ ...shared, root: TREE_ROOT }),
          ['PROOF_LENGTH', 'PROOF_INVALID'],
          () => undefined,
        )
        // The size is no part of a root: other sizes of one shape prove the same thing.
        demand(proven !== ACCEPTED || isSame(proof, PROOF), 'by the hashes beside it and no others')
      },
    )
  },
  close: async () => {
    const { server } = await thePlace()
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    place = undefined
    removeFiles()
  },
}

export const COMMANDS: readonly Target[] = [commands, attestAnswer]
