/**
 * A private key as its owner keeps it: in a file that nobody else may read, or in the environment. Reporters, admins and
 * guardians all come here; no other code of ours outside the enclave reads a private key.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { recoverAddress } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { CodedError, refuse } from '../enclave/protocol/errors.ts'
import { type Address, fromHex, type Hex, toAddress, toHex } from '../enclave/protocol/ids.ts'
import { type Ledger, typedDigest } from '../enclave/protocol/typed-data.ts'

export type Key = {
  readonly address: Address
  /** 65 bytes over the EIP-712 digest of a struct under the ledger's domain. Deterministic: RFC 6979. */
  signStruct(ledger: Ledger, struct: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  /** For what is not of this ledger: transactions from the key's own account. */
  readonly account: PrivateKeyAccount
}

/** Where a key is: a file goes before the environment. */
export type KeyPlace = { readonly file: string | undefined; readonly text: string | undefined }

/** 64 hex digits, with or without 0x, and a newline. */
const KEY_FILE_BYTES_MAX = 128
const KEY_FORM = /^(?:0x)?([0-9a-fA-F]{64})\s*$/
/** Of secp256k1. */
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** Rights of the group and of others. */
const FOREIGN_RIGHTS = 0o077

/** Refuses KEY_FILE. What the key is never stands in a message. */
export async function readKey({ file, text }: KeyPlace): Promise<Key> {
  const found = file === undefined ? text : await readOwnFile(file)
  const digits = KEY_FORM.exec(found ?? '')?.[1]
  if (digits === undefined)
    throw new CodedError('KEY_FILE', `expected 64 hex digits in ${file ?? 'the environment'}, got ${sizeOf(found)}`)
  return keyOf(`0x${digits.toLowerCase()}`)
}

function sizeOf(text: string | undefined): string {
  return text === undefined ? 'nothing' : `${text.length} characters of another form`
}

function keyOf(digits: Hex): Key {
  const account = accountOf(digits)
  return {
    address: account.address.toLowerCase() as Address,
    signStruct: async (ledger, struct) =>
      new Uint8Array(fromHex(await account.sign({ hash: toHex(typedDigest(ledger, struct)) }))),
    account,
  }
}

/** Judged here: the library's own refusal might quote the digits. */
function accountOf(digits: Hex): PrivateKeyAccount {
  const value = BigInt(digits)
  if (value === 0n || value >= CURVE_ORDER)
    throw new CodedError('KEY_FILE', 'expected a key between 1 and the order of the curve, got another number')
  return privateKeyToAccount(digits)
}

/** The file is opened once and judged as opened: whoever may swap the path in between wins nothing. */
async function readOwnFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY).catch((cause: unknown) => {
    throw new CodedError('KEY_FILE', `expected a key in ${path}, it cannot be opened`, { cause })
  })
  try {
    const { mode, size } = await file.stat()
    if ((mode & FOREIGN_RIGHTS) !== 0) refuse('KEY_FILE', `mode 600 of ${path}`, (mode & 0o777).toString(8))
    if (size > KEY_FILE_BYTES_MAX) refuse('KEY_FILE', `at most ${KEY_FILE_BYTES_MAX} bytes in ${path}`, size)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Who signed a struct for this ledger, undefined when no key can have. */
export async function signerOfStruct(
  ledger: Ledger,
  struct: Uint8Array,
  signature: Uint8Array,
): Promise<Address | undefined> {
  try {
    return toAddress(await recoverAddress({ hash: toHex(typedDigest(ledger, struct)), signature: toHex(signature) }))
  } catch {
    return undefined
  }
}
