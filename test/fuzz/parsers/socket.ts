/** Frames over a real socket, in pieces of any size, with garbage among them, to a core and to a signer: an honest client beside it is answered. */
import { connect, type Socket } from 'node:net'
import { answer } from '../../../enclave/dispatch.ts'
import type { ErrorCode } from '../../../enclave/protocol/errors.ts'
import { encodeFrame, FrameReader } from '../../../enclave/protocol/frame.ts'
import { type Listener, listen } from '../../../enclave/shell/transport.ts'
import { answerSigner } from '../../../enclave/signer/dispatch.ts'
import { openEnclaveClient } from '../../../host/enclave-client.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { aWorld, closeWorlds } from '../../builders/worlds.ts'
import { ACCEPTED, bytesOf, demand, type Outcome, refusalIn, type Target } from '../engine/target.ts'
import { randomBytes, requestOf } from '../mutations.ts'
import { cutAtRandom } from './encodings.ts'
import { aProvisionedSigner } from './signer.ts'

/** Short, or a client that is slow on purpose would make few inputs of a minute. */
const LIMITS = { frameTimeoutMs: 2_000, idleTimeoutMs: 5_000, lingerTimeoutMs: 500, frameBytesMax: 65_536 }
const ANSWERS_BYTES_MAX = 4_194_304

type Answer = (request: Uint8Array) => Promise<Uint8Array>
type Place = { readonly listener: Listener; readonly honest: ReturnType<typeof openEnclaveClient> }

async function openPlace(answering: Answer): Promise<Place> {
  // A socket file is made under a mask of the whole process, which a thread may not set.
  const listener = await listen('tcp://127.0.0.1:0', answering, LIMITS)
  return { listener, honest: openEnclaveClient(listener.endpoint) }
}

function aStream(dice: Dice): Uint8Array {
  const parts = Array.from({ length: 1 + dice.below(4) }, () => {
    if (dice.below(5) === 0) return randomBytes(dice)
    return encodeFrame(requestOf(dice, dice.pick(ASKED), { nonce: 1 }))
  })
  return new Uint8Array(Buffer.concat(parts))
}

const ASKED = ['status', 'address', 'attestation', 'outputs', 'sign_transaction', 'sign_message_defunct']

function aSocket({ name, inputs, open }: Pick<Target, 'name' | 'inputs'> & { readonly open: () => Answer }): Target {
  let place: Promise<Place> | undefined
  return {
    name,
    claim: `answers each whole frame of a stream that comes in any pieces, and the honest client beside it (${name})`,
    inputs,
    seeds: () => [
      encodeFrame(bytesOf('{"method":"status","params":{}}')),
      aStream(newDice(1)),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff),
      new Uint8Array(3),
    ],
    generate: aStream,
    run: async (input) => {
      place ??= openPlace(open())
      return judgeStream(await place, input)
    },
    close: async () => {
      const opened = await place
      opened?.honest.close()
      await opened?.listener.close()
      place = undefined
      closeWorlds()
    },
  }
}

async function judgeStream({ listener, honest }: Place, input: Uint8Array): Promise<Outcome> {
  const answers = await talk(listener.endpoint, cutAtRandom(newDice(input.length), input))
  const { frames, refusal } = framesIn(input)
  // Frames that came in one piece with a length that is too large go with it.
  const least = refusal === 'FRAME_TOO_LARGE' ? 1 : frames + (refusal === undefined ? 0 : 1)
  const most = frames + (refusal === undefined ? 0 : 1)
  demand(answers >= least && answers <= most, `${least} to ${most} answers, not ${answers}`)
  demand((await honest.call('status', {})).provisioned, 'the honest client is answered')
  demand(listener.connectionCount() <= 2 && listener.bufferedBytes() === 0, 'nothing is held for who has gone')
  return refusal ?? ACCEPTED
}

const socket = aSocket({
  name: 'socket',
  inputs: 300,
  open: () => {
    const { instance } = aWorld().provisioned()
    return async (request) => answer(instance, request)
  },
})

const signerSocket = aSocket({
  name: 'signer-socket',
  inputs: 60,
  open: () => {
    const signer = aProvisionedSigner()
    return async (request) => answerSigner(signer, request)
  },
})

/** Whole frames before the first that is too long or cut off, and how that one is refused. */
function framesIn(input: Uint8Array): { readonly frames: number; readonly refusal: ErrorCode | undefined } {
  const reader = new FrameReader(LIMITS.frameBytesMax)
  let frames = 0
  try {
    for (const byte of input) frames += reader.push(Uint8Array.of(byte)).length
    reader.end()
    return { frames, refusal: undefined }
  } catch (error) {
    return { frames, refusal: refusalIn(error, ['FRAME_TOO_LARGE', 'FRAME_TRUNCATED']) }
  }
}

/** Writes the pieces, ends, and counts the frames that came back until the other side has ended too. */
async function talk(endpoint: string, pieces: readonly Uint8Array[]): Promise<number> {
  const client = connect({ host: '127.0.0.1', port: portOf(endpoint), allowHalfOpen: true })
  const reader = new FrameReader(ANSWERS_BYTES_MAX)
  let answers = 0
  client.on('data', (chunk) => {
    answers += reader.push(chunk).length
  })
  const ended = over(client)
  for (const piece of pieces) client.write(piece)
  client.end()
  await ended
  demand(!reader.partial, 'answers are whole frames')
  return answers
}

function portOf(endpoint: string): number {
  return Number.parseInt(endpoint.slice(endpoint.lastIndexOf(':') + 1), 10)
}

function over(client: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('close', () => resolve())
    client.once('error', reject)
  })
}

export const SOCKET: readonly Target[] = [socket, signerSocket]
