/** What the world can read of a ledger, and an enclave that begins from nothing else. */

import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { fromHex } from '../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
import type { Params } from '../../enclave/protocol/methods.ts'
import type { Boot } from './boot.ts'
import type { Stage } from './stage.ts'

/** The log up to the logSize of a landed commit: neither its own entry nor what came later. */
export function publishedEntries(boot: Boot, { headerHash }: Pick<CommitResult, 'headerHash'>): readonly Uint8Array[] {
  const { entries } = boot
  const at = entries.findIndex((bytes) => {
    const entry = decodeEntry(bytes)
    return entry.type === 'commit' && entry.body.hash === headerHash
  })
  return entries.slice(0, at)
}

/** An enclave on the stage's present keys, rebuilt under the truth, with its session on chain. */
export async function rebuilt(
  stage: Stage,
  entries: readonly Uint8Array[],
  approval?: Params<'rebuild'>['approval'],
): Promise<Boot> {
  const boot = await stage.boot()
  const loaded = await boot.call('rebuild', {
    entries: entries.map((entry) => Uint8Array.from(entry)),
    claimed: await stage.claim(),
    ...(approval === undefined ? {} : { approval }),
  })
  if (loaded.more) throw new Error('the last call of a rebuild carries the claim')
  boot.startFrom(entries, fromHex(loaded.ledger.journalHead))
  await boot.keep(loaded.released)
  await stage.activate(boot)
  return boot
}
