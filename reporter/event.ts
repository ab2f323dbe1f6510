/** One piece of work to be credited, as a reporter hands it over: a line of JSON. */
import { z } from 'zod'
import { isChecksummed } from '../enclave/protocol/checksum.ts'
import { EVENT_ID_BYTES_MAX } from '../enclave/protocol/entry.ts'
import { CodedError } from '../enclave/protocol/errors.ts'
import {
  type Address,
  type Hash,
  isHash,
  ORCHESTRATOR_ID_BYTES_MAX,
  toAddress,
  ZERO_ADDRESS,
} from '../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, parseEther, parseWei, type Wei, wei } from '../enclave/protocol/money.ts'
import { utf8 } from '../enclave/protocol/words.ts'

/** What a number of a reporter stands for, for ever. */
export type CreditEvent = {
  readonly orchestratorId: string
  /** The zero address names none. */
  readonly recipient: Address
  readonly amountWei: Wei
  /** The reporter's own name of the event, the same for one event whatever happens. */
  readonly eventId: string
  /** What the work was, for whoever asks the reporter later. */
  readonly workHash: Hash
}

export const EVENT_LINE_BYTES_MAX = 4_096

const Line = z.strictObject({
  orchestratorId: text(ORCHESTRATOR_ID_BYTES_MAX),
  /** Decimal text of wei; or `amount`, of ether. Exactly one of them. */
  amountWei: z.string().optional(),
  amount: z.string().optional(),
  eventId: text(EVENT_ID_BYTES_MAX),
  workHash: z.string().refine(isHash, 'expected 32 bytes as 0x and lower-case hex'),
  recipient: z.string().optional(),
})

function text(bytesMax: number) {
  return z
    .string()
    .min(1)
    .refine((value) => value.isWellFormed() && utf8(value).length <= bytesMax, `expected at most ${bytesMax} bytes`)
}

/** Refuses EVENT_INVALID with the number of the line. */
export function parseEventLine(line: string, number: number): CreditEvent {
  try {
    if (line.length > EVENT_LINE_BYTES_MAX) throw new Error(`expected at most ${EVENT_LINE_BYTES_MAX} characters`)
    return eventOf(Line.parse(JSON.parse(line)))
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message
    throw new CodedError('EVENT_INVALID', `line ${number}: ${why}`, { cause })
  }
}

function eventOf({ amount, amountWei, recipient, ...rest }: z.infer<typeof Line>): CreditEvent {
  if ((amount === undefined) === (amountWei === undefined)) throw new Error('expected either amount or amountWei')
  const value = amount === undefined ? parseWei(amountWei ?? '') : parseEther(amount)
  // What the enclave would refuse for ever is refused before a number is given to it.
  if (value < 1n || value >= AMOUNT_WEI_LIMIT)
    throw new Error(`expected 1 wei or more and less than 2^96, got ${value}`)
  return { ...rest, workHash: rest.workHash as Hash, amountWei: wei(value), recipient: recipientOf(recipient) }
}

function recipientOf(given: string | undefined): Address {
  if (given === undefined) return ZERO_ADDRESS
  const known = isChecksummed(given) ? toAddress(given) : undefined
  if (known === undefined) throw new Error('recipient: expected an address in one case or with a right checksum')
  return known
}

export function sameEvent(left: CreditEvent, right: CreditEvent): boolean {
  return (
    left.orchestratorId === right.orchestratorId &&
    left.recipient === right.recipient &&
    left.amountWei === right.amountWei &&
    left.eventId === right.eventId &&
    left.workHash === right.workHash
  )
}
