/** What one commit takes, beside a whole tree built anew and beside its own hashes and signatures. */
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { createKeccak } from 'hash-wasm'
import secp256k1 from 'secp256k1'
import { type BenchLedger, IN_FLIGHT_MAX } from './enclave.ts'
import { bestMs, costFigure, type Figure, gainFigure, timeMs } from './figure.ts'
import { addressOf } from './policy.ts'
import type { Sizes } from './sizes.ts'

const COMMITS = 3
const LEAF_FORM = ['bytes32', 'uint32', 'bytes32', 'address', 'uint128', 'uint128', 'uint128', 'uint48']
const LEAF_BYTES = 256
const HASH_BYTES = 32
const NODE_BYTES = 64
const TICKET_BYTES = 232
const EIP191_BYTES = 60
/** Of the session over the commit, and of the authority over the transaction. */
const SIGNATURES_MORE = 2

export async function commitFigures(ledger: BenchLedger, sizes: Sizes): Promise<Figure[]> {
  const { accountsMany, touched } = sizes
  const positions = Array.from({ length: touched }, (_, at) => Math.floor((at * accountsMany) / touched))
  let payouts = 0
  const ms = await bestMs(COMMITS, async () => {
    await ledger.wire.exchange(ledger.creditFrames(positions), IN_FLIGHT_MAX)
    const { ms: spentMs, commit } = await ledger.commit()
    payouts = commit.payouts.length
    await ledger.settle(commit)
    return spentMs
  })
  const what = `commit at ${accountsMany.toLocaleString('en')} accounts, ${touched.toLocaleString('en')} changed`
  const rebuild = gainFigure(
    {
      what,
      bound: `StandardMerkleTree of ${sizes.rebuildLeaves.toLocaleString('en')}, times ${accountsMany / sizes.rebuildLeaves}`,
      target: { side: 'at least', ratio: 500 },
      note: 'scaled by the number of leaves alone, which flatters the rebuild: its sort grows faster',
    },
    ms,
    rebuildMs(sizes.rebuildLeaves) * (accountsMany / sizes.rebuildLeaves),
  )
  const own = costFigure(
    {
      what: `${what}, ${payouts} paid`,
      bound: 'its hashes and signatures alone',
      note: 'choosing who is due, entries, seal and reply; the tree itself is at its hashes',
    },
    ms,
    await leastMs(
      positions.map((at) => at + 1),
      payouts,
    ),
  )
  return [rebuild, own]
}

/** What an anchored tree costs that is built anew for each commit. */
function rebuildMs(leaves: number): number {
  const zero = `0x${'00'.repeat(HASH_BYTES)}`
  const values = Array.from({ length: leaves }, (_, at) => [zero, at, zero, addressOf(at + 1), at, 0, 0, 1])
  return timeMs(() => void StandardMerkleTree.of(values, LEAF_FORM))
}

/** Every changed leaf and every node above one, once; hashes and a signature for each ticket. */
async function leastMs(positions: readonly number[], payouts: number): Promise<number> {
  const keccak = await createKeccak(256)
  const hash = (bytes: Uint8Array) => keccak.init().update(bytes).digest('binary')
  const filled = (size: number) => new Uint8Array(size).fill(7)
  const [leaf, inner, node, ticket, framed] = [LEAF_BYTES, HASH_BYTES, NODE_BYTES, TICKET_BYTES, EIP191_BYTES].map(
    filled,
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const key = filled(HASH_BYTES)
  const nodes = nodesAbove(positions)
  return bestMs(COMMITS, () =>
    timeMs(() => {
      for (let at = 0; at < positions.length; at++) hash(leaf) && hash(inner)
      for (let at = 0; at < nodes; at++) hash(node)
      for (let at = 0; at < payouts + SIGNATURES_MORE; at++) {
        hash(ticket)
        secp256k1.ecdsaSign(hash(framed), key)
      }
    }),
  )
}

function nodesAbove(positions: readonly number[]): number {
  let count = 0
  for (let level = new Set(positions); level.size > 1; count += level.size) {
    level = new Set([...level].map((at) => at >> 1))
  }
  return count
}
