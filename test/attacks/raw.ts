/** Bytes as they are, on the enclave's socket: what no client of ours would send. */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { decodeMessage, encodeFrame, FrameReader } from '../../enclave/protocol/frame.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'

export async function rawSocket(endpoint: string): Promise<Socket> {
  const socket = connect(endpoint.slice('unix://'.length))
  await once(socket, 'connect')
  // The enclave may cut a hostile connection in the middle of a write.
  socket.on('error', () => undefined)
  return socket
}

/** Sends bytes, says no more, and gives the code of the answer: `accepted` for a result, `silence` for none. */
export async function answerTo(endpoint: string, bytes: Uint8Array): Promise<string> {
  const socket = await rawSocket(endpoint)
  const reader = new FrameReader()
  const answers: Uint8Array[] = []
  socket.on('data', (chunk) => answers.push(...reader.push(chunk)))
  socket.end(bytes)
  await once(socket, 'close')
  const [answer] = answers
  if (answer === undefined) return 'silence'
  const { error } = decodeMessage(answer).message as { error?: { code: string } }
  return error?.code ?? 'accepted'
}

/** A frame of CBOR that names a method and has these bytes in the place of its parameters. */
export function frameOf(method: string, params: Uint8Array): Uint8Array {
  const text = (value: string) => encodeCbor(value)
  return encodeFrame(concatBytes(Uint8Array.of(MAP_OF_TWO), text('method'), text(method), text('params'), params))
}

const MAP_OF_TWO = 0xa2

/** Memory of a process in bytes, as its machine sees it. */
export function memoryBytes(pid: number): number {
  const kilobytes = Number.parseInt(execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' }), 10)
  assert(Number.isSafeInteger(kilobytes), 'the process is there to be measured')
  return kilobytes * 1_024
}
