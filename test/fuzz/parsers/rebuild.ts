/** Logs that a host hands to an enclave which has lost every sealed file: only the one that is anchored may make a ledger. */
import { answer } from '../../../enclave/dispatch.ts'
import type { ErrorCode } from '../../../enclave/protocol/errors.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../enclave/protocol/frame.ts'
import { foldHead } from '../../../enclave/protocol/header.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash } from '../../builders/boot.ts'
import { closeWorlds } from '../../builders/worlds.ts'
import { ACCEPTED, demand, isSame, type Outcome, type Target } from '../engine/target.ts'
import { aGovernedWorld } from '../governed-log.ts'
import { changeLog } from './log.ts'
import { packed, unpacked } from './packing.ts'

const CODES: readonly ErrorCode[] = [
  'STATE_MISMATCH',
  'CLAIM_MISMATCH',
  'ENTRY_SYNTAX',
  'CBOR_SYNTAX',
  'CBOR_NOT_CANONICAL',
  'VERSION_NEWER',
  'VERSION_OLDER',
  'POLICY_INVALID',
  'PARAMS_INVALID',
]

const { world, boot } = aGovernedWorld()
const unlanded = boot.instance.state?.unlanded
if (unlanded === null || unlanded === undefined) throw new Error('a commit is on its way')
const ANCHORED = boot.entries.slice(0, unlanded.header.logSize)
const BITMAP = bitmapHash(1n)
const CLAIMED = { head: foldHead(unlanded.hash, 1n), epoch: 1, bitmap: BITMAP satisfies Hash }

const rebuild: Target = {
  name: 'rebuild',
  claim: 'makes a ledger of the very log that is anchored, and of no other',
  inputs: 100,
  seeds: () => [packed(ANCHORED), packed(boot.entries), packed(ANCHORED.slice(0, 9))],
  mutate: changeLog,
  run: (input): Outcome => {
    const entries = unpacked(input)
    const empty = world.provisioned()
    const request = encodeMessage({ method: 'rebuild', params: { entries, claimed: CLAIMED } as Message }, 'cbor')
    const { error } = decodeMessage(answer(empty.instance, request)).message as { error?: { code: ErrorCode } }
    if (error === undefined) {
      demand(isSame(entries, ANCHORED), 'only the anchored log')
      return ACCEPTED
    }
    demand(CODES.includes(error.code), `one of the codes of rebuild, not ${error.code}`)
    demand(empty.instance.phase === 'provisioned', 'a refusal changes nothing')
    return error.code
  },
  close: closeWorlds,
}

export const REBUILD: readonly Target[] = [rebuild]
