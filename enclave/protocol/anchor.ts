/** The anchor's calls as calldata (protocol section 4). */
import { decodeFunctionData } from 'viem/utils'
import { ANCHOR_ABI } from './anchor-abi.ts'
import { assert, assertNever, refuse } from './errors.ts'
import { keccak256 } from './hash.ts'
import { type Commit, commitWords, type Open, openWords, type Rotate, rotateWords } from './header.ts'
import { type Address, fromHex, type Hex, toHex } from './ids.ts'
import { concatBytes, uintWord, utf8, WORD_BYTES } from './words.ts'

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

/** Refuses PAYOUTS_SYNTAX for calldata that is none of these calls. */
export function decodeAnchorCall(data: Uint8Array): AnchorCall {
  const decoded = decodeOr(toHex(data))
  switch (decoded?.functionName) {
    case 'openSession': {
      const [open, signature] = decoded.args
      return { kind: 'openSession', open: openOf(open), signature: fromHex(signature) }
    }
    case 'rotateAuthority': {
      const [rotate, signature] = decoded.args
      return { kind: 'rotateAuthority', rotate: rotateOf(rotate), signature: fromHex(signature) }
    }
    case 'commit': {
      const [commit, signature] = decoded.args
      return { kind: 'commit', commit: commitOf(commit), signature: fromHex(signature) }
    }
    case 'commitAndPay': {
      const [commit, payouts, skip, signature] = decoded.args
      const common = { kind: 'commitAndPay', commit: commitOf(commit), signature: fromHex(signature) } as const
      return { ...common, payouts: fromHex(payouts), skip }
    }
    default:
      return refuse(
        'PAYOUTS_SYNTAX',
        'calldata of openSession, rotateAuthority, commit or commitAndPay',
        toHex(data.slice(0, 4)),
      )
  }
}

function openOf(open: object): Open {
  const fields = open as Open
  return { ...fields, session: lower(fields.session) }
}

function rotateOf(rotate: object): Rotate {
  const fields = rotate as Rotate
  return { ...fields, newAuthority: lower(fields.newAuthority) }
}

function decodeOr(data: Hex): ReturnType<typeof decodeFunctionData<typeof ANCHOR_ABI>> | undefined {
  try {
    return decodeFunctionData({ abi: ANCHOR_ABI, data })
  } catch {
    return undefined
  }
}

/** viem gives u48 as numbers and u64 as bigint; hex is lower case already. */
function commitOf(commit: object): Commit {
  const fields = commit as Omit<Commit, 'logSize'> & { readonly logSize: bigint }
  return { ...fields, logSize: Number(fields.logSize) }
}

function lower(address: Hex): Address {
  return address.toLowerCase() as Address
}
