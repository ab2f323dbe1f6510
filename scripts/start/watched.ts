/** What a start has seen and nothing else keeps: kept beside the ledger, so that a later start can show it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '../../host/durable-file.ts'
import type { Attack } from './attacks/attack.ts'
import type { Folder } from './folder.ts'

const wei = z.string().regex(/^-?\d{1,40}$/)
const Seen = z.strictObject({
  /** Rounds that ended while somebody was to be paid. */
  roundsWhileDue: z.int().nonnegative(),
  /** Hashes of broadcasts that the embedded chain lost, and sent twice. */
  dropped: z.array(z.string()),
  doubled: z.array(z.string()),
  /** The outcome of the attacks, and the sequence at which they were made. */
  attacks: z
    .strictObject({
      sequence: z.int(),
      results: z.array(
        z.strictObject({
          name: z.string(),
          lostWei: wei,
          held: z.boolean(),
          tries: z.array(z.strictObject({ what: z.string(), answer: z.string(), held: z.boolean() })),
        }),
      ),
    })
    .nullable(),
})
type Seen = z.infer<typeof Seen>

export type Watched = {
  roundsWhileDue: number
  readonly dropped: Set<string>
  readonly doubled: Set<string>
  attacks: { readonly sequence: number; readonly results: readonly Attack[] } | null
}

export function readWatched(folder: Folder): Watched {
  const path = pathOf(folder)
  const seen: Seen = existsSync(path)
    ? Seen.parse(JSON.parse(readFileSync(path, 'utf8')))
    : { roundsWhileDue: 0, dropped: [], doubled: [], attacks: null }
  const results = seen.attacks?.results.map((attack) => ({ ...attack, lostWei: BigInt(attack.lostWei) }))
  return {
    roundsWhileDue: seen.roundsWhileDue,
    dropped: new Set(seen.dropped),
    doubled: new Set(seen.doubled),
    attacks: seen.attacks === null ? null : { sequence: seen.attacks.sequence, results: results ?? [] },
  }
}

export async function writeWatched(folder: Folder, watched: Watched): Promise<void> {
  const { roundsWhileDue, dropped, doubled, attacks } = watched
  const plain = { roundsWhileDue, dropped: [...dropped], doubled: [...doubled], attacks }
  const text = JSON.stringify(plain, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  await writeDurably(pathOf(folder), `${text}\n`)
}

function pathOf(folder: Folder): string {
  return join(folder.root, 'watched.json')
}
