/**
 * Access tokens: who may look. No token can move money or change a balance; that takes signatures which the enclave checks
 * [S36]. Only hashes are kept, and a token that was sent is compared with all of them in a time that does not depend on it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { CodedError } from '../enclave/protocol/errors.ts'

export type Access = 'viewer' | 'admin'
export type Tokens = {
  readonly count: number
  /** Undefined for a token that nobody was given. An admin may do all that a viewer may. */
  accessOf(token: string): Access | undefined
}
export type TokenTexts = { readonly viewers: readonly string[]; readonly admins: readonly string[] }
/** Where tokens are; each is read only where it is named. */
export type TokenPlaces = {
  readonly viewersText: string | undefined
  readonly viewersFile: string | undefined
  readonly adminText: string | undefined
  readonly adminFile: string | undefined
}

/** 32 characters of base64 are 24 random bytes: nobody finds them by trying. */
export const TOKEN_CHARACTERS_MIN = 32
export const TOKEN_CHARACTERS_MAX = 512
export const TOKENS_MAX = 64
/** Visible ASCII without a comma, which separates them. */
const TOKEN_FORM = /^[!-+\--~]*$/
const TOKEN_FILE_BYTES_MAX = 65_536
const FOREIGN_RIGHTS = 0o077

/** Refuses TOKEN_WEAK. A message never holds a token, nor a part of one. */
export function tokensOf({ viewers, admins }: TokenTexts): Tokens {
  const named = [...labelled('viewer', viewers), ...labelled('admin', admins)]
  if (named.length > TOKENS_MAX) weak(`at most ${TOKENS_MAX} tokens`, `${named.length}`)
  for (const [at, { access, text }] of named.entries()) requireStrong(`the ${access} token ${at + 1}`, text)
  const known = named.map(({ access, text }) => ({ access, hash: hashOf(text) }))
  if (new Set(known.map(({ hash }) => hash.toString('hex'))).size < known.length)
    weak('each token once', 'one that is there twice')
  return { count: known.length, accessOf: (token) => accessOf(known, token) }
}

/** Reads what is named; an empty text or file is a mistake, never an open door. Refuses TOKEN_WEAK. */
export async function readTokens(places: TokenPlaces): Promise<Tokens> {
  const viewers = [...split(places.viewersText, ','), ...split(await readOwnFile(places.viewersFile), '\n')]
  const admins = [...split(places.adminText, ','), ...split(await readOwnFile(places.adminFile), '\n')]
  return tokensOf({ viewers, admins })
}

type Known = { readonly access: Access; readonly hash: Buffer }

/** All are compared, found or not. */
function accessOf(known: readonly Known[], token: string): Access | undefined {
  const hash = hashOf(token)
  let found: Access | undefined
  for (const one of known) if (timingSafeEqual(one.hash, hash)) found = one.access
  return found
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}

function labelled(access: Access, texts: readonly string[]): { access: Access; text: string }[] {
  return texts.map((text) => ({ access, text }))
}

function requireStrong(name: string, text: string): void {
  if (text.length < TOKEN_CHARACTERS_MIN || text.length > TOKEN_CHARACTERS_MAX)
    weak(`${name} to have ${TOKEN_CHARACTERS_MIN} to ${TOKEN_CHARACTERS_MAX} characters`, `${text.length}`)
  if (!TOKEN_FORM.test(text)) weak(`${name} to be of visible ASCII`, 'other characters')
}

function split(text: string | undefined, by: string): string[] {
  if (text === undefined) return []
  return text
    .trim()
    .split(by)
    .map((part) => part.trim())
}

async function readOwnFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { mode, size } = await file.stat()
      if ((mode & FOREIGN_RIGHTS) !== 0) weak(`${path} for its owner alone (mode 600)`, (mode & 0o777).toString(8))
      if (size > TOKEN_FILE_BYTES_MAX) weak(`at most ${TOKEN_FILE_BYTES_MAX} bytes in ${path}`, `${size}`)
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('TOKEN_WEAK', `expected tokens in ${path}, got no file that can be read`, { cause })
  }
}

function weak(expected: string, got: string): never {
  throw new CodedError('TOKEN_WEAK', `expected ${expected}, got ${got}`)
}
