/** Requests that no client of ours would send: each is refused with a code, and changes nothing. */
import { expect } from 'chai'
import { answer } from '../../../enclave/dispatch.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { decodeMessage } from '../../../enclave/protocol/frame.ts'
import { toHex } from '../../../enclave/protocol/ids.ts'
import { METHODS } from '../../../enclave/protocol/methods.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import { aLine, FEES, ROUND } from '../../builders/boot.ts'
import type { Of } from './commands.ts'
import type { Player } from './player.ts'

/** No field of any method takes one of these, but a text; nothing here names a text. */
const JUNK: readonly unknown[] = [{}, [[]], -1, 0.5, 2 ** 53, 'junk', '', '0x', [{}], Number.MAX_VALUE]
/** Those that may end a boot or begin one are commands of their own. */
const CODES = Object.keys(ERRORS).filter((code) => code !== 'INTERNAL')
const NAMES = Object.keys(METHODS).filter((name) => name !== 'halt')

export function hostile(player: Player, { method, field, junk }: Of<'hostile'>): void {
  const name = NAMES[method % NAMES.length] as string
  const params = spoiled(player, name, field, JUNK[junk % JUNK.length])
  const before = player.fingerprint()
  const { firstUnacknowledged, nextRecord, phase } = player.boot.call('status', {})
  const { error } = say(player, { method: name, params })
  if (error !== undefined) expect(CODES, `${name} ${field} ${junk}: ${error.message}`).to.include(error.code)
  expect(player.fingerprint(), name).to.equal(before)
  expect(player.boot.call('status', {})).to.deep.include({ firstUnacknowledged, nextRecord, phase })
}

/** Our own encoder would not write such a request. */
function say(
  { boot }: Player,
  request: object,
): { readonly error?: { readonly code: string; readonly message: string } } {
  const text = JSON.stringify(request, (_, value) => (value instanceof Uint8Array ? toHex(value) : value))
  return decodeMessage(answer(boot.instance, utf8(text))).message
}

/** A request that would do, with one field of another kind, or one that nobody knows. */
function spoiled(player: Player, name: string, field: number, junk: unknown): Record<string, unknown> {
  const { journalSize, journalHead } = player.boot.ledger
  const valid: Record<string, Record<string, unknown>> = {
    apply_events: { firstIndex: journalSize, head: journalHead, lines: [aLine('orch-0', '1')] },
    prepare_commit: { budgetWei: `${10n ** 19n}`, round: ROUND, fees: FEES, accountNonce: 0 },
    resign_commit: { skip: [0], round: ROUND, fees: FEES, accountNonce: 0 },
    confirm_payout: { sequence: 1, bitmap: ROUND.hash },
    open_session: { accountNonce: 0, fees: FEES },
    session_landed: { epoch: 1 },
    outputs: { fromRecord: 0 },
    ack: { record: 0 },
    export_snapshot: { chunk: 0 },
  }
  const params = { ...valid[name] }
  const keys = Object.keys(params)
  const key = keys[field % (keys.length + 1)] ?? 'nobodyKnows'
  return { ...params, [key]: junk }
}
