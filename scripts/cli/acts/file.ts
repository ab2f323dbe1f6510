/**
 * The file that goes from desk to desk: what is proposed, as EIP-712 typed data that any wallet signs, and the signatures so
 * far. Every reader makes the typed data anew from the fields and refuses a file that shows one thing and signs another.
 */
import { isDeepStrictEqual } from 'node:util'
import { hashTypedData } from 'viem'
import { z } from 'zod'
import { CodedError, isCoded, refuse } from '../../../enclave/protocol/errors.ts'
import { type Address, fromHex, isAddress, toHex } from '../../../enclave/protocol/ids.ts'
import { type Ledger, ledgerIdOf, typedDigest } from '../../../enclave/protocol/typed-data.ts'
import { writeDurably } from '../../../host/durable-file.ts'
import { signerOfStruct } from '../../../reporter/key.ts'
import { readForeignJson } from '../foreign-json.ts'
import { type ActReading, KIND_NAMES, KINDS, type KindName } from './kinds.ts'

const FORMAT = 'anchorhold-act/1'
export const ACT_BYTES_MAX = 1_048_576
/** A quorum, a recipient and whoever was too many. */
const SIGNATURES_MAX = 64

const address = z.string().refine(isAddress, 'expected a lower-case address')
const ActSchema = z.strictObject({
  format: z.literal(FORMAT),
  act: z.enum(KIND_NAMES as [KindName, ...KindName[]]),
  ledger: z.strictObject({ chainId: z.int().positive(), anchor: address }),
  fields: z.record(z.string(), z.json()),
  typedData: z.json(),
  signatures: z
    .array(z.strictObject({ signer: address, signature: z.string().regex(/^0x[0-9a-f]{130}$/) }))
    .max(SIGNATURES_MAX),
})
export type ActFile = z.infer<typeof ActSchema>

/** A file that was read and holds together. */
export type Act = {
  readonly file: ActFile
  readonly reading: ActReading
  readonly ledger: Ledger
  readonly struct: Uint8Array
  readonly digest: string
}

/** Refuses ACT_INVALID when the fields are none of this kind. */
export function newAct(act: KindName, ledger: Ledger, fields: ActFile['fields']): ActFile {
  const { chainId, anchor } = ledger
  const reading = read(act, fields)
  return {
    format: FORMAT,
    act,
    ledger: { chainId, anchor },
    fields,
    typedData: typedDataOf(act, ledger, reading) as ActFile['typedData'],
    signatures: [],
  }
}

/** Refuses ACT_INVALID: another form, typed data that is not that of the fields, a signature by somebody else. */
export async function readAct(path: string): Promise<Act> {
  const file = await parseFile(path)
  const reading = read(file.act, file.fields)
  const ledger: Ledger = file.ledger
  const struct = reading.struct(ledgerIdOf(ledger))
  const typedData = typedDataOf(file.act, ledger, reading)
  if (!isDeepStrictEqual(file.typedData, typedData))
    throw new CodedError('ACT_INVALID', `expected the typed data of its own fields in ${path}, got another`)
  const digest = toHex(typedDigest(ledger, struct))
  // Wallets hash the typed data, the enclave its own struct: they have to be one.
  if (hashTypedData(typedData as unknown as Parameters<typeof hashTypedData>[0]) !== digest)
    throw new CodedError('ACT_INVALID', `expected typed data with the digest ${digest}`)
  for (const { signer, signature } of file.signatures)
    if ((await signerOfStruct(ledger, struct, fromHex(signature as `0x${string}`))) !== signer)
      refuse('ACT_INVALID', `a signature by ${signer}`, signature)
  return { file, reading, ledger, struct, digest }
}

export async function writeAct(path: string, file: ActFile): Promise<void> {
  await writeDurably(path, `${JSON.stringify(file, null, 2)}\n`)
}

/** The file with one signature more; a signer's newest counts. */
export function withSignature(file: ActFile, signer: Address, signature: Uint8Array): ActFile {
  const others = file.signatures.filter((other) => other.signer !== signer)
  const signatures = [...others, { signer, signature: toHex(signature) }]
  return { ...file, signatures: signatures.sort((left, right) => (left.signer < right.signer ? -1 : 1)) }
}

/** Read once, and as a wallet reads it: a key that stands there twice is refused. */
async function parseFile(path: string): Promise<ActFile> {
  const value = await readForeignJson(path, { what: 'an act', bytesMax: ACT_BYTES_MAX, code: 'ACT_INVALID' })
  const parsed = ActSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const { error: cause } = parsed
  throw new CodedError('ACT_INVALID', `expected an act in ${path}, got ${reasonOf(cause)}`, { cause })
}

function read(act: KindName, fields: unknown): ActReading {
  try {
    return KINDS[act].read(fields)
  } catch (cause) {
    if (isCoded(cause)) throw cause
    throw new CodedError('ACT_INVALID', `${act}: ${reasonOf(cause)}`, { cause })
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message
}

/** As eth_signTypedData_v4 takes it: numbers as decimal text. */
function typedDataOf(act: KindName, ledger: Ledger, { message }: ActReading) {
  const { primaryType, type } = KINDS[act]
  const plain = Object.entries<unknown>({ ledgerId: ledgerIdOf(ledger), ...message }).map(([name, value]) => [
    name,
    typeof value === 'bigint' || typeof value === 'number' ? value.toString() : value,
  ])
  return {
    types: {
      EIP712Domain: membersOf('string name,string version,uint256 chainId,address verifyingContract'),
      [primaryType]: membersOf(type),
    },
    primaryType,
    domain: { name: 'Anchorhold', version: '1', chainId: ledger.chainId, verifyingContract: ledger.anchor },
    message: Object.fromEntries(plain) as { [name: string]: unknown },
  }
}

function membersOf(type: string): { name: string; type: string }[] {
  return type.split(',').map((member) => {
    const [kind = '', name = ''] = member.split(' ')
    return { name, type: kind }
  })
}
