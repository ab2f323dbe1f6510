/** Builds with one planted bug each: the simulator has to catch every one of them, or its silence proves nothing. */
import type { Canary } from './canary.ts'
import { ENCLAVE_CANARIES } from './enclave.ts'
import { OUTSIDE_CANARIES } from './outside.ts'

export const CANARIES: readonly Canary[] = [...ENCLAVE_CANARIES, ...OUTSIDE_CANARIES]
