/** What stands at the enclave's place answers anything: another program, a wrong port, an enclave that breaks. */

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { encodeCbor } from '../../../enclave/protocol/cbor.ts'
import { ERRORS, isCoded } from '../../../enclave/protocol/errors.ts'
import { encodeFrame } from '../../../enclave/protocol/frame.ts'
import { openEnclaveClient } from '../../../host/enclave-client.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { ACCEPTED, bytesOf, demand, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeInside, jsonBytes, randomBytes, type Value } from '../mutations.ts'
import { cutAtRandom } from './encodings.ts'
import { packed, unpacked } from './packing.ts'

const CALLS = 3
const ANSWERS_MAX = 6
const HONEST = encodeFrame(encodeCbor({ result: { phase: 'active' } }))

const ANSWERS: readonly Value[] = [
  { result: { address: new Uint8Array(20), balance_wei: '5', entries: [new Uint8Array(2)] } },
  { result: {} },
  { result: null },
  { error: { code: 'PHASE_FORBIDS', message: 'expected another phase' } },
  { error: { code: { toString: 1 }, message: [] } },
  { error: { code: 'no code of ours', message: 5 } },
  { error: null },
  { error: [{ code: 'INTERNAL' }] },
  {},
]

type Place = { readonly server: Server; readonly endpoint: string; answer: readonly Uint8Array[] | undefined }

let place: Place | undefined

async function thePlace(): Promise<Place> {
  if (place !== undefined) return place
  const server = createServer((socket) => serve(socket))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  place = { server, endpoint: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, answer: undefined }
  return place
}

/** Once the whole of it is said, the connection ends; without anything to say it answers honestly. */
function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.once('data', () => {
    const pieces = place?.answer
    for (const piece of pieces ?? [HONEST]) socket.write(piece)
    if (pieces !== undefined) socket.end()
  })
}

/** Mostly frames of messages, each as one of the answers or damaged. */
function framed(items: readonly Uint8Array[]): Uint8Array {
  const parts = items.slice(0, ANSWERS_MAX).map((item) => {
    const [how = 0] = item
    return how === 0 ? item.subarray(1) : encodeFrame(item.subarray(1))
  })
  return new Uint8Array(Buffer.concat(parts))
}

function anAnswer(dice: Dice): Uint8Array {
  const kind = dice.below(6)
  if (kind === 0) return Uint8Array.of(dice.below(2), ...randomBytes(dice))
  const answer = dice.pick(ANSWERS)
  const bytes = dice.below(2) === 0 ? encodeCbor(answer) : jsonBytes(dice, answer)
  return Uint8Array.of(1, ...(kind < 3 ? changeInside(dice, bytes) : bytes))
}

function someAnswers(dice: Dice): Uint8Array {
  return packed(Array.from({ length: dice.below(ANSWERS_MAX) }, () => anAnswer(dice)))
}

const client: Target = {
  name: 'enclave-client',
  claim: 'settles every call with an answer or a code whatever comes back, and the next one is answered',
  inputs: 250,
  seeds: () => [
    ...ANSWERS.map((answer) => packed([Uint8Array.of(1, ...encodeCbor(answer))])),
    ...ANSWERS.map((answer) => packed([Uint8Array.of(1, ...bytesOf(JSON.stringify(answer)))])),
    packed([Uint8Array.of(0, ...bytesOf('HTTP/1.1 400 Bad Request\r\n\r\n'))]),
    packed([]),
  ],
  generate: someAnswers,
  mutate: (dice, input) => {
    const items = unpacked(input)
    const at = dice.below(items.length + 1)
    const item = items[at]
    if (item === undefined || dice.below(3) === 0) items.splice(at, 0, anAnswer(dice))
    else items[at] = Uint8Array.of(item[0] ?? 1, ...changeInside(dice, item.subarray(1)))
    return packed(items.slice(0, ANSWERS_MAX))
  },
  run: async (input) => {
    const at = await thePlace()
    at.answer = cutAtRandom(newDice(input.length), framed(unpacked(input)))
    const enclave = openEnclaveClient(at.endpoint)
    try {
      const settled = await Promise.allSettled(
        Array.from({ length: CALLS }, () => enclave.call('halt', { reason: 'r' })),
      )
      const outcomes = settled.map(outcomeOf)
      at.answer = undefined
      demand((await enclave.call('status', {})).phase === 'active', 'the next call is answered')
      return outcomes[0] ?? ACCEPTED
    } finally {
      enclave.close()
    }
  },
  close: async () => {
    const { server } = await thePlace()
    await new Promise((done) => server.close(done))
    place = undefined
  },
}

function outcomeOf(call: PromiseSettledResult<unknown>): Outcome {
  if (call.status === 'fulfilled') {
    demand(typeof call.value === 'object' && call.value !== null, `a map, not ${typeof call.value}`)
    return ACCEPTED
  }
  if (!isCoded(call.reason)) throw call.reason
  demand(Object.hasOwn(ERRORS, call.reason.code), 'a code of the catalogue')
  demand(textOf(bytesOf(call.reason.message)) === call.reason.message, 'a message that can be written down')
  return call.reason.code
}

export const CLIENT: readonly Target[] = [client]
