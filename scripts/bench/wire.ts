/** Frames over the enclave's socket, many in flight: nothing of a client is between the enclave and the clock. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { CborInput } from '../../enclave/protocol/cbor.ts'
import { decodeMessage, encodeFrame, encodeMessage, FrameReader } from '../../enclave/protocol/frame.ts'

export type Wire = {
  /** Sends each frame as soon as fewer than `inFlightMax` are unanswered. Settles with the last answer, in milliseconds. */
  exchange(frames: readonly Uint8Array[], inFlightMax: number): Promise<number>
  close(): void
}

export function requestFrame(method: string, params: { readonly [key: string]: CborInput }): Uint8Array {
  return encodeFrame(encodeMessage({ method, params }, 'cbor'))
}

export async function openWire(path: string): Promise<Wire> {
  const socket = connect(path)
  await once(socket, 'connect')
  let take: (chunk: Uint8Array) => void = () => undefined
  socket.on('data', (chunk: Uint8Array) => take(chunk))
  const send = (frames: readonly Uint8Array[], inFlightMax: number): Promise<Uint8Array[]> =>
    new Promise((done) => {
      const answers: Uint8Array[] = []
      const reader = new FrameReader()
      let sent = 0
      const go = (): void => {
        while (sent < frames.length && sent - answers.length < inFlightMax) socket.write(frames[sent++] as Uint8Array)
      }
      take = (chunk) => {
        answers.push(...reader.push(chunk))
        if (answers.length === frames.length) done(answers)
        else go()
      }
      go()
    })
  const exchange = async (frames: readonly Uint8Array[], inFlightMax: number): Promise<number> => {
    const startMs = performance.now()
    const answers = await send(frames, inFlightMax)
    const ms = performance.now() - startMs
    answers.forEach(refuseError)
    return ms
  }
  return { exchange, close: () => socket.destroy() }
}

const SHOWN_CHARACTERS_MAX = 300

/** A refusal is quick: as a figure it would look like a success. */
function refuseError(answer: Uint8Array): void {
  const { result, error } = decodeMessage(answer).message
  const kind = (result as { kind?: unknown } | undefined)?.kind ?? 'ack'
  if (error !== undefined || kind !== 'ack')
    throw new TypeError(`expected a result, got ${JSON.stringify(error ?? kind).slice(0, SHOWN_CHARACTERS_MAX)}`)
}
