/** Time of one commit, as the host waits for it, at small and large ledgers. */
import { createKeccak } from 'hash-wasm'
import secp256k1 from 'secp256k1'
import { type BenchLedger, openBenchLedger, PAYOUTS_PER_COMMIT } from './enclave.ts'
import { bestMs, durationFigure, type Figure, timeMs } from './figure.ts'

const RUNS = 3
const TREE_DEPTH = 17
const LEAF_BYTES = 256
const HASH_BYTES = 32
const NODE_BYTES = 64
const TICKET_BYTES = 232
const EIP191_BYTES = 60
/** Of the session over the commit, and of the authority over the transaction. */
const SIGNATURES_MORE = 2
/** Accounts, and how many of them changed since the commit before. */
const CASES = [
  [1_000, 50],
  [1_000, 1_000],
  [100_000, 50],
  [100_000, 10_000],
] as const

export async function commitFigures(said: (step: string) => void): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const accounts of new Set(CASES.map(([count]) => count))) {
    said(`commit at ${accounts} accounts`)
    const ledger = await openBenchLedger(accounts)
    try {
      for (const [count, touched] of CASES)
        if (count === accounts) figures.push(await measure(ledger, accounts, touched))
    } finally {
      await ledger.close()
    }
  }
  return figures
}

async function measure(ledger: BenchLedger, accounts: number, touched: number): Promise<Figure> {
  const positions = Array.from({ length: touched }, (_, at) => Math.floor((at * accounts) / touched))
  const bestOfRuns = await bestMs(RUNS, async () => {
    await ledger.credit(positions)
    const { ms, commit } = await ledger.commit()
    await ledger.settle(commit)
    return ms
  })
  const least = await leastMs(positions.map((at) => at + 1))
  const what = `commit, ${accounts.toLocaleString('en')} accounts, ${touched.toLocaleString('en')} changed, ${PAYOUTS_PER_COMMIT} paid`
  return durationFigure(
    what,
    bestOfRuns,
    `its hashes and ${PAYOUTS_PER_COMMIT + SIGNATURES_MORE} signatures alone`,
    least,
  )
}

/** Every changed leaf and every node above one, once; a hash and a signature for each ticket. */
async function leastMs(positions: readonly number[]): Promise<number> {
  const keccak = await createKeccak(256)
  const hash = (bytes: Uint8Array) => keccak.init().update(bytes).digest('binary')
  const [leaf, inner, node] = [LEAF_BYTES, HASH_BYTES, NODE_BYTES].map((size) => new Uint8Array(size).fill(7)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const [ticket, framed, key] = [TICKET_BYTES, EIP191_BYTES, HASH_BYTES].map((size) =>
    new Uint8Array(size).fill(7),
  ) as [Uint8Array, Uint8Array, Uint8Array]
  const nodes = nodesAbove(positions)
  return bestMs(RUNS, () =>
    timeMs(() => {
      for (let at = 0; at < positions.length; at++) hash(leaf) && hash(inner)
      for (let at = 0; at < nodes; at++) hash(node)
      for (let at = 0; at < PAYOUTS_PER_COMMIT + SIGNATURES_MORE; at++) {
        hash(ticket)
        secp256k1.ecdsaSign(hash(framed), key)
      }
    }),
  )
}

function nodesAbove(positions: readonly number[]): number {
  let level = new Set(positions)
  let count = 0
  for (let depth = 0; depth < TREE_DEPTH; depth++) {
    level = new Set([...level].map((at) => at >> 1))
    count += level.size
  }
  return count
}
