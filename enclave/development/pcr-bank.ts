/** The 32 registers of a development NSM: 0 to 15 locked from the start, 16 to 31 the application's. */
import { createHash } from 'node:crypto'

export const PCRS_MAX = 32
export const PCR_BYTES = 48
/** What boot measured; an application finds these locked. */
const BOOT_PCRS = 16

type Pcr = { value: Uint8Array; locked: boolean; extended: boolean }

export type PcrBank = {
  /** Undefined past the last register. */
  readonly at: (index: number) => Pcr | undefined
  /** Extends a register by SHA384(value ‖ data), and gives the new value. */
  readonly extend: (pcr: Pcr, data: Uint8Array) => Uint8Array
  /** What a document lists: the boot's registers, and those that the application extended. */
  readonly listed: () => ReadonlyMap<number, Uint8Array>
  readonly lockedIndexes: () => readonly number[]
}

export function openPcrBank(initial: ReadonlyMap<number, Uint8Array>): PcrBank {
  const pcrs: Pcr[] = Array.from({ length: PCRS_MAX }, (_, index) => ({
    value: initial.get(index) ?? new Uint8Array(PCR_BYTES),
    locked: index < BOOT_PCRS,
    extended: initial.has(index),
  }))
  const entries = () => [...pcrs.entries()]
  return {
    at: (index) => pcrs[index],
    extend: (pcr, data) => {
      pcr.value = extended(pcr.value, data)
      pcr.extended = true
      return pcr.value
    },
    listed: () =>
      new Map(
        entries()
          .filter(([index, pcr]) => index < BOOT_PCRS || pcr.extended)
          .map(([index, pcr]) => [index, pcr.value]),
      ),
    lockedIndexes: () =>
      entries()
        .filter(([, pcr]) => pcr.locked)
        .map(([index]) => index),
  }
}

/** PCR4 of an enclave on this instance: an empty register extended by the id's text. */
export function instancePcr(instanceId: string): Uint8Array {
  return extended(new Uint8Array(PCR_BYTES), new TextEncoder().encode(instanceId))
}

function extended(value: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha384').update(value).update(data).digest())
}
