/**
 * Every target, by the boundary that its bytes cross. Without one: a bridge and a pipe to KMS, which read nothing of what they
 * carry; TLS and Redis, whose bytes only their libraries see; the embedded chain and the stand-ins of a development machine.
 */
import type { Target } from '../engine/target.ts'
import { ACTS } from './acts.ts'
import { API } from './api.ts'
import { ATTESTATION } from './attestation.ts'
import { BOOT } from './boot.ts'
import { CLIENT } from './client.ts'
import { KMS } from './cms.ts'
import { COMMANDS } from './commands.ts'
import { ENCODINGS } from './encodings.ts'
import { HOST_FILES } from './host-files.ts'
import { HOST_LOG } from './host-log.ts'
import { JOURNAL } from './journal.ts'
import { KEY_TARGETS } from './keys.ts'
import { LOG } from './log.ts'
import { METADATA } from './metadata.ts'
import { NSM } from './nsm.ts'
import { PAPERS } from './papers.ts'
import { PLACE_TARGETS } from './places.ts'
import { REBUILD } from './rebuild.ts'
import { REQUESTS } from './requests.ts'
import { RPC } from './rpc.ts'
import { SAMPLES } from './samples.ts'
import { SEALED } from './sealed.ts'
import { SETTING_TARGETS } from './settings.ts'
import { SIGNER_TARGETS } from './signer.ts'
import { SOCKET } from './socket.ts'
import { STATEMENTS } from './statements.ts'
import { WORD_TARGETS } from './words.ts'

export const TARGETS: readonly Target[] = [
  ...ENCODINGS,
  ...JOURNAL,
  ...SEALED,
  ...KMS,
  ...ATTESTATION,
  ...NSM,
  ...LOG,
  ...SETTING_TARGETS,
  ...HOST_FILES,
  ...BOOT,
  ...REQUESTS,
  ...REBUILD,
  ...SIGNER_TARGETS,
  ...RPC,
  ...SOCKET,
  ...WORD_TARGETS,
  ...PAPERS,
  ...ACTS,
  ...STATEMENTS,
  ...CLIENT,
  ...METADATA,
  ...API,
  ...HOST_LOG,
  ...KEY_TARGETS,
  ...COMMANDS,
  ...PLACE_TARGETS,
]

export function findTarget(name: string): Target | undefined {
  return [...TARGETS, ...SAMPLES].find((target) => target.name === name)
}
