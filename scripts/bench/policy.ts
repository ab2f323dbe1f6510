/** The policy of the ledgers that are measured: nothing in it holds anybody back. */
import type { Address } from '../../enclave/protocol/ids.ts'
import { type Policy, parsePolicy } from '../../enclave/protocol/policy.ts'
import { PAYOUTS_MAX } from '../../enclave/protocol/ticket.ts'
import { NOBODY_GOVERNS } from '../start/policy.ts'

const ETHER_WEI = 10n ** 18n

/** As the wire has it. */
export function benchPolicy() {
  return {
    chainId: 42_161,
    anchor: addressOf(0xa1),
    broker: addressOf(0xb1),
    strategy: 'ticket',
    credits: 'host-trusted',
    treasuryOwner: addressOf(0xc1),
    thresholdWei: '1',
    payoutWeiMin: '1',
    payoutWeiMax: ETHER_WEI.toString(),
    commitWeiMax: (1_000_000n * ETHER_WEI).toString(),
    payoutsPerCommitMax: PAYOUTS_MAX,
    cadenceSeconds: 0,
    gasPriceWeiMax: (10n ** 12n).toString(),
    gasMax: 16_000_000,
    signaturesPerSequenceMax: 1_000,
    backoffSequencesMax: 64,
    accountsMax: 2 ** 21,
    ...NOBODY_GOVERNS,
  }
}

export function parsedPolicy(): Policy {
  return parsePolicy(benchPolicy())
}

export function addressOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}
