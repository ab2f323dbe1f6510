/** The anchor's calls as calldata (protocol section 4). */
import { assert, assertNever, refuse } from './errors.ts'
import { keccak256 } from './hash.ts'
import { type Commit, commitWords, type Open, openWords, type Rotate, rotateWords } from './header.ts'
import { ADDRESS_BYTES, type Address, type Hash, toHash, toHex } from './ids.ts'
import { bytesEqual, concatBytes, uintWord, utf8, WORD_BYTES } from './words.ts'

export type AnchorCall =
  | { readonly kind: 'openSession'; readonly open: Open; readonly signature: Uint8Array }
  | { readonly kind: 'rotateAuthority'; readonly rotate: Rotate; readonly signature: Uint8Array }
  | { readonly kind: 'commit'; readonly commit: Commit; readonly signature: Uint8Array }
  | {
      readonly kind: 'commitAndPay'
      readonly commit: Commit
      readonly payouts: Uint8Array
      readonly skip: bigint
      readonly signature: Uint8Array
    }

/** Exactly as Solidity decodes it; a test holds every byte equal to viem's. */
export function encodeAnchorCall(call: AnchorCall): Uint8Array {
  const signature = { bytes: call.signature }
  switch (call.kind) {
    case 'openSession':
      return encodeCall(SELECTORS.openSession, [{ words: openWords(call.open) }, signature])
    case 'rotateAuthority':
      return encodeCall(SELECTORS.rotateAuthority, [{ words: rotateWords(call.rotate) }, signature])
    case 'commit':
      return encodeCall(SELECTORS.commit, [{ words: commitWords(call.commit) }, signature])
    case 'commitAndPay': {
      const commit = { words: commitWords(call.commit) }
      const skip = { words: [uintWord(call.skip)] }
      return encodeCall(SELECTORS.commitAndPay, [commit, { bytes: call.payouts }, skip, signature])
    }
    default:
      return assertNever(call)
  }
}

const OPEN_FORM = '(uint48,bytes32,address,bytes32)'
const COMMIT_FORM = '(uint48,uint48,bytes32,bytes32,bytes32,bytes32,bytes32,uint64)'
const SELECTOR_BYTES = 4
const SELECTORS = {
  openSession: selectorOf(`openSession(${OPEN_FORM},bytes)`),
  rotateAuthority: selectorOf(`rotateAuthority(${OPEN_FORM},bytes)`),
  commit: selectorOf(`commit(${COMMIT_FORM},bytes)`),
  commitAndPay: selectorOf(`commitAndPay(${COMMIT_FORM},bytes,uint128,bytes)`),
}

function selectorOf(signature: string): Uint8Array {
  return keccak256(utf8(signature)).slice(0, SELECTOR_BYTES)
}

/** A static argument is its words; `bytes` stand behind all of them, and what says where stands in their place. */
type Argument = { readonly words: readonly Uint8Array[] } | { readonly bytes: Uint8Array }

function encodeCall(selector: Uint8Array, args: readonly Argument[]): Uint8Array {
  const head: Uint8Array[] = [selector]
  const tail: Uint8Array[] = []
  let tailAt = args.reduce((size, argument) => size + WORD_BYTES * ('words' in argument ? argument.words.length : 1), 0)
  for (const argument of args) {
    if ('words' in argument) head.push(...argument.words)
    else {
      head.push(uintWord(tailAt))
      const { bytes } = argument
      const padding = -bytes.length & (WORD_BYTES - 1)
      tail.push(uintWord(bytes.length), bytes, new Uint8Array(padding))
      tailAt += WORD_BYTES + bytes.length + padding
    }
  }
  const data = concatBytes(...head, ...tail)
  assert(data.length === SELECTOR_BYTES + tailAt, 'every word of a call has 32 bytes')
  return data
}

/**
 * Reads a call in the one encoding that `encodeAnchorCall` writes. Refuses PAYOUTS_SYNTAX for anything else: on a word
 * wider than its type the contract reverts; tails elsewhere and bytes behind the end it takes, and two readers could
 * then see two calls. So does a size from 2^53 on, which no log has.
 */
export function decodeAnchorCall(data: Uint8Array): AnchorCall {
  const call = readCall(data)
  if (call !== undefined && bytesEqual(encodeAnchorCall(call), data)) return call
  const got = toHex(data.slice(0, SELECTOR_BYTES))
  return refuse('PAYOUTS_SYNTAX', 'calldata of openSession, rotateAuthority, commit or commitAndPay', got)
}

const OPEN_WORDS = 4
const COMMIT_WORDS = 8
const U48_BITS = 48
const SAFE_BITS = 53
const SKIP_BITS = 128
const KINDS = new Map(Object.entries(SELECTORS).map(([kind, selector]) => [toHex(selector) as string, kind]))

/** What stands where each value has to stand, cut to the width of its type; what was cut shows in the call's own encoding. */
function readCall(data: Uint8Array): AnchorCall | undefined {
  const kind = KINDS.get(toHex(data.subarray(0, SELECTOR_BYTES)))
  switch (kind) {
    case 'openSession': {
      const [epoch, head] = [readNumber(data, 0, U48_BITS), readHash(data, 1)]
      const open = { epoch, head, session: readAddress(data, 2), attestationDigest: readHash(data, 3) }
      return { kind, open, signature: readBytes(data, OPEN_WORDS) }
    }
    case 'rotateAuthority': {
      const [epoch, head] = [readNumber(data, 0, U48_BITS), readHash(data, 1)]
      const rotate = { epoch, head, newAuthority: readAddress(data, 2), attestationDigest: readHash(data, 3) }
      return { kind, rotate, signature: readBytes(data, OPEN_WORDS) }
    }
    case 'commit':
      return { kind, commit: readCommit(data), signature: readBytes(data, COMMIT_WORDS) }
    case 'commitAndPay': {
      const skip = readUint(wordAt(data, COMMIT_WORDS + 1), SKIP_BITS)
      const [payouts, signature] = [readBytes(data, COMMIT_WORDS), readBytes(data, COMMIT_WORDS + 2)]
      return { kind, commit: readCommit(data), payouts, skip, signature }
    }
    default:
      return undefined
  }
}

function readCommit(data: Uint8Array): Commit {
  return {
    epoch: readNumber(data, 0, U48_BITS),
    sequence: readNumber(data, 1, U48_BITS),
    prev: readHash(data, 2),
    next: readHash(data, 3),
    payoutsHash: readHash(data, 4),
    balanceRoot: readHash(data, 5),
    logRoot: readHash(data, 6),
    logSize: readNumber(data, 7, SAFE_BITS),
  }
}

/** The bytes that the offset in this word leads to, as far as there are any. */
function readBytes(data: Uint8Array, index: number): Uint8Array {
  const tail = data.subarray(SELECTOR_BYTES + readNumber(data, index, SAFE_BITS))
  const bytesMax = Number(readUint(padded(tail.subarray(0, WORD_BYTES)), SAFE_BITS))
  return tail.slice(WORD_BYTES, WORD_BYTES + bytesMax)
}

function readNumber(data: Uint8Array, index: number, bits: number): number {
  return Number(readUint(wordAt(data, index), bits))
}

function readHash(data: Uint8Array, index: number): Hash {
  return toHash(wordAt(data, index))
}

function readAddress(data: Uint8Array, index: number): Address {
  return toHex(wordAt(data, index).subarray(WORD_BYTES - ADDRESS_BYTES)) as Address
}

function readUint(word: Uint8Array, bits: number): bigint {
  return BigInt.asUintN(bits, BigInt(toHex(word)))
}

function wordAt(data: Uint8Array, index: number): Uint8Array {
  const at = SELECTOR_BYTES + index * WORD_BYTES
  return padded(data.subarray(at, at + WORD_BYTES))
}

/** Calldata may end anywhere; what is not there reads as zeros. */
function padded(bytes: Uint8Array): Uint8Array {
  const word = new Uint8Array(WORD_BYTES)
  word.set(bytes)
  return word
}
