/** A roster of one's own: a JSON object of orchestrator id and recipient. */
import { readFileSync } from 'node:fs'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { isAddress, ORCHESTRATOR_ID_BYTES_MAX, toAddress, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { demoRecipient } from '../journal/roster.ts'
import type { RosterItem } from './policy.ts'

/** Refuses CONFIG_INVALID with the id that has no address; doubled ids too. */
export function readRoster(path: string): RosterItem[] {
  const parsed = parseStrictJson(readOr(path))
  if (parsed.kind !== 'object') {
    throw new CodedError('CONFIG_INVALID', `expected a JSON object {"id": "0x…"} in ${path}, got ${parsed.kind}`)
  }
  return Object.entries(parsed.value).map(([id, text]) => itemOf(path, id, text))
}

/** Gives every id that the roster leaves out an address that nobody holds the key of. */
export function withDemoRecipients(roster: readonly RosterItem[], ids: readonly string[]): RosterItem[] {
  const known = new Set(roster.map(({ id }) => id))
  const others = ids.filter((id) => !known.has(id))
  return [...roster, ...others.map((id) => ({ id, recipient: isAddress(id) ? id : demoRecipient(id) }))]
}

function itemOf(path: string, id: string, text: unknown): RosterItem {
  const size = id.isWellFormed() ? utf8(id).length : 0
  const recipient = typeof text === 'string' ? toAddress(text) : undefined
  if (size < 1 || size > ORCHESTRATOR_ID_BYTES_MAX) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected ids of 1 to ${ORCHESTRATOR_ID_BYTES_MAX} bytes in ${path}, got ${size}`,
    )
  }
  if (recipient === undefined || recipient === ZERO_ADDRESS) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected an address of ${JSON.stringify(id)} in ${path}, got ${JSON.stringify(text)}`,
    )
  }
  return { id, recipient }
}

function readOr(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'an error'
    throw new CodedError('CONFIG_INVALID', `expected a roster in ${path}, got ${why}`, { cause })
  }
}
