/** The tickets of one commit, signed and packed over the socket, beside as many bare signatures. */
import { createKeccak } from 'hash-wasm'
import secp256k1 from 'secp256k1'
import { PAYOUTS_MAX } from '../../enclave/protocol/ticket.ts'
import { openBenchLedger } from './enclave.ts'
import { bestMs, type Figure, perSecond, shareFigure, timeMs } from './figure.ts'
import type { Sizes } from './sizes.ts'

/** Long beside what V8 takes to compile the code, which is no part of a ticket's cost. */
const COMMITS = 60
const KECCAK_BITS = 256

export async function ticketFigure(sizes: Sizes): Promise<Figure> {
  const ledger = await openBenchLedger(sizes.accountsFew)
  try {
    const positions = Array.from({ length: PAYOUTS_MAX }, (_, at) => at)
    await ledger.wire.exchange(ledger.creditFrames(positions), 1)
    await ledger.commit()
    const ms = await bestMs(sizes.runs, () => ledger.resign(COMMITS))
    const least = await bestMs(sizes.runs, signaturesMs)
    return shareFigure(
      {
        what: `tickets of one commit, ${PAYOUTS_MAX} of them, signed and packed`,
        bound: 'bare native secp256k1 signatures',
        target: { side: 'at least', ratio: 0.7 },
        note: 'three hashes a ticket, two signatures more for commit and transaction, the call; next: nothing that pays',
      },
      perSecond(COMMITS * PAYOUTS_MAX, ms),
      perSecond(COMMITS * PAYOUTS_MAX, least),
    )
  } finally {
    await ledger.close()
  }
}

const keccak = await createKeccak(KECCAK_BITS)

function signaturesMs(): number {
  const key = new Uint8Array(32).fill(7)
  const digests = Array.from({ length: PAYOUTS_MAX }, (_, at) =>
    keccak.init().update(Uint8Array.of(at)).digest('binary'),
  )
  return timeMs(() => {
    for (let commit = 0; commit < COMMITS; commit++) {
      for (const digest of digests) secp256k1.ecdsaSign(digest, key)
    }
  })
}
