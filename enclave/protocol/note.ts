/** Signed notes and the checkpoints inside them (C2SP signed-note, tlog-checkpoint), with Ed25519 keys. */
import { decodeBase64, encodeBase64 } from './base64.ts'
import { assert, CodedError } from './errors.ts'
import { sha256 } from './hash.ts'
import { type Address, HASH_BYTES } from './ids.ts'
import { bytesEqual, concatBytes, utf8 } from './words.ts'

export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array }

export type NoteSignature = { readonly name: string; readonly keyId: Uint8Array; readonly signature: Uint8Array }
export type Note = { readonly text: string; readonly signatures: readonly NoteSignature[] }

/** A key that a reader trusts, as its vkey spells it. */
export type VerifierKey = { readonly name: string; readonly keyId: Uint8Array; readonly publicKey: Uint8Array }

/** True when `signature` (64 bytes) over `message` is by `publicKey` (32 bytes). */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
export type Ed25519Sign = (message: Uint8Array) => Uint8Array

export const NOTE_BYTES_MAX = 65_536
/** Witnesses add lines of their own: sixteen at least must be read. */
export const NOTE_SIGNATURES_MAX = 64

const KEY_ID_BYTES = 4
const ED25519_TYPE = 0x01
const PUBLIC_KEY_BYTES = 32
const SIGNATURE_PREFIX = '\u2014 '
const NEWLINE = 0x0a

/** Fatal, so that two readers never see two texts in one note; a byte order mark is kept. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The name of a ledger's log, and of the key that signs it. */
export function logOrigin(chainId: number, anchor: Address): string {
  return `anchorhold/${chainId}/${anchor}`
}

/** Three lines: origin, size, root. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  assert(isKeyName(origin), 'an origin is a key name')
  assert(Number.isSafeInteger(size) && size >= 0 && root.length === HASH_BYTES, 'a checkpoint has a size and a root')
  return `${origin}\n${size}\n${encodeBase64(root)}\n`
}

const CHECKPOINT_FORM = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n$/

/** The checkpoint that a note's text is. Refuses NOTE_SYNTAX; extension lines too, since our log writes none. */
export function parseCheckpoint(text: string): Checkpoint {
  const [, origin = '', digits = '', encoded = ''] = CHECKPOINT_FORM.exec(text) ?? []
  const size = Number.parseInt(digits, 10)
  const root = decodeBase64(encoded)
  if (!isKeyName(origin) || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES) {
    throw syntax('three lines: origin, size, root', text)
  }
  return { origin, size, root }
}

/** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
export function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(name), Uint8Array.of(NEWLINE, ED25519_TYPE), publicKey)).slice(0, KEY_ID_BYTES)
}

export function verifierKeyOf(name: string, publicKey: Uint8Array): VerifierKey {
  assert(isKeyName(name) && publicKey.length === PUBLIC_KEY_BYTES, 'a verifier key has a name and 32 bytes')
  return { name, keyId: keyIdOf(name, publicKey), publicKey }
}

/** `<name>+<key id in hex>+<base64(0x01 ‖ public key)>` */
export function formatVerifierKey({ name, keyId, publicKey }: VerifierKey): string {
  return `${name}+${hexOf(keyId)}+${encodeBase64(concatBytes(Uint8Array.of(ED25519_TYPE), publicKey))}`
}

/** Refuses NOTE_SYNTAX: another form, another key type, or a key id that does not follow from name and key. */
export function parseVerifierKey(vkey: string): VerifierKey {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? []
  const typed = decodeBase64(encoded)
  if (!isKeyName(name) || typed?.length !== 1 + PUBLIC_KEY_BYTES || typed[0] !== ED25519_TYPE) {
    throw syntax('name+id+key with an Ed25519 key', vkey)
  }
  const key = verifierKeyOf(name, typed.slice(1))
  if (hexOf(key.keyId) !== id) throw syntax(`key id ${hexOf(key.keyId)}`, id)
  return key
}

/** The note of `text`, which ends in a newline, with one signature. */
export function signNote(text: string, key: VerifierKey, sign: Ed25519Sign): string {
  return formatNote({ text, signatures: [{ name: key.name, keyId: key.keyId, signature: sign(utf8(text)) }] })
}

export function formatNote({ text, signatures }: Note): string {
  assert(isNoteText(text), 'the text of a note has printable lines and ends in a newline')
  return `${text}\n${signatures.map(signatureLine).join('')}`
}

function signatureLine({ name, keyId, signature }: NoteSignature): string {
  assert(isKeyName(name) && keyId.length === KEY_ID_BYTES, 'a signature names its key')
  return `${SIGNATURE_PREFIX}${name} ${encodeBase64(concatBytes(keyId, signature))}\n`
}

/** Text and signature lines, nothing verified. Refuses NOTE_SYNTAX. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > NOTE_BYTES_MAX) throw syntax(`at most ${NOTE_BYTES_MAX} bytes`, `${bytes.length} bytes`)
  const whole = decodeUtf8(bytes)
  // The last empty line counts: the text may hold others.
  const split = whole.lastIndexOf('\n\n')
  const text = whole.slice(0, split + 1)
  const lines = whole.slice(split + 2).split('\n')
  if (split < 0 || !isNoteText(text) || lines.pop() !== '') throw syntax('text, an empty line, signatures', whole)
  if (lines.length < 1 || lines.length > NOTE_SIGNATURES_MAX) {
    throw syntax(`1..${NOTE_SIGNATURES_MAX} signatures`, `${lines.length}`)
  }
  return { text, signatures: lines.map(parseSignature) }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new CodedError('NOTE_SYNTAX', 'expected UTF-8, got other bytes', { cause })
  }
}

function parseSignature(line: string): NoteSignature {
  const [name = '', encoded = '', ...rest] = line.slice(SIGNATURE_PREFIX.length).split(' ')
  const bytes = decodeBase64(encoded)
  const whole = line.startsWith(SIGNATURE_PREFIX) && isKeyName(name) && rest.length === 0
  if (!whole || bytes === undefined || bytes.length <= KEY_ID_BYTES) throw syntax('a signature line', line)
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
}

/**
 * The keys among `keys` that signed the note, at least one. Signatures of other keys are ignored. Refuses NOTE_SIGNATURE
 * when a signature of a known key is wrong, NOTE_UNSIGNED when no known key signed.
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[], verify: Ed25519Verify): VerifierKey[] {
  const message = utf8(note.text)
  const signers = keys.filter((key) => signedBy(note, key, message, verify))
  if (signers.length > 0) return signers
  throw new CodedError('NOTE_UNSIGNED', `expected a signature by ${keys.map((key) => key.name).join(' or ')}, got none`)
}

function signedBy(note: Note, key: VerifierKey, message: Uint8Array, verify: Ed25519Verify): boolean {
  const own = note.signatures.filter(({ name, keyId }) => name === key.name && bytesEqual(keyId, key.keyId))
  for (const { signature } of own) {
    if (verify(key.publicKey, message, signature)) continue
    throw new CodedError('NOTE_SIGNATURE', `expected a valid signature by ${key.name}, got a wrong one`)
  }
  return own.length > 0
}

/** Neither spaces nor +, which separate, nor control characters. */
function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}]+$/u.test(name) && name.isWellFormed()
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && !/(?!\n)\p{Cc}/u.test(text) && text.isWellFormed()
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const SHOWN_CHARACTERS_MAX = 120

function syntax(expected: string, got: string): CodedError {
  return new CodedError(
    'NOTE_SYNTAX',
    `expected ${expected}, got ${JSON.stringify(got.slice(0, SHOWN_CHARACTERS_MAX))}`,
  )
}
