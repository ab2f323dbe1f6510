/** Who signed what stands in an entry (protocol sections 4 to 6). See docs/adr/0009-auditor-signatures.md. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak256 } from '../../enclave/protocol/hash.ts'
import type { Address, Hex } from '../../enclave/protocol/ids.ts'
import { ADDRESS_BYTES, fromHex, HASH_BYTES, toHex } from '../../enclave/protocol/ids.ts'
import { typedDigest } from '../../enclave/protocol/typed-data.ts'
import type { Ledger, Replay } from './ledger.ts'
import { demand, demandEqual } from './ledger.ts'

const V_OFFSET = 27
const COMPACT_BYTES = 64
const SIGNATURE_BYTES = 65

/** The address behind r ‖ s ‖ v over a digest of 32 bytes; null when no key can have made it, or s is the high one. */
export function recover(digest: Uint8Array, signature: Uint8Array): Address | null {
  const parity = (signature[COMPACT_BYTES] ?? 0) - V_OFFSET
  if (signature.length !== SIGNATURE_BYTES || (parity !== 0 && parity !== 1)) return null
  try {
    const made = secp256k1.Signature.fromCompact(signature.slice(0, COMPACT_BYTES)).addRecoveryBit(parity)
    if (made.hasHighS()) return null
    const point = made.recoverPublicKey(digest).toRawBytes(false)
    return toHex(keccak256(point.slice(1)).slice(HASH_BYTES - ADDRESS_BYTES)) as Address
  } catch {
    // Values out of range, or an r that is no point of the curve: foreign bytes, so nobody's signature.
    return null
  }
}

/** Who signed an EIP-712 struct under the ledger's domain. */
export function signerOf(ledger: Ledger, struct: Uint8Array, signature: Hex): Address | null {
  return recover(typedDigest(ledger.genesis, struct), fromHex(signature))
}

export function demandSigner(
  replay: Replay,
  ledger: Ledger,
  subject: string,
  expected: Address,
  signed: { readonly struct: Uint8Array; readonly signature: Hex },
): void {
  demandEqual(replay, 'SIGNATURE_WRONG', subject, expected, signerOf(ledger, signed.struct, signed.signature))
}

/** Exactly a quorum of the admins in force, each once, ascending. A policy without admins lets nobody act. */
export function demandQuorum(
  replay: Replay,
  ledger: Ledger,
  subject: string,
  struct: Uint8Array,
  signatures: readonly Hex[],
): void {
  const { admins, quorum } = ledger.policy
  const signers = signatures.map((signature) => signerOf(ledger, struct, signature))
  const ascending = signers.every((signer, at) => at === 0 || String(signer) > String(signers[at - 1]))
  const known = signers.every((signer) => signer !== null && admins.includes(signer))
  const enough = quorum > 0 && signers.length === quorum
  const expected = quorum === 0 ? 'nobody: the policy names no admins' : `${quorum} of ${admins.join(' ')}, ascending`
  demand(replay, enough && ascending && known, 'QUORUM_WRONG', subject, expected, signers)
}

/** Nothing counts later than its signers said. */
export function demandInTime(replay: Replay, subject: string, notAfter: number): void {
  demand(replay, replay.at <= notAfter, 'SIGNATURE_EXPIRED', subject, `by second ${notAfter}`, `second ${replay.at}`)
}

/** Each act counts once, in its order. */
export function demandNext(replay: Replay, subject: string, last: number, got: number): void {
  demandEqual(replay, 'COUNTER_ORDER', subject, last + 1, got)
}
