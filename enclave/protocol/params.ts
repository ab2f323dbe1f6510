/** The pieces that methods' parameters are made of. In JSON, bytes travel as 0x hex; in CBOR as byte strings. */
import { z } from 'zod'
import { isChecksummed } from './checksum.ts'
import type { Address, Hash } from './ids.ts'
import { fromHexOr, ORCHESTRATOR_ID_BYTES_MAX, toAddress, toHash, toHex } from './ids.ts'
import type { Wei } from './money.ts'
import { parseWei } from './money.ts'
import { utf8 } from './words.ts'

export const TEXT_MAX = 4_096
const SIGNATURE_BYTES = 65

export const bytes = z.union([z.instanceof(Uint8Array), z.string()]).transform((value, context): Uint8Array => {
  const known = typeof value === 'string' ? fromHexOr(value.toLowerCase()) : value
  if (known !== undefined) return known
  context.addIssue('expected bytes: 0x hex in JSON, a byte string in CBOR')
  return z.NEVER
})

export const hash = bytes.transform((value, context): Hash => {
  if (value.length === 32) return toHash(value)
  context.addIssue(`expected 32 bytes, got ${value.length}`)
  return z.NEVER
})

export const address = z.union([z.instanceof(Uint8Array), z.string()]).transform((value, context): Address => {
  const known = typeof value === 'string' ? checked(value) : value.length === 20 ? (toHex(value) as Address) : undefined
  if (known !== undefined) return known
  context.addIssue('expected an address of 20 bytes, in one case or with a right checksum')
  return z.NEVER
})

export const wei = z.string().transform((value, context): Wei => {
  try {
    return parseWei(value)
  } catch {
    context.addIssue('expected wei as canonical decimal text')
    return z.NEVER
  }
})

export const count = z.number().int().nonnegative()
export const shortText = z.string().max(TEXT_MAX)
export const nothing = z.strictObject({})

export const fees = z.strictObject({ gas: count, maxFeePerGasWei: wei, maxPriorityFeePerGasWei: wei })
export const round = z.strictObject({ number: count, hash })
export const claim = z.strictObject({ head: hash, epoch: count, bitmap: hash.nullable() })
/** An id is judged by its bytes later; this only bounds what waits in memory. */
export const idText = z.string().max(ORCHESTRATOR_ID_BYTES_MAX)
export const item = z.strictObject({ id: idText, recipient: address })
export const opening = z.strictObject({ id: idText, wei, recipient: address.nullable() })

/** 65 bytes r ‖ s ‖ v. */
export const signature = bytes.transform((value, context): Uint8Array => {
  if (value.length === SIGNATURE_BYTES) return value
  context.addIssue(`expected ${SIGNATURE_BYTES} bytes, got ${value.length}`)
  return z.NEVER
})

const SIGNED_WEI = /^(0|-?[1-9][0-9]{0,38})$/

export const deltaWei = z
  .string()
  .regex(SIGNED_WEI, 'expected signed wei as canonical decimal text')
  .transform((value) => BigInt(value))

/** Text that is signed: its bytes are counted, and it has one encoding. */
export function signedText(bytesMax: number, bytesMin: number) {
  return z
    .string()
    .max(bytesMax)
    .refine((value) => {
      const size = value.isWellFormed() ? utf8(value).length : -1
      return size >= bytesMin && size <= bytesMax
    }, `expected well-formed text of ${bytesMin} to ${bytesMax} bytes`)
}

function checked(text: string): Address | undefined {
  return isChecksummed(text) ? toAddress(text) : undefined
}
