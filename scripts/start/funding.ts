/** Where the money lies, and how each purse is filled. */
import type { Stack } from './stack.ts'

export function fundingLines({
  deployment,
  authority,
  url,
}: Pick<Stack, 'deployment' | 'authority' | 'url'>): string[] {
  return [
    `treasury:  the anchor ${deployment.anchor} pays orchestrators; send it ether to fund it (auditor first)`,
    `gas float: the authority ${authority} pays for gas; send it a little ether`,
    `chain:     ${url} (chain id ${deployment.chainId})`,
  ]
}
