import type { Clock } from '../../enclave/shell/clock.ts'

const MS_PER_SECOND = 1_000

/** The clock of the operating system, which whoever runs the machine sets. */
export const systemClock: Clock = {
  unixSeconds: () => Math.floor(Date.now() / MS_PER_SECOND),
  attested: false,
}
