/** What a process of the stand-in is told: one JSON file, written by whoever starts it. */
import { readFileSync } from 'node:fs'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import type { PolicyDocument } from './policy.ts'
import type { Credential } from './signature.ts'

export type Settings = {
  /** unix:///path or tcp://127.0.0.1:port. */
  readonly listen: string
  readonly keyId: string
  readonly region: string
  /** 64 hex digits: blobs outlive a process of the stand-in. */
  readonly masterKey: string
  readonly policy: PolicyDocument
  readonly credentials: readonly Credential[]
  /** SHA-256 of the root certificate above the enclave's documents. */
  readonly rootPin: Hash
  /** The server's certificates and key: PEM. */
  readonly cert: string
  readonly key: string
  /** Milliseconds ahead of this machine's clock. */
  readonly aheadMs?: number
}

export function readSettings(path: string): Settings {
  return JSON.parse(readFileSync(path, 'utf8')) as Settings
}
