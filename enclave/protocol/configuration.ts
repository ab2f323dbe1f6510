/** What an enclave is started for: bound into every key release and into the genesis entry (protocol section 2) [F1, F2, G2, G6]. */
import { encodeCbor } from './cbor.ts'
import type { Decoded } from './codec.ts'
import { address, amountWei, decodeWith, hash, list, nullable, oneOf, struct, text, uint } from './codec.ts'
import { refuse } from './errors.ts'
import { keccak256 } from './hash.ts'
import type { Hash } from './ids.ts'
import { ORCHESTRATOR_ID_BYTES_MAX, toHash } from './ids.ts'
import { policyCodec } from './policy.ts'

/** Roster and openings fill at most a tree of the genesis depth; more accounts come with their credits. */
export const ROSTER_MAX = 2 ** 17 - 1

/** Where a ledger stands, who guards it and what it began with: what `config` covers. */
export const placeCodec = struct({
  chainId: uint(),
  anchor: address,
  broker: address,
  guardian: address,
  role: oneOf('core'),
  genesisHash: hash,
})

const KEY_ARN_BYTES_MAX = 256
const REGION_BYTES_MAX = 32
const KEY_VERSION_MAX = 2 ** 31 - 1

/** Which KMS key releases the keys. Not part of `config`: keys may move to another region or version of the same ledger. */
export const keyReleaseCodec = struct({
  keyId: text(KEY_ARN_BYTES_MAX, 1),
  region: text(REGION_BYTES_MAX, 1),
  keyVersion: uint(KEY_VERSION_MAX),
})

export type Place = Decoded<typeof placeCodec>
export type KeyReleaseTerms = Decoded<typeof keyReleaseCodec>
/** `keyRelease` is absent where keys come from no KMS: on a development machine. */
export type Configuration = Place & { readonly keyRelease?: KeyReleaseTerms }

/** Refuses CONFIG_INVALID with the field. */
export function parseConfiguration(value: unknown): Configuration {
  if (!isRecord(value) || !('keyRelease' in value))
    return decodeWith(placeCodec, value, 'CONFIG_INVALID', 'configuration')
  const { keyRelease, ...place } = value
  return {
    ...decodeWith(placeCodec, place, 'CONFIG_INVALID', 'configuration'),
    keyRelease: checkedTerms(decodeWith(keyReleaseCodec, keyRelease, 'CONFIG_INVALID', 'configuration.keyRelease')),
  }
}

/**
 * arn:partition:kms:region:account:key/id. Never an alias: whoever may change an alias would choose the key [N22]. The
 * region becomes part of the endpoint's name, and another service's certificate may cover any one label there (*.s3): it
 * has the form of a region, or nothing is locked.
 */
const KEY_ARN =
  /^arn:aws(?:-cn|-us-gov)?:kms:([a-z]{2,8}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2}):[0-9]{12}:key\/[A-Za-z0-9-]+$/

/** The region of a key's full ARN; undefined for anything else, an alias among it. */
export function regionOfKey(arn: string): string | undefined {
  return KEY_ARN.exec(arn)?.[1]
}

/** Refuses CONFIG_INVALID for an alias, and for a region that is not the key's. */
export function checkedTerms(terms: KeyReleaseTerms): KeyReleaseTerms {
  const region = regionOfKey(terms.keyId)
  if (region === undefined) refuse('CONFIG_INVALID', 'the full ARN of a KMS key as keyRelease.keyId', terms.keyId)
  if (region !== terms.region) refuse('CONFIG_INVALID', `keyRelease.region ${region}, as in the ARN`, terms.region)
  return terms
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** keccak256 of the place's canonical CBOR: `config` in user_data, key release and genesis entry. */
export function configHash({ keyRelease: _, ...place }: Configuration): Hash {
  return toHash(keccak256(encodeCbor(placeCodec.encode(place))))
}

/** What PCR16 is extended with: keccak256 of the canonical CBOR of the whole configuration, key release included. */
export function lockedHash({ keyRelease, ...place }: Configuration): Hash {
  const released = keyRelease === undefined ? null : keyReleaseCodec.encode(keyRelease)
  return toHash(keccak256(encodeCbor({ place: placeCodec.encode(place), keyRelease: released })))
}

const rosterItem = struct({ id: text(ORCHESTRATOR_ID_BYTES_MAX, 1), recipient: address })
const openingItem = struct({ id: text(ORCHESTRATOR_ID_BYTES_MAX, 1), wei: amountWei, recipient: nullable(address) })

export const genesisCodec = struct({
  policy: policyCodec,
  roster: list(rosterItem, ROSTER_MAX),
  openings: list(openingItem, ROSTER_MAX),
  journalSize: uint(),
  journalHead: hash,
})

export type Genesis = Decoded<typeof genesisCodec>
export type RosterItem = Decoded<typeof rosterItem>
export type Opening = Decoded<typeof openingItem>

/** keccak256 of the canonical CBOR of everything that genesis takes; any other input is refused (GENESIS_HASH). */
export function genesisHash(genesis: Genesis): Hash {
  return toHash(keccak256(encodeCbor(genesisCodec.encode(genesis))))
}
