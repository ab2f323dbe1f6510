/** Calls that left an enclave: noted, broadcast by their own transaction or relayed, and kept for ever. */

import { decodeSignature, recoverAddress } from '../../../enclave/keys/secp256k1.ts'
import type { AnchorCall } from '../../../enclave/protocol/anchor.ts'
import { commitStruct, openStruct, rotateStruct } from '../../../enclave/protocol/header.ts'
import { type Address, toHash, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { parsePayouts, payoutsHash } from '../../../enclave/protocol/ticket.ts'
import { typedDigest } from '../../../enclave/protocol/typed-data.ts'
import type { Reply } from '../boot.ts'
import { readCalldata } from '../chain/calldata.ts'
import type { CallInfo } from '../chain/state.ts'
import type { Boot, CommitInfo, SignedCall, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { strikes } from '../world.ts'

const FEE_STEPS_WEI = [20_000_000n, 100_000_000n, 1_000_000_000n]
const GAS = 8_000_000

export function drawFees(world: World): { readonly wire: object; readonly maxFeeWei: bigint } {
  const maxFeeWei = world.random.pick(FEE_STEPS_WEI)
  return { wire: { gas: GAS, maxFeePerGasWei: maxFeeWei.toString(), maxPriorityFeePerGasWei: '0' }, maxFeeWei }
}

/** Reads a signed call back as the contract and a stranger would. */
export function noteCall(
  world: World,
  boot: Boot,
  reply: Reply,
  { nonce, maxFeeWei }: { readonly nonce: number; readonly maxFeeWei: bigint },
): SignedCall {
  const kind = kindOf(reply)
  const info = readCall(world, reply.call, kind)
  const raw = { bytes: reply.rawTransaction, hash: toHash(reply.hash), from: authorityOf(boot), nonce, maxFeeWei }
  const signed = { boot, info, raw, commit: 'commit' in info.decoded ? noteCommit(world, boot) : undefined }
  world.calls.push(signed)
  return signed
}

function kindOf({ mode, newAuthority }: Reply): AnchorCall['kind'] {
  if (newAuthority !== undefined) return 'rotateAuthority'
  return mode === undefined ? 'openSession' : mode === 'bare' ? 'commit' : 'commitAndPay'
}

/** Whose account carries the calls of this enclave. */
export function authorityOf({ instance }: Boot): Address {
  return instance.keys?.address ?? ZERO_ADDRESS
}

function structOf(call: AnchorCall): Uint8Array {
  if (call.kind === 'openSession') return openStruct(call.open)
  return call.kind === 'rotateAuthority' ? rotateStruct(call.rotate) : commitStruct(call.commit)
}

export function readCall(world: World, data: Uint8Array, kind: AnchorCall['kind']): CallInfo {
  const decoded = readCalldata(data, kind, world.real)
  const { ledger } = world.chain.rules
  const struct = structOf(decoded)
  const signer = recoverAddress(typedDigest(ledger, struct), decodeSignature(decoded.signature))
  const paying = decoded.kind === 'commitAndPay'
  return {
    id: world.calls.length,
    data,
    decoded,
    signer: signer as Address | undefined,
    payouts: paying ? parsePayouts(decoded.payouts) : undefined,
    payoutsHash: paying ? payoutsHash(decoded.payouts, decoded.skip) : ZERO_HASH,
  }
}

/** The header that this enclave closed last. The same one, signed again, is noted once. */
function noteCommit(world: World, boot: Boot): CommitInfo {
  const unlanded = boot.instance.state?.unlanded
  claim('no bug', unlanded !== undefined && unlanded !== null, () => 'a commit was signed and none is unlanded')
  const known = world.commits.get(unlanded.hash)
  if (known !== undefined) return known
  const { header, hash, payouts } = unlanded
  let entry = boot.node
  while (entry !== undefined && entry.index > header.logSize) entry = entry.parent
  const node = entry?.parent
  claim('no bug', entry !== undefined && node !== undefined, () => 'a commit entry stands in the log')
  const ids = (boot.instance.state?.accounts ?? []).map(({ id }) => id)
  const commit = { boot, header, hash, payouts, ids, node, entry }
  world.commits.set(hash, commit)
  return commit
}

/** Only what is stored may be broadcast: whoever sends first and stores later can lose the records of what landed. */
export function submit(world: World, signed: SignedCall): void {
  if (!strikes(world, 'withheld')) broadcast(world, signed)
}

export function broadcast(world: World, { info, raw }: SignedCall): void {
  const relayed = strikes(world, 'relayed')
  world.chain.submit({ kind: 'anchor', call: info, raw: relayed ? undefined : raw })
}
