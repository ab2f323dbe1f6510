/** What an enclave told others, beside the chain: gathers facts and lets the pure judges speak. */
import { open } from 'node:fs/promises'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { Address } from '../enclave/protocol/ids.ts'
import { toHash } from '../enclave/protocol/ids.ts'
import { parseStrictJson } from '../enclave/protocol/strict-json.ts'
import type { Landing, StatementVerdict } from './balance-statement.ts'
import { judgeStatement, parseStatement } from './balance-statement.ts'
import { readChain } from './chain.ts'
import type { ChainFacts } from './chain-facts.ts'
import { readInclusion } from './inclusion.ts'
import type { LogSource } from './log-source.ts'
import { openLogSource } from './log-source.ts'
import { newFindings } from './naive/finding.ts'
import { readCheckpoint } from './published-log.ts'
import type { Inclusion, ReceiptVerdict } from './receipt.ts'
import { judgeReceipt, parseReceipt } from './receipt.ts'

const PROMISE_BYTES_MAX = 65_536

export type ChainPlace = {
  readonly rpcUrl: string
  readonly anchor: Address
  readonly fromBlock?: number
  readonly depthBlocks?: number
}

/** Without an endpoint: the chain's number, and what the reader looked up himself. */
export type Offline = {
  readonly chainId: number
  readonly anchor: Address
  readonly landing: Exclude<Landing, { from: 'events' }>
}

/** Refuses CONFIG_INVALID (no such file, no JSON), PARAMS_INVALID (no statement), RPC_FAILED. */
export async function verifyBalance(
  file: string,
  orchestratorId: string,
  place: ChainPlace | Offline,
): Promise<StatementVerdict> {
  const statement = parseStatement(await readJson(file))
  if ('landing' in place) return judgeStatement({ statement, orchestratorId, ledger: place, landing: place.landing })
  const { chainId, anchor, events, finalBlock } = await readEvents(place)
  const committed = events.filter((event) => event.kind === 'committed')
  const landing: Landing = { from: 'events', committed, finalBlock }
  return judgeStatement({ statement, orchestratorId, ledger: { chainId, anchor }, landing })
}

/** `log` is a folder or a web address. Refuses as verifyBalance does, and AUDIT_STORE. */
export async function verifyReceipt(file: string, log: string, place: ChainPlace): Promise<ReceiptVerdict> {
  const receipt = parseReceipt(await readJson(file))
  const { chainId, anchor, events, finalBlock } = await readEvents(place)
  return judgeReceipt({
    receipt,
    ledger: { chainId, anchor },
    sessions: events.filter((event) => event.kind === 'session'),
    committed: events.filter((event) => event.kind === 'committed'),
    finalBlock,
    inclusion: await inclusionOf(openLogSource(log), receipt.logIndex),
  })
}

/** Payments and balances are an audit's matter. */
function readEvents(place: ChainPlace): Promise<ChainFacts> {
  return readChain({ ...place, since: Number.MAX_SAFE_INTEGER })
}

/** Whose checkpoint it is does not matter here: its root counts only beside a commit on chain. */
async function inclusionOf(source: LogSource, index: number): Promise<Inclusion | null> {
  const signed = await readCheckpoint(source, newFindings())
  if (signed === undefined || signed.checkpoint.size <= index) return null
  const { size, root } = signed.checkpoint
  return { size, root: toHash(root), proof: await readInclusion(source, index, size) }
}

async function readJson(path: string): Promise<unknown> {
  const parsed = parseStrictJson(await readBytes(path), { bytesMax: PROMISE_BYTES_MAX })
  if (parsed.kind !== 'object') throw new CodedError('CONFIG_INVALID', `expected a JSON object in ${path}`)
  return parsed.value
}

/** One byte more than the limit, so that a longer file is refused and never read whole. */
async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path)
    const { buffer, bytesRead } = await file
      .read(new Uint8Array(PROMISE_BYTES_MAX + 1), 0, PROMISE_BYTES_MAX + 1, 0)
      .finally(() => file.close())
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected to read ${path}, got ${(cause as Error).message}`, { cause })
  }
}
