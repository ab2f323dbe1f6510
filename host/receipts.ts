/**
 * Provisional receipts, a line each, in DATA/receipts/<session>.log. They are a courtesy: one that a crash loses is not
 * issued again, and what it would prove, inclusion in the anchored log, anyone can prove later.
 */
import { join } from 'node:path'
import { toHex } from '../enclave/protocol/ids.ts'
import type { SignedReceipt } from '../enclave/protocol/method-results.ts'
import { appendLines } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

/** Only after the records are stored: a receipt must not outlive the entry that it names. */
export async function storeReceipts(
  paths: DataPaths,
  session: string,
  receipts: readonly SignedReceipt[],
): Promise<void> {
  if (receipts.length === 0) return
  const lines = receipts.map(
    ({ epoch, logIndex, leafHash, signature }) =>
      `${JSON.stringify({ epoch, logIndex, leafHash, signature: toHex(signature) })}\n`,
  )
  await appendLines(join(paths.receipts, `${session}.log`), lines.join(''))
}
