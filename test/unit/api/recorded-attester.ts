/** An attester that does as it is told and counts its calls: for tests of who may cause one. */
import type { Attester, AttesterStatus } from '../../../api/attester.ts'
import { Documents } from '../../../api/documents.ts'
import { toHex } from '../../../enclave/protocol/ids.ts'

export const START_MS = 1_800_000_000_000

export type Recorded = {
  readonly documents: Documents
  /** What came for documents: nonces in hex, `none` without one. */
  readonly drawn: string[]
  readonly troubles: unknown[]
  looks: number
  nowMs: number
  /** Documents at work at this moment, and the most there ever were. */
  atWork: number
  atWorkMost: number
  status: AttesterStatus
  failing: { readonly status?: Error; readonly document?: Error }
}

export function aRecordedAttester(): Recorded {
  const recorded: Recorded = {
    documents: undefined as unknown as Documents,
    drawn: [],
    troubles: [],
    looks: 0,
    nowMs: START_MS,
    atWork: 0,
    atWorkMost: 0,
    status: { provisioned: true, attestation_available: true, connection: 1, phase: 'active' },
    failing: {},
  }
  const attester: Attester = {
    status: async () => {
      recorded.looks++
      if (recorded.failing.status !== undefined) throw recorded.failing.status
      return recorded.status
    },
    document: (nonce) => draw(recorded, nonce),
  }
  const documents = new Documents(attester, {
    now: () => recorded.nowMs,
    wait: async () => undefined,
    onTrouble: (error) => void recorded.troubles.push(error),
  })
  return Object.assign(recorded, { documents })
}

/** The document is the number of the call and its nonce, as base64. */
async function draw(recorded: Recorded, nonce: Uint8Array | undefined): Promise<string> {
  recorded.drawn.push(nonce === undefined ? 'none' : toHex(nonce))
  const number = recorded.drawn.length
  recorded.atWork++
  recorded.atWorkMost = Math.max(recorded.atWorkMost, recorded.atWork)
  await new Promise<void>((done) => setImmediate(done))
  recorded.atWork--
  if (recorded.failing.document !== undefined) throw recorded.failing.document
  return Buffer.from(`${number}:${recorded.drawn[number - 1]}`).toString('base64')
}
