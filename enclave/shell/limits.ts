/** What the transport allows a client. The host is the client and may be hostile: nothing here is unlimited. */
import { FRAME_BYTES_MAX } from '../protocol/frame.ts'

export type TransportLimits = {
  /** Connections at once. When they are all taken, the one that has waited longest without doing anything gives way. */
  readonly connectionsMax: number
  /** Whole requests of one connection that wait for their turn; beyond it the connection is not read. */
  readonly requestsMax: number
  /** Bytes of one connection, whole requests and the frame that is arriving; beyond it the connection is not read. */
  readonly connectionBytesMax: number
  /** Bytes of all connections; beyond it the connection that holds most gives way. */
  readonly bufferedBytesMax: number
  readonly frameBytesMax: number
  /** From the first byte of a frame to its last. */
  readonly frameTimeoutMs: number
  /** Without a request. */
  readonly idleTimeoutMs: number
  /** For a client to read an answer that is waiting. */
  readonly writeTimeoutMs: number
  /** For a client to close its side after the last answer; what it still sends is thrown away. */
  readonly lingerTimeoutMs: number
}

export const TRANSPORT_LIMITS: TransportLimits = {
  connectionsMax: 64,
  requestsMax: 64,
  connectionBytesMax: 2 * FRAME_BYTES_MAX,
  bufferedBytesMax: 8 * FRAME_BYTES_MAX,
  frameBytesMax: FRAME_BYTES_MAX,
  frameTimeoutMs: 30_000,
  idleTimeoutMs: 600_000,
  writeTimeoutMs: 30_000,
  lingerTimeoutMs: 2_000,
}
