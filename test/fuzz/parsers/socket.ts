/** Frames over a real socket, in pieces of any size, with garbage among them: an honest client beside it is answered. */
import { connect, type Socket } from 'node:net'
import { answer } from '../../../enclave/dispatch.ts'
import type { ErrorCode } from '../../../enclave/protocol/errors.ts'
import { encodeFrame, FrameReader } from '../../../enclave/protocol/frame.ts'
import { type Listener, listen } from '../../../enclave/shell/transport.ts'
import { openEnclaveClient } from '../../../host/enclave-client.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { aWorld, closeWorlds } from '../../builders/worlds.ts'
import { ACCEPTED, bytesOf, demand, type Outcome, refusalIn, type Target } from '../engine/target.ts'
import { randomBytes, requestOf } from '../mutations.ts'
import { cutAtRandom } from './encodings.ts'

/** Short, or a client that is slow on purpose would make few inputs of a minute. */
const LIMITS = { frameTimeoutMs: 2_000, idleTimeoutMs: 5_000, lingerTimeoutMs: 500, frameBytesMax: 65_536 }
const ANSWERS_BYTES_MAX = 4_194_304

type Place = { readonly listener: Listener; readonly honest: ReturnType<typeof openEnclaveClient> }

let place: Promise<Place> | undefined

async function openPlace(): Promise<Place> {
  const { instance } = aWorld().provisioned()
  // A socket file is made under a mask of the whole process, which a thread may not set.
  const listener = await listen('tcp://127.0.0.1:0', async (request) => answer(instance, request), LIMITS)
  return { listener, honest: openEnclaveClient(listener.endpoint) }
}

function aStream(dice: Dice): Uint8Array {
  const parts = Array.from({ length: 1 + dice.below(4) }, () => {
    if (dice.below(5) === 0) return randomBytes(dice)
    return encodeFrame(requestOf(dice, dice.pick(['status', 'address', 'attestation', 'outputs']), { nonce: 1 }))
  })
  return new Uint8Array(Buffer.concat(parts))
}

const socket: Target = {
  name: 'socket',
  claim: 'answers each whole frame of a stream that comes in any pieces, and the honest client beside it',
  inputs: 300,
  seeds: () => [
    encodeFrame(bytesOf('{"method":"status","params":{}}')),
    aStream(newDice(1)),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    new Uint8Array(3),
  ],
  generate: aStream,
  run: async (input): Promise<Outcome> => {
    place ??= openPlace()
    const { listener, honest } = await place
    const answers = await talk(listener.endpoint, cutAtRandom(newDice(input.length), input))
    const { frames, refusal } = framesIn(input)
    // Frames that came in one piece with a length that is too large go with it.
    const least = refusal === 'FRAME_TOO_LARGE' ? 1 : frames + (refusal === undefined ? 0 : 1)
    const most = frames + (refusal === undefined ? 0 : 1)
    demand(answers >= least && answers <= most, `${least} to ${most} answers, not ${answers}`)
    demand((await honest.call('status', {})).phase === 'provisioned', 'the honest client is answered')
    demand(listener.connectionCount() <= 2 && listener.bufferedBytes() === 0, 'nothing is held for who has gone')
    return refusal ?? ACCEPTED
  },
  close: async () => {
    const open = await place
    open?.honest.close()
    await open?.listener.close()
    place = undefined
    closeWorlds()
  },
}

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

export const SOCKET: readonly Target[] = [socket]
