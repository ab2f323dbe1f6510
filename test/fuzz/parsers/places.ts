/** How two processes find each other: what a guest's device says first, the words of a bridge, those of a provisioning. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { endpointsOf } from '../../../scripts/cli/bridge.ts'
import { ALLOWED_RECIPIENTS_MAX, type ProvisionFlags, readProvision } from '../../../scripts/cli/provision/options.ts'
import { connectHybrid } from '../../../scripts/guest/hybrid.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { cutAtRandom } from './encodings.ts'
import { packed, unpacked } from './packing.ts'

const PORT = 5_000
const GREETING = /^OK [^\n]{0,61}\n/

type Device = { readonly server: Server; readonly folder: string; said: readonly Uint8Array[] }

let device: Device | undefined

async function theDevice(): Promise<Device> {
  if (device !== undefined) return device
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-device-'))
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      for (const piece of device?.said ?? []) socket.write(piece)
      socket.end()
    })
  })
  await new Promise<void>((done) => server.listen({ path: join(folder, 'vsock') }, () => done()))
  device = { server, folder, said: [] }
  return device
}

const greeting: Target = {
  name: 'guest-greeting',
  claim: 'takes a connection of a guest behind one short line that begins with OK, and hands on every byte after it',
  inputs: 400,
  seeds: () => ['OK 5000\nthe rest', 'OK 1\n', 'KO 5000\n', 'OK 5000', '', `OK ${'1'.repeat(80)}\n`].map(bytesOf),
  mutate: changeBytes,
  run: async (input): Promise<Outcome> => {
    const at = await theDevice()
    at.said = cutAtRandom(newDice(input.length), input)
    const text = Buffer.from(input).toString('latin1')
    const line = GREETING.exec(text)?.[0]
    const socket = await connectHybrid(join(at.folder, 'vsock'), PORT).catch((error: Error) => {
      demand(line === undefined, `a greeting is taken, not refused: ${error.message}`)
      return undefined
    })
    if (socket === undefined) return 'ENCLAVE_GONE'
    const rest: Uint8Array[] = []
    for await (const part of socket) rest.push(part as Uint8Array)
    socket.destroy()
    demand(line !== undefined, 'nothing else is a greeting')
    demand(Buffer.concat(rest).toString('latin1') === text.slice(line.length), 'what is behind the line is the guest’s')
    return ACCEPTED
  },
  close: async () => {
    const { server, folder } = await theDevice()
    await new Promise((done) => server.close(done))
    rmSync(folder, { recursive: true, force: true })
    device = undefined
  },
}

const BRIDGE_FLAGS = ['listen', 'to', 'listenHost', 'listenPort', 'vsockCid', 'vsockPort', 'listenAnywhere'] as const
const PLACES = [
  ...[
    'tcp://127.0.0.1:5001',
    'tcp://0.0.0.0:1',
    'tcp://[::]:1',
    'unix:///run/x',
    'vsock://16:5000',
    'vsock://any:5000',
  ],
  ...['127.0.0.1', '0.0.0.0', '::1', 'localhost', '127.0.0.1.example', '5001', '65536', '-1', '16', '4294967295', ''],
]

/** A flag is there when its item is not empty. */
const bridgeWords: Target = {
  name: 'bridge-words',
  claim:
    'carries bytes between two places of which one is a vsock, and listens beyond this machine only where that is said',
  inputs: 10_000,
  seeds: () => [
    packed(['tcp://127.0.0.1:5001', 'vsock://16:5000'].map(bytesOf)),
    packed(['', '', '127.0.0.1', '5001', '16', '5000'].map(bytesOf)),
    packed(['vsock://any:5000', 'unix:///run/x', '', '', '', '', 'x'].map(bytesOf)),
  ],
  generate: (dice) =>
    packed(BRIDGE_FLAGS.map(() => (dice.below(2) === 0 ? new Uint8Array(0) : bytesOf(dice.pick(PLACES))))),
  run: (input) => {
    const given = unpacked(input).map(textOf)
    const words = Object.fromEntries(BRIDGE_FLAGS.flatMap((name, at) => (given[at] ? [[name, given[at]]] : [])))
    const anywhere = words['listenAnywhere'] !== undefined
    return judged(
      () => endpointsOf({ ...words, listenAnywhere: anywhere }),
      ['CONFIG_INVALID'],
      ({ listen, to }) => {
        demand(listen.kind === 'vsock' || to.kind === 'vsock', 'a vsock at one end')
        const isNear = listen.kind !== 'tcp' || /^(127(\.[0-9]+){3}|\[?::1\]?|localhost)$/.test(listen.host)
        demand(isNear || anywhere, 'loopback, where nothing else was said')
      },
    )
  },
}

const KEY_ARN = `arn:aws:kms:eu-west-1:111122223333:key/${'ab'.repeat(8)}`
const SIGNER: ProvisionFlags = {
  ...{ role: 'signer', ciphertextB64: 'AAEC', chainId: '42161', ticketBroker: anAddress(2), kmsKeyId: KEY_ARN },
  ...{ allowedRecipient: [anAddress(5)], maxFaceValueEth: '0.5', maxTotalFaceValueEth: '1e-18', proxyPort: '8000' },
  ...{ allowedRecipientsFile: 'payees', expectedAddress: anAddress(9) },
}
const CORE: ProvisionFlags = { generate: true, policy: 'p.json', endpoint: 'vsock://16:5000', region: 'eu-west-1' }
const PAYEES = `# who is paid\n${anAddress(6)}, ${anAddress(7)} # two\n\n${anAddress(5)}`

const provisionWords: Target = {
  name: 'provision-words',
  claim:
    'reads what a signer shall sign for with every digit and every payee of it, or refuses it before anything is asked',
  inputs: 3_000,
  seeds: () => [SIGNER, CORE].map((flags) => packed([bytesOf(JSON.stringify(flags)), bytesOf(PAYEES)])),
  mutate: (dice: Dice, input) => {
    const [flags = new Uint8Array(0), payees = new Uint8Array(0)] = unpacked(input)
    return dice.below(3) === 0
      ? packed([flags, changeBytes(dice, payees)])
      : packed([changeInside(dice, flags), payees])
  },
  run: (input) => {
    const [flags = new Uint8Array(0), payees = new Uint8Array(0)] = unpacked(input)
    const typed = flagsIn(flags)
    if (typed === undefined) return 'METHOD_UNKNOWN'
    return judged(
      () => readProvision(typed, { typedIn: '/', readText: (path) => textAt(path, payees) }),
      ['CONFIG_INVALID', 'AMOUNT_SYNTAX', 'AMOUNT_TOO_LARGE'],
      (options) => {
        demand(
          options.role === 'signer' || options.key.kind === 'generate' || options.key.kind === 'later',
          'no import',
        )
        if (options.role !== 'signer' || options.terms === undefined) return
        const { allowed_recipients: allowed, max_face_value_wei: faceWei } = options.terms
        const named = new Set(
          `${typed.allowedRecipient?.join() ?? ''}${textOf(payees)}`.toLowerCase().match(/0x[0-9a-f]{40}/g),
        )
        demand(allowed.length <= ALLOWED_RECIPIENTS_MAX && !allowed.includes(ZERO_ADDRESS), 'payees')
        demand(
          allowed.every((payee) => named.has(payee)),
          'nobody who was not named',
        )
        demand(isSame([...new Set(allowed)].sort(), [...allowed]), 'each once')
        demand((faceWei === undefined) === (typed.maxFaceValueEth === undefined), 'a limit where there is one')
        demand(faceWei === undefined || BigInt(faceWei) >= 0n, 'a limit of zero or more')
      },
    )
  },
}

function textAt(path: string, payees: Uint8Array): string {
  if (path === '/payees') return textOf(payees)
  throw new CodedError('CONFIG_INVALID', `expected a file at ${path}`)
}

/** As the command line gives them: texts, lists of texts and yes, nothing else. */
function flagsIn(bytes: Uint8Array): ProvisionFlags | undefined {
  try {
    const flags = JSON.parse(textOf(bytes)) as { readonly [name: string]: unknown }
    if (typeof flags !== 'object' || flags === null || Array.isArray(flags)) return undefined
    const isTyped = Object.values(flags).every(
      (value) =>
        typeof value === 'string' ||
        value === true ||
        (Array.isArray(value) && value.every((one) => typeof one === 'string')),
    )
    const lists = Object.entries(flags).every(([name, value]) => Array.isArray(value) === (name === 'allowedRecipient'))
    const yes = Object.entries(flags).every(([name, value]) => (value === true) === YES.includes(name))
    return isTyped && lists && yes ? (flags as ProvisionFlags) : undefined
  } catch {
    // No command line can mean this.
    return undefined
  }
}

const YES: readonly string[] = ['generate', 'prepare', 'requireAllowlist', 'requireCreditSignature']

export const PLACE_TARGETS: readonly Target[] = [greeting, bridgeWords, provisionWords]
