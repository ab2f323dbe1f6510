import { type LocalAccount, mnemonicToAccount } from 'viem/accounts'

/** The public test words that every development node knows. Whoever reads this page holds these keys. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk'

/** Index of each development account; every index from 4 to 19 is free. */
export const DEV_ACCOUNTS = { owner: 0, guardian: 1, keeper: 2, treasuryOwner: 3 } as const
export const DEV_ACCOUNTS_MAX = 20

/** Whoever signs transactions of the embedded chain's own: its owner, guardian, keeper and treasury owner. */
export type DevAccount = LocalAccount

/** A development account with its key, by its index under m/44'/60'/0'/0. */
export function devAccount(index: number): DevAccount {
  return mnemonicToAccount(DEV_MNEMONIC, { addressIndex: index })
}
