/** Brings a fresh node to where a log ends. Every block comes out as it was, or the replay stops. */
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Evm } from './evm.ts'
import { CHAIN_ID } from './evm.ts'
import { LOG_FILE } from './log-file.ts'
import { type ChainOp, type ChainRecord, runBlockAtMs, runBlocksMined } from './records.ts'
import { asRefusal } from './rpc-refusal.ts'

/** Where the log's last block stands in time; its successors are never stamped earlier. */
export type Replayed = { readonly lastAtMs: number }

/**
 * Applies `records` in order; `seen` hears of each operation. Refuses CONFIG_INVALID, with the record's number, when a
 * block gets another hash than the log says: then node and log are of different versions, or the log was edited.
 */
export async function replay(
  evm: Evm,
  records: readonly ChainRecord[],
  seen: (op: ChainOp) => void,
): Promise<Replayed> {
  let lastAtMs = 0
  for (const [number, record] of records.entries()) {
    if (record.kind === 'genesis') {
      if (number !== 0 || record.chainId !== CHAIN_ID) refuseRecord(number, 'a genesis record of another chain')
      continue
    }
    checkPosition(evm, record, number)
    if (record.kind === 'run') {
      const blocks = runBlocksMined(record, records[number + 1])
      if (blocks === undefined) return refuseRecord(number + 1, 'a block that does not follow')
      const instants = Array.from({ length: blocks }, (_, index) => runBlockAtMs(record, index))
      await evm.mine(...instants)
      lastAtMs = instants.at(-1) ?? lastAtMs
      continue
    }
    for (const op of record.ops) {
      await applyOp(evm, op).catch((error: unknown) => refuseRecord(number, `${op.kind}: ${asRefusal(error).message}`))
      seen(op)
    }
    if (record.kind === 'block') {
      await evm.mine(record.atMs)
      lastAtMs = record.atMs
    }
  }
  return { lastAtMs }
}

/** Does to the node what the operation did when it was logged. */
async function applyOp(evm: Evm, op: ChainOp): Promise<void> {
  if (op.kind === 'transaction') await evm.request('eth_sendRawTransaction', [op.raw])
  if (op.kind === 'cheat') await evm.request(op.method, op.params)
}

function checkPosition(evm: Evm, record: Exclude<ChainRecord, { kind: 'genesis' }>, number: number): void {
  const { number: height, hash } = evm.tip
  if (record.blockNumber !== height + 1) refuseRecord(number, `block ${record.blockNumber} after block ${height}`)
  if (record.parentHash !== hash) {
    refuseRecord(number, `block ${height} has the hash ${hash}, the log says ${record.parentHash}`)
  }
}

function refuseRecord(number: number, what: string): never {
  throw new CodedError('CONFIG_INVALID', `${LOG_FILE} record ${number} does not replay: ${what}`)
}
