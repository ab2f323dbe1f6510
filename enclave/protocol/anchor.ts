/** The anchor's calls as calldata (protocol section 4). */
import { decodeFunctionData, encodeFunctionData, parseAbi } from 'viem/utils'
import { refuse } from './errors.ts'
import type { Commit, Open } from './header.ts'
import { type Address, fromHex, type Hash, type Hex, toHex } from './ids.ts'

export const ANCHOR_CALLS_ABI = parseAbi([
  'struct Open { uint48 epoch; bytes32 head; address session; bytes32 attestationDigest; }',
  'struct Commit { uint48 epoch; uint48 sequence; bytes32 prev; bytes32 next; bytes32 payoutsHash; bytes32 balanceRoot; bytes32 logRoot; uint64 logSize; }',
  'function openSession(Open o, bytes sig)',
  'function commit(Commit c, bytes sig)',
  'function commitAndPay(Commit c, bytes payouts, uint128 skip, bytes sig)',
])

export type AnchorCall =
  | { readonly kind: 'openSession'; readonly open: Open; readonly signature: Uint8Array }
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
    return fromHex(
      encodeFunctionData({ abi: ANCHOR_CALLS_ABI, functionName: 'openSession', args: [call.open, signature] }),
    )
  }
  const commit = { ...call.commit, logSize: BigInt(call.commit.logSize) }
  if (call.kind === 'commit') {
    return fromHex(encodeFunctionData({ abi: ANCHOR_CALLS_ABI, functionName: 'commit', args: [commit, signature] }))
  }
  const args = [commit, toHex(call.payouts), call.skip, signature] as const
  return fromHex(encodeFunctionData({ abi: ANCHOR_CALLS_ABI, functionName: 'commitAndPay', args }))
}

/** Refuses PAYOUTS_SYNTAX for calldata that is none of the three calls. */
export function decodeAnchorCall(data: Uint8Array): AnchorCall {
  const decoded = decodeOr(toHex(data))
  if (decoded === undefined)
    refuse('PAYOUTS_SYNTAX', 'calldata of openSession, commit or commitAndPay', toHex(data.slice(0, 4)))
  if (decoded.functionName === 'openSession') {
    const [open, signature] = decoded.args
    return {
      kind: 'openSession',
      open: {
        ...open,
        head: open.head as Hash,
        session: lower(open.session),
        attestationDigest: open.attestationDigest as Hash,
      },
      signature: fromHex(signature),
    }
  }
  const commit = commitOf(decoded.args[0])
  if (decoded.functionName === 'commit') return { kind: 'commit', commit, signature: fromHex(decoded.args[1]) }
  const [, payouts, skip, signature] = decoded.args
  return { kind: 'commitAndPay', commit, payouts: fromHex(payouts), skip, signature: fromHex(signature) }
}

function decodeOr(data: Hex): ReturnType<typeof decodeFunctionData<typeof ANCHOR_CALLS_ABI>> | undefined {
  try {
    return decodeFunctionData({ abi: ANCHOR_CALLS_ABI, data })
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
