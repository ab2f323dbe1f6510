/** Builds with one planted bug each: the simulator has to catch every one of them, or its silence proves nothing. */
import { ANSWER_CANARIES } from './answers.ts'
import type { Canary } from './canary.ts'
import { ENCLAVE_CANARIES } from './enclave.ts'
import { OUTSIDE_CANARIES } from './outside.ts'
import { PAYEE_CANARIES } from './payees.ts'

export const CANARIES: readonly Canary[] = [
  ...ENCLAVE_CANARIES,
  ...PAYEE_CANARIES,
  ...ANSWER_CANARIES,
  ...OUTSIDE_CANARIES,
]
