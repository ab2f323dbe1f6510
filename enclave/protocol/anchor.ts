/** The anchor's calls as calldata (protocol section 4). */
import { decodeFunctionData, encodeFunctionData } from 'viem/utils'
import { ANCHOR_ABI } from './anchor-abi.ts'
import { refuse } from './errors.ts'
import type { Commit, Open, Rotate } from './header.ts'
import { type Address, fromHex, type Hex, toHex } from './ids.ts'

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

export function encodeAnchorCall(call: AnchorCall): Uint8Array {
  const signature = toHex(call.signature)
  if (call.kind === 'openSession') {
    return fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'openSession', args: [call.open, signature] }))
  }
  if (call.kind === 'rotateAuthority') {
    const args = [call.rotate, signature] as const
    return fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'rotateAuthority', args }))
  }
  const commit = { ...call.commit, logSize: BigInt(call.commit.logSize) }
  if (call.kind === 'commit') {
    return fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commit', args: [commit, signature] }))
  }
  const args = [commit, toHex(call.payouts), call.skip, signature] as const
  return fromHex(encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commitAndPay', args }))
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
