/** What an enclave is started for: bound into every key release and into the genesis entry (protocol section 2) [F1, F2, G2, G6]. */
import { encodeCbor } from './cbor.ts'
import type { Decoded } from './codec.ts'
import { address, amountWei, decodeWith, hash, list, nullable, oneOf, struct, text, uint } from './codec.ts'
import { keccak256 } from './hash.ts'
import type { Hash } from './ids.ts'
import { ORCHESTRATOR_ID_BYTES_MAX, toHash } from './ids.ts'
import { policyCodec } from './policy.ts'

/** Roster and openings fill at most a tree of the genesis depth; more accounts come with their credits. */
export const ROSTER_MAX = 2 ** 17 - 1

export const configurationCodec = struct({
  chainId: uint(),
  anchor: address,
  broker: address,
  guardian: address,
  role: oneOf('core'),
  genesisHash: hash,
})

export type Configuration = Decoded<typeof configurationCodec>

/** Refuses CONFIG_INVALID with the field. */
export function parseConfiguration(value: unknown): Configuration {
  return decodeWith(configurationCodec, value, 'CONFIG_INVALID', 'configuration')
}

/** keccak256 of the configuration's canonical CBOR: `config` in user_data, key release and genesis entry. */
export function configHash(configuration: Configuration): Hash {
  return toHash(keccak256(encodeCbor(configurationCodec.encode(configuration))))
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
