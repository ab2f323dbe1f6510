/**
 * The documents that vouched for each session, in `audit/attestations`: the chain holds their digests, and whoever audits
 * wants the bytes. They are public, and stay when their certificates have expired.
 */
import { join } from 'node:path'
import type { OpenSessionResult } from '../enclave/protocol/method-results.ts'
import { writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

/** Keeps the document of a session, before its Open goes out. Signed again it is the same document. */
export async function keepAttestation(
  paths: DataPaths,
  { epoch, session, attestation }: Pick<OpenSessionResult, 'epoch' | 'session' | 'attestation'>,
): Promise<void> {
  if (attestation !== null) await writeDurably(attestationPath(paths, epoch, session), attestation)
}

export function attestationPath({ attestations }: DataPaths, epoch: number, session: string): string {
  return join(attestations, `${epoch}-${session}.cbor`)
}
