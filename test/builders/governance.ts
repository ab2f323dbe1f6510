/** The part of a policy that governs it: nobody may sign anything, and no cap binds. Tests name what they are about. */
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'

/** Above any sum of a test, below what a policy may say. */
export const UNCAPPED_WEI = wei(2n ** 120n)

export const UNGOVERNED: Pick<
  Policy,
  | 'windowSeconds'
  | 'recipientWindowWeiMax'
  | 'rollingWeiMax'
  | 'deniedRecipients'
  | 'admins'
  | 'quorum'
  | 'registrars'
  | 'registration'
  | 'reporters'
  | 'journal'
> = {
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

/** The same as it stands in a file of JSON. */
export const UNGOVERNED_JSON = JSON.parse(
  JSON.stringify(UNGOVERNED, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
) as object
