/** Logs that a host hands to an enclave which has lost every sealed file: only the one that is anchored may make a ledger. */
import { answer } from '../../../enclave/dispatch.ts'
import type { ErrorCode } from '../../../enclave/protocol/errors.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../enclave/protocol/frame.ts'
import { foldHead } from '../../../enclave/protocol/header.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash, type World } from '../../builders/boot.ts'
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

type Place = {
  readonly world: World
  readonly entries: readonly Uint8Array[]
  /** The log up to the size of the header that the claim names. */
  readonly anchored: readonly Uint8Array[]
  readonly claimed: { readonly head: Hash; readonly epoch: number; readonly bitmap: Hash }
}

let place: Place | undefined

function thePlace(): Place {
  place ??= newPlace()
  return place
}

function newPlace(): Place {
  const { world, boot } = aGovernedWorld()
  const unlanded = boot.instance.state?.unlanded
  if (unlanded === null || unlanded === undefined) throw new Error('a commit is on its way')
  const claimed = { head: foldHead(unlanded.hash, 1n), epoch: 1, bitmap: bitmapHash(1n) }
  return { world, entries: boot.entries, anchored: boot.entries.slice(0, unlanded.header.logSize), claimed }
}

const rebuild: Target = {
  name: 'rebuild',
  claim: 'makes a ledger of the very log that is anchored, and of no other',
  inputs: 100,
  seeds: () => {
    const { anchored, entries } = thePlace()
    return [packed(anchored), packed(entries), packed(anchored.slice(0, 9))]
  },
  mutate: changeLog,
  run: (input): Outcome => {
    const entries = unpacked(input)
    const { world, anchored, claimed } = thePlace()
    const empty = world.provisioned()
    const request = encodeMessage({ method: 'rebuild', params: { entries, claimed } as Message }, 'cbor')
    const { error } = decodeMessage(answer(empty.instance, request)).message as { error?: { code: ErrorCode } }
    if (error === undefined) {
      demand(isSame(entries, anchored), 'only the anchored log')
      return ACCEPTED
    }
    demand(CODES.includes(error.code), `one of the codes of rebuild, not ${error.code}`)
    demand(empty.instance.phase === 'provisioned', 'a refusal changes nothing')
    return error.code
  },
  close: () => {
    place = undefined
    closeWorlds()
  },
}

export const REBUILD: readonly Target[] = [rebuild]
