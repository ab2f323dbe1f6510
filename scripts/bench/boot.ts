/** A boot from a sealed snapshot, beside reading and decrypting as many bytes. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchLedger } from './enclave.ts'
import { bestMs, costFigure, type Figure, timeMs } from './figure.ts'
import type { Sizes } from './sizes.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const IV_BYTES = 12

export async function bootFigure(ledger: BenchLedger, sizes: Sizes, chunks: readonly Uint8Array[]): Promise<Figure> {
  const ms = await ledger.reboot(chunks)
  const least = await decryptMs(sizes, chunks)
  return costFigure(
    {
      what: `boot with ${sizes.accountsMany.toLocaleString('en')} accounts from a snapshot`,
      bound: 'read and decrypt the same bytes',
      target: { side: 'at most', ratio: 2 },
      note: 'every root is computed again [S1]: five permutations of keccak for each account are half of it; then its entry in the map of ids, its object, its texts; next: an index of ids that is no map, vectors wider than WebAssembly has',
    },
    ms,
    least,
  )
}

async function decryptMs(sizes: Sizes, chunks: readonly Uint8Array[]): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'boot-'))
  const path = join(dir, 'state')
  const [key, iv] = [randomBytes(KEY_BYTES), randomBytes(IV_BYTES)]
  try {
    const sizesOf = chunks.map(({ length }) => length)
    const sealed = chunks.map((chunk) => createCipheriv(CIPHER, key, iv).update(chunk))
    writeFileSync(path, Buffer.concat(sealed))
    return await bestMs(sizes.runs, () =>
      timeMs(() => {
        const bytes = readFileSync(path)
        let at = 0
        for (const size of sizesOf) {
          createDecipheriv(CIPHER, key, iv).update(bytes.subarray(at, at + size))
          at += size
        }
      }),
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
