/** Facts of a chain on which sessions opened and keys changed, and nothing was committed or paid. */
import type { AnchorEvent, ChainFacts } from '../../../auditor/chain-facts.ts'
import { type Address, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { ANCHOR, BROKER, GUARDIAN } from './log-builder.ts'

export function quietFacts(epoch: number, authority: Address, events: readonly AnchorEvent[]): ChainFacts {
  return {
    chainId: 31_337,
    anchor: ANCHOR,
    block: 9,
    finalBlock: 9,
    state: { head: ZERO_HASH, sequence: 0, epoch, authority, guardian: GUARDIAN, broker: BROKER, balanceWei: 0n },
    events,
    brokerEvents: [],
    calls: new Map(),
    treasury: [],
  }
}
