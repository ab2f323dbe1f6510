/** Journals as a tree of lines: the honest one, and others that part from it somewhere. */
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { fromHex, type Hash, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine } from '../builders/boot.ts'
import type { Random } from './random.ts'

/** One line and the journal that it ends. `credit` is what the writer meant by it, below zero for a debit, null for a line that means nothing. */
export type JournalNode = {
  readonly parent: JournalNode | undefined
  readonly size: number
  readonly head: Hash
  /** What travels: a long line does as its hash and length. */
  readonly line: Uint8Array | { readonly hash: Hash; readonly bytes: number } | undefined
  readonly credit: { readonly id: string; readonly wei: bigint } | null
}

const GWEI = 10n ** 9n
const CREDIT_GWEI_MAX = 800_000_000
const DEBIT_GWEI_MAX = 200_000_000
const LONG_LINE_BYTES = 40_000
const encoder = new TextEncoder()

export const EMPTY_JOURNAL: JournalNode = { parent: undefined, size: 0, head: ZERO_HASH, line: undefined, credit: null }

/** The next line after `parent`: mostly a credit, sometimes a debit, sometimes one that has to be refused. */
export function writeLine(random: Random, parent: JournalNode, ids: readonly string[]): JournalNode {
  const kind = random.below(20)
  if (kind < 2) return writeBadLine(random, parent, ids)
  const id = random.pick(ids)
  if (kind < 4) {
    const debitWei = drawGwei(random, DEBIT_GWEI_MAX)
    return extend(parent, aLine(id, `-${etherText(debitWei)}`), { id, wei: -debitWei })
  }
  const wei = drawGwei(random, CREDIT_GWEI_MAX)
  // Many reports carry the same amount: a serial number keeps two lines from being equal by chance.
  return extend(parent, aLine(id, etherText(wei), { serial: random.word() }), { id, wei })
}

/** A line that has to be refused, whatever else stands in the journal. */
export function writeBadLine(random: Random, parent: JournalNode, ids: readonly string[]): JournalNode {
  return extend(parent, badLine(random, random.pick(ids)), null)
}

function extend(
  parent: JournalNode,
  line: NonNullable<JournalNode['line']>,
  credit: JournalNode['credit'],
): JournalNode {
  const head = toHash(nextJournalHead(fromHex(parent.head), lineHash(line)))
  return { parent, size: parent.size + 1, head, line, credit }
}

function drawGwei(random: Random, most: number): bigint {
  return BigInt(1 + random.below(most)) * GWEI
}

function badLine(random: Random, id: string): NonNullable<JournalNode['line']> {
  switch (random.below(7)) {
    case 0:
      return encoder.encode('not JSON at all\n')
    case 1:
      return encoder.encode(`{"event":"credit","event":"credit","orchestrator_id":"${id}","amount":"1"}\n`)
    case 2:
      return aLine(id, '1', { event: 'set_balance' })
    case 3:
      return aLine(id, '1', { delta: '2' })
    case 4:
      return aLine(id, '1e41')
    case 5:
      return { hash: toHash(random.bytes(32)), bytes: LONG_LINE_BYTES + random.below(LONG_LINE_BYTES) }
    default:
      return aLine('x'.repeat(129), '1')
  }
}

/** Wei as decimal ether, as a journal line has it. */
function etherText(wei: bigint): string {
  const text = wei.toString().padStart(19, '0')
  return `${text.slice(0, -18)}.${text.slice(-18)}`
}

/** The lines after `from` up to `to`, oldest first; undefined when `to` does not continue `from`. */
export function linesBetween(from: JournalNode, to: JournalNode): JournalNode[] | undefined {
  const lines: JournalNode[] = []
  let node: JournalNode | undefined = to
  for (; node !== undefined && node.size > from.size; node = node.parent) lines.push(node)
  return node === from ? lines.reverse() : undefined
}
