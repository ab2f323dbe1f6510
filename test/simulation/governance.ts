/** Everybody outside the enclave who signs for a ledger, with their keys, and what each has signed so far. */
import { addressOf, encodeSignature, sign } from '../../enclave/keys/secp256k1.ts'
import { drawPrivateKey } from '../../enclave/keys/session-key.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import { type Wei, wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { type Ledger, typedDigest } from '../../enclave/protocol/typed-data.ts'
import type { Random } from './random.ts'

export type Signer = { readonly address: Address; readonly key: Uint8Array }

/** A credit as its reporter keeps it until a final receipt; its number is its place in the desk's list, counted from 1. */
export type DeskCredit = {
  readonly orchestratorId: string
  readonly recipient: Address
  readonly amountWei: Wei
  readonly eventId: string
  readonly workHash: Hash
  notAfter: number
}

export type Desk = Signer & { readonly credits: DeskCredit[]; readonly skips: Set<string> }

export type Governance = {
  /** Ascending, as every list of signers. */
  readonly admins: readonly Signer[]
  readonly quorum: number
  readonly registrars: readonly Signer[]
  readonly desks: readonly Desk[]
  /** Who owns the recipient of an id, now or once it is registered. */
  readonly owners: ReadonlyMap<string, Signer>
  /** Who may come after an owner, by id: nobody where the world is too short for a change of recipient. */
  readonly heirs: ReadonlyMap<string, Signer>
  /** Somebody whom no policy names. */
  readonly stranger: Signer
  /** Whatever was signed with full authority: nothing else of its kind may ever land. */
  readonly signed: Set<string>
}

const ADMINS = 3
const QUORUM = 2
const DESKS = 2
const CAP_WEI = wei(2n ** 120n)

export function drawSigner(random: Random): Signer {
  const key = drawPrivateKey((bytes) => random.bytes(bytes))
  return { address: addressOf(key), key }
}

export function drawGovernance(
  random: Random,
  owners: ReadonlyMap<string, Signer>,
  heirs: ReadonlyMap<string, Signer>,
): Governance {
  return {
    admins: ascending(Array.from({ length: ADMINS }, () => drawSigner(random))),
    quorum: QUORUM,
    registrars: [drawSigner(random)],
    desks: ascending(
      Array.from({ length: DESKS }, () => ({ ...drawSigner(random), credits: [], skips: new Set<string>() })),
    ),
    owners,
    heirs,
    stranger: drawSigner(random),
    signed: new Set(),
  }
}

/** The part of the policy that names them. */
export function governedPolicy(random: Random, governance: Governance): Partial<Policy> {
  return {
    credits: random.pick(['host-trusted', 'signed', 'signed'] as const),
    admins: governance.admins.map(({ address }) => address),
    quorum: governance.quorum,
    registrars: governance.registrars.map(({ address }) => address),
    registration: { registrar: true, self: true, credit: random.chance(500) },
    reporters: governance.desks.map(({ address }) => ({ address, windowWeiMax: CAP_WEI, lifetimeWeiMax: CAP_WEI })),
  }
}

export function signStruct(ledger: Ledger, struct: Uint8Array, { key }: Signer): Uint8Array {
  return encodeSignature(sign(typedDigest(ledger, struct), key))
}

/** Exactly a quorum, ascending. */
export function quorumOf(random: Random, { admins, quorum }: Governance): Signer[] {
  const left = random.below(admins.length)
  return admins.filter((_, at) => at !== left).slice(0, quorum)
}

function ascending<S extends Signer>(signers: readonly S[]): S[] {
  return [...signers].sort((left, right) => (left.address < right.address ? -1 : 1))
}
