/** Who works in the shipped journal, and where each is paid. */
import { keccak256 } from '../../enclave/protocol/hash.ts'
import { type Address, toHex } from '../../enclave/protocol/ids.ts'
import { utf8 } from '../../enclave/protocol/words.ts'

export type Orchestrator = {
  readonly id: string
  /** Null: the roster does not know where to pay this one, so its credits accrue. */
  readonly recipient: Address | null
  /** Of a thousand lines, about so many are of this one. */
  readonly share: number
}

export const ORCHESTRATORS_MAX = 60
/** Nobody registered this one's recipient with Livepeer: its tickets fail. */
export const UNREGISTERED_ID = 'orch-newcomer'
/** The roster leaves this one out. */
export const UNROSTERED_ID = 'orch-walk-in'

const NAMED: readonly string[] = [
  'orch-café',
  'Pool 北 #7',
  'orch-\u{1f3ac}',
  'gpu.rack/12',
  'orch-twin-a',
  'orch-twin-b',
]
const REGIONS = ['fra', 'ams', 'nyc', 'sfo', 'sgp', 'gru', 'syd', 'waw'] as const
const SHARE_LARGEST = 90

/** Sixty orchestrators: few of them do most of the work, two share a purse, one goes by its address. */
export function demoOrchestrators(): readonly Orchestrator[] {
  const own = demoRecipient('address as id')
  const ids = [UNREGISTERED_ID, UNROSTERED_ID, own, ...NAMED]
  for (let number = 1; ids.length < ORCHESTRATORS_MAX; number++) {
    ids.push(`orch-${REGIONS[number % REGIONS.length]}-${number.toString().padStart(2, '0')}`)
  }
  return ids.map((id, rank) => ({ id, recipient: recipientOf(id, own), share: Math.ceil(SHARE_LARGEST / (rank + 4)) }))
}

/** Pairs of id and recipient, as `--roster` has them; whoever has no recipient is left out. */
export function rosterOf(
  orchestrators: readonly Orchestrator[],
): readonly { readonly id: string; readonly recipient: Address }[] {
  return orchestrators.flatMap(({ id, recipient }) => (recipient === null ? [] : [{ id, recipient }]))
}

/** An address that nobody holds the key of, made from a name: for the embedded world only. */
export function demoRecipient(name: string): Address {
  return toHex(keccak256(utf8(`anchorhold demo recipient: ${name}`)).slice(12)) as Address
}

function recipientOf(id: string, own: Address): Address | null {
  if (id === UNROSTERED_ID) return null
  if (id === own) return own
  return demoRecipient(id.startsWith('orch-twin-') ? 'orch-twin' : id)
}
