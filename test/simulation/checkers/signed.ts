/** Acts take effect only if whoever had to sign them did. */
import type { World } from '../scene.ts'
import { claim } from '../violation.ts'

export function claimSigned({ governance }: World, what: string): void {
  claim('only who is named may act', governance?.signed.has(what) === true, () => `${what} was never signed`)
}
