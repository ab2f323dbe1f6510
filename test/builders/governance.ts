/** The part of a policy that governs it: nobody may sign anything, and no cap binds. Tests name what they are about. */
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { NOBODY_GOVERNS } from '../../scripts/start/policy.ts'

/** Above any sum of a test, below what a policy may say. */
export const UNCAPPED_WEI = wei(BigInt(NOBODY_GOVERNS.rollingWeiMax))

export const UNGOVERNED = {
  ...NOBODY_GOVERNS,
  recipientWindowWeiMax: UNCAPPED_WEI,
  rollingWeiMax: UNCAPPED_WEI,
  journal: { windowWeiMax: UNCAPPED_WEI, lifetimeWeiMax: UNCAPPED_WEI },
} satisfies Partial<Policy>

/** The same as it stands in a file of JSON. */
export const UNGOVERNED_JSON = NOBODY_GOVERNS
