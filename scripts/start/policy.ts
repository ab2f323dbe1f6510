/** What the embedded ledger begins with. Figures for a demonstration: a real pool chooses its own. */
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'

export type RosterItem = { readonly id: string; readonly recipient: Address }

export type LedgerPlace = {
  readonly chainId: number
  readonly anchor: Address
  readonly broker: Address
  readonly guardian: Address
  readonly treasuryOwner: Address
}

const MILLIETHER_WEI = 10n ** 15n
const THRESHOLD_WEI = 8n * MILLIETHER_WEI
const PAYOUT_WEI_MIN = MILLIETHER_WEI
const PAYOUT_WEI_MAX = 10_000n * MILLIETHER_WEI
const COMMIT_WEI_MAX = 200_000n * MILLIETHER_WEI
const PAYOUTS_PER_COMMIT = 50
const CADENCE_SECONDS = 2
const GAS_PRICE_WEI_MAX = 1_000_000_000n
/** Below the 16,777,216 of EIP-7825. */
const GAS_MAX = 16_000_000
const SIGNATURES_PER_SEQUENCE_MAX = 100
const BACKOFF_SEQUENCES_MAX = 1_024
const ACCOUNTS_MAX = 2 ** 17 - 1

const UNCAPPED_WEI = (2n ** 120n).toString()

/** Default deny: nobody signs anything for such a ledger, its policy stays as it is, and no window binds. */
export const NOBODY_GOVERNS = {
  windowSeconds: 86_400,
  recipientWindowWeiMax: UNCAPPED_WEI,
  rollingWeiMax: UNCAPPED_WEI,
  deniedRecipients: [],
  admins: [],
  quorum: 0,
  registrars: [],
  registration: { registrar: false, self: false, credit: false },
  reporters: [],
  journal: { windowWeiMax: UNCAPPED_WEI, lifetimeWeiMax: UNCAPPED_WEI },
}

/** The files genesis.json and enclave.json of a ledger; the second is bound to the first by its hash. */
export function genesisFiles(place: LedgerPlace, roster: readonly RosterItem[]) {
  const policy = policyOf(place)
  const genesis = { policy, roster, openings: [], journalSize: 0, journalHead: ZERO_HASH }
  const { chainId, anchor, broker, guardian } = place
  const hash = genesisHash({ ...genesis, policy: parsePolicy(policy) })
  return { genesis, configuration: { chainId, anchor, broker, guardian, role: 'core' as const, genesisHash: hash } }
}

function policyOf({ chainId, anchor, broker, treasuryOwner }: LedgerPlace) {
  return {
    chainId,
    anchor,
    broker,
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner,
    thresholdWei: THRESHOLD_WEI.toString(),
    payoutWeiMin: PAYOUT_WEI_MIN.toString(),
    payoutWeiMax: PAYOUT_WEI_MAX.toString(),
    commitWeiMax: COMMIT_WEI_MAX.toString(),
    payoutsPerCommitMax: PAYOUTS_PER_COMMIT,
    cadenceSeconds: CADENCE_SECONDS,
    gasPriceWeiMax: GAS_PRICE_WEI_MAX.toString(),
    gasMax: GAS_MAX,
    signaturesPerSequenceMax: SIGNATURES_PER_SEQUENCE_MAX,
    backoffSequencesMax: BACKOFF_SEQUENCES_MAX,
    accountsMax: ACCOUNTS_MAX,
    ...NOBODY_GOVERNS,
  }
}
